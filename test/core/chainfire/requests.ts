import { bytesFromLatin1, latin1FromBytes } from '../../../core/base/bytes.ts';
import {
  Compare,
  CompactionRequest,
  DeleteRangeRequest,
  type KeyValue,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../../core/chainfire/api/kv.ts';
import { type MemberRequest } from '../../../core/chainfire/member-protocol.ts';

/** Requests with everything at its default but what is given; values are texts. */
export const value = bytesFromLatin1;

export function put(key: string, text: string, more: Partial<PutRequest> = {}): PutRequest {
  return PutRequest.create({ key, value: value(text), ...more });
}

export function get(key: string, more: Partial<RangeRequest> = {}): RangeRequest {
  return RangeRequest.create({ key, ...more });
}

/** Every key. */
export function all(more: Partial<RangeRequest> = {}): RangeRequest {
  return RangeRequest.create({ key: '\x00', rangeEnd: '\x00', ...more });
}

export function del(key: string, more: Partial<DeleteRangeRequest> = {}): DeleteRangeRequest {
  return DeleteRangeRequest.create({ key, ...more });
}

export function txn(more: Partial<TxnRequest>): TxnRequest {
  return TxnRequest.create(more);
}

export function compare(key: string, more: Partial<Compare>): Compare {
  return Compare.create({ key, ...more });
}

export const op = {
  put: (request: PutRequest): RequestOp => RequestOp.create({ requestPut: request }),
  range: (request: RangeRequest): RequestOp => RequestOp.create({ requestRange: request }),
  del: (request: DeleteRangeRequest): RequestOp => RequestOp.create({ requestDeleteRange: request }),
  txn: (request: TxnRequest): RequestOp => RequestOp.create({ requestTxn: request }),
};

export const ask = {
  put: (key: string, text: string, more: Partial<PutRequest> = {}): MemberRequest => ({
    kind: 'put',
    request: put(key, text, more),
  }),
  get: (key: string, more: Partial<RangeRequest> = {}): MemberRequest => ({
    kind: 'range',
    request: get(key, more),
  }),
  all: (more: Partial<RangeRequest> = {}): MemberRequest => ({ kind: 'range', request: all(more) }),
  del: (key: string, more: Partial<DeleteRangeRequest> = {}): MemberRequest => ({
    kind: 'deleteRange',
    request: del(key, more),
  }),
  txn: (more: Partial<TxnRequest>): MemberRequest => ({ kind: 'txn', request: txn(more) }),
  compact: (revision: number, physical = false): MemberRequest => ({
    kind: 'compact',
    request: CompactionRequest.create({ revision, physical }),
  }),
  hash: { kind: 'hash', request: {} } as MemberRequest,
  hashKv: (revision = 0): MemberRequest => ({ kind: 'hashKv', request: { revision } }),
  status: { kind: 'status', request: {} } as MemberRequest,
  grant: (ttlSeconds: number, id = 0n): MemberRequest => ({
    kind: 'leaseGrant',
    request: { ttlSeconds, id },
  }),
  revoke: (id: bigint): MemberRequest => ({ kind: 'leaseRevoke', request: { id } }),
  keepAlive: (id: bigint): MemberRequest => ({ kind: 'leaseKeepAlive', request: { id } }),
  timeToLive: (id: bigint, keys = false): MemberRequest => ({
    kind: 'leaseTimeToLive',
    request: { id, keys },
  }),
  leases: { kind: 'leaseLeases', request: {} } as MemberRequest,
  memberList: (linearizable = true): MemberRequest => ({ kind: 'memberList', request: { linearizable } }),
};

/** A key-value pair as one line. */
export function line(kv: KeyValue): string {
  const { key, createRevision, modRevision, version } = kv;
  return `${key}=${latin1FromBytes(kv.value)} c${createRevision} m${modRevision} v${version}`;
}
