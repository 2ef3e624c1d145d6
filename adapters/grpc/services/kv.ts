import { memberMethods } from '../member-methods.ts';
import { type Service, unary } from '../service.ts';
import { ask, memberAnswers, type MemberPort } from './member-port.ts';
import { rangeWith, readConsistencyOf, txnWith } from './read-consistency.ts';

/** etcd's KV service. */
export function kvService(member: MemberPort): Service {
  const { range, txn } = memberMethods;
  return {
    name: 'etcdserverpb.KV',
    methods: [
      unary(range.path, range.request, range.response, async (request, context) =>
        ask<'range'>(member, rangeWith(request, readConsistencyOf(context)), context),
      ),
      unary(txn.path, txn.request, txn.response, async (request, context) =>
        ask<'txn'>(member, txnWith(request, readConsistencyOf(context)), context),
      ),
      ...memberAnswers(member, ['put', 'deleteRange', 'compact']),
    ],
  };
}
