import { type Service } from '../service.ts';
import { memberAnswers, type MemberPort } from './member-port.ts';

/** etcd's Cluster service. */
export function clusterService(member: MemberPort): Service {
  return {
    name: 'etcdserverpb.Cluster',
    methods: memberAnswers(member, [
      'memberList',
      'memberAdd',
      'memberRemove',
      'memberUpdate',
      'memberPromote',
    ]),
  };
}
