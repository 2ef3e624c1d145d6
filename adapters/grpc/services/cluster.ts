import { MemberListRequest, MemberListResponse } from '../../../core/chainfire/api/cluster.ts';
import { type Service, unary } from '../service.ts';
import { ask, type MemberPort } from './member-port.ts';
import { unserved } from './unserved.ts';

/** etcd's Cluster service. */
export function clusterService(member: MemberPort): Service {
  const name = 'etcdserverpb.Cluster';
  return {
    name,
    methods: [
      unary(`/${name}/MemberList`, MemberListRequest, MemberListResponse, (request, context) =>
        ask<'memberList'>(member, { kind: 'memberList', request }, context),
      ),
      ...unserved(name, ['MemberAdd', 'MemberRemove', 'MemberUpdate', 'MemberPromote']),
    ],
  };
}
