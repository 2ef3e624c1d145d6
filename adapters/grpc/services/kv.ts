import { memberMethods } from '../member-methods.ts';
import { type Service, unary } from '../service.ts';
import { rangeResponseCodec } from './encoded-range.ts';
import { ask, memberAnswers, type MemberPort } from './member-port.ts';
import { rangeStreamMethod } from './range-stream.ts';
import { rangeWith, readConsistencyOf, txnWith } from './read-consistency.ts';
import { wholeRange } from './whole-range.ts';

/** etcd's KV service. */
export function kvService(member: MemberPort): Service {
  const { range, txn } = memberMethods;
  return {
    name: 'etcdserverpb.KV',
    methods: [
      unary(range.path, range.request, rangeResponseCodec, async (request, context) =>
        wholeRange(member, rangeWith(request, readConsistencyOf(context)), context),
      ),
      rangeStreamMethod(member),
      unary(txn.path, txn.request, txn.response, async (request, context) =>
        ask<'txn'>(member, txnWith(request, readConsistencyOf(context)), context),
      ),
      ...memberAnswers(member, ['put', 'deleteRange', 'compact']),
    ],
  };
}
