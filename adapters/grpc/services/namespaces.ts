import { type Service } from '../service.ts';
import { memberAnswers, type MemberPort } from './member-port.ts';

/** Our own service beside etcd's: limits to what lies below a prefix. With authentication, for the root role alone. */
export function namespacesService(member: MemberPort): Service {
  return {
    name: 'photon.chainfire.v1.Namespaces',
    methods: memberAnswers(member, ['namespacePut', 'namespaceRemove', 'namespaceList']),
  };
}
