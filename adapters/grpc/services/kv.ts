import {
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from '../../../core/chainfire/api/kv.ts';
import { type Service, unary } from '../service.ts';
import { ask, type MemberPort } from './member-port.ts';

/** etcd's KV service. */
export function kvService(member: MemberPort): Service {
  const path = (method: string): string => `/etcdserverpb.KV/${method}`;
  return {
    name: 'etcdserverpb.KV',
    methods: [
      unary(path('Range'), RangeRequest, RangeResponse, (request, context) =>
        ask<'range'>(member, { kind: 'range', request }, context),
      ),
      unary(path('Put'), PutRequest, PutResponse, (request, context) =>
        ask<'put'>(member, { kind: 'put', request }, context),
      ),
      unary(path('DeleteRange'), DeleteRangeRequest, DeleteRangeResponse, (request, context) =>
        ask<'deleteRange'>(member, { kind: 'deleteRange', request }, context),
      ),
      unary(path('Txn'), TxnRequest, TxnResponse, (request, context) =>
        ask<'txn'>(member, { kind: 'txn', request }, context),
      ),
      unary(path('Compact'), CompactionRequest, CompactionResponse, (request, context) =>
        ask<'compact'>(member, { kind: 'compact', request }, context),
      ),
    ],
  };
}
