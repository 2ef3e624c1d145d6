import { type Service } from '../service.ts';
import { memberAnswers, type MemberPort } from './member-port.ts';
import { unserved } from './unserved.ts';

/** etcd's Cluster service. */
export function clusterService(member: MemberPort): Service {
  const name = 'etcdserverpb.Cluster';
  return {
    name,
    methods: [
      ...memberAnswers(member, ['memberList']),
      ...unserved(name, ['MemberAdd', 'MemberRemove', 'MemberUpdate', 'MemberPromote']),
    ],
  };
}
