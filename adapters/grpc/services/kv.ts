import { type Service } from '../service.ts';
import { memberAnswers, type MemberPort } from './member-port.ts';

/** etcd's KV service. */
export function kvService(member: MemberPort): Service {
  return {
    name: 'etcdserverpb.KV',
    methods: memberAnswers(member, ['range', 'put', 'deleteRange', 'txn', 'compact']),
  };
}
