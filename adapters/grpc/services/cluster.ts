import { type ResponseHeader } from '../../../core/chainfire/api/kv.ts';
import { type CallContext, type Method, type Service } from '../service.ts';
import { memberAnswers, type MemberPort } from './member-port.ts';

/** etcd's Cluster service. */
export function clusterService(member: MemberPort): Service {
  const methods = memberAnswers(member, [
    'memberList',
    'memberAdd',
    'memberRemove',
    'memberUpdate',
    'memberPromote',
  ]);
  return { name: 'etcdserverpb.Cluster', methods: methods.map(withoutRevision) };
}

/** Who the members are has nothing to do with the keys: as in etcd no header of it has a revision. */
function withoutRevision(method: Method): Method {
  if (method.kind !== 'unary') return method;
  return {
    ...method,
    handle: async (request: unknown, context: CallContext) => {
      const answer = (await method.handle(request, context)) as { readonly header?: ResponseHeader };
      return answer.header === undefined ? answer : { ...answer, header: { ...answer.header, revision: 0 } };
    },
  };
}
