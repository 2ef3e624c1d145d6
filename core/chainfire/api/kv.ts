import {
  bool,
  bytes,
  enumeration,
  id64,
  type Infer,
  int64,
  latin1,
  message,
  type Message,
  nested,
  optional,
  repeated,
  uint64,
} from '../../wire/protobuf.ts';

/**
 * The messages of etcd's KV service (`etcdserverpb`, `mvccpb`), as of v3.4 to v3.6. Keys are latin1 strings, values are
 * bytes, revisions numbers; ids of leases, members and clusters are unsigned bigints.
 */
export const KeyValue = message('KeyValue', {
  key: latin1(1),
  createRevision: int64(2),
  modRevision: int64(3),
  version: int64(4),
  value: bytes(5),
  lease: id64(6),
});
export type KeyValue = Infer<typeof KeyValue>;

export const ResponseHeader = message('ResponseHeader', {
  clusterId: id64(1),
  memberId: id64(2),
  revision: int64(3),
  raftTerm: uint64(4),
});
export type ResponseHeader = Infer<typeof ResponseHeader>;

export const sortOrders = { none: 0, ascend: 1, descend: 2 } as const;
export const sortTargets = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;

export const RangeRequest = message('RangeRequest', {
  key: latin1(1),
  rangeEnd: latin1(2),
  limit: int64(3),
  revision: int64(4),
  sortOrder: enumeration(5),
  sortTarget: enumeration(6),
  serializable: bool(7),
  keysOnly: bool(8),
  countOnly: bool(9),
  minModRevision: int64(10),
  maxModRevision: int64(11),
  minCreateRevision: int64(12),
  maxCreateRevision: int64(13),
});
export type RangeRequest = Infer<typeof RangeRequest>;

export const RangeResponse = message('RangeResponse', {
  header: nested(1, () => ResponseHeader),
  kvs: repeated(nested(2, () => KeyValue)),
  more: bool(3),
  count: int64(4),
});
export type RangeResponse = Infer<typeof RangeResponse>;

export const PutRequest = message('PutRequest', {
  key: latin1(1),
  value: bytes(2),
  lease: id64(3),
  prevKv: bool(4),
  ignoreValue: bool(5),
  ignoreLease: bool(6),
});
export type PutRequest = Infer<typeof PutRequest>;

export const PutResponse = message('PutResponse', {
  header: nested(1, () => ResponseHeader),
  prevKv: nested(2, () => KeyValue),
});
export type PutResponse = Infer<typeof PutResponse>;

export const DeleteRangeRequest = message('DeleteRangeRequest', {
  key: latin1(1),
  rangeEnd: latin1(2),
  prevKv: bool(3),
});
export type DeleteRangeRequest = Infer<typeof DeleteRangeRequest>;

export const DeleteRangeResponse = message('DeleteRangeResponse', {
  header: nested(1, () => ResponseHeader),
  deleted: int64(2),
  prevKvs: repeated(nested(3, () => KeyValue)),
});
export type DeleteRangeResponse = Infer<typeof DeleteRangeResponse>;

export const compareResults = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;
export const compareTargets = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;

/** The operand is the one field of 4 to 8 that belongs to `target`; absent means its zero. */
export const Compare = message('Compare', {
  result: enumeration(1),
  target: enumeration(2),
  key: latin1(3),
  version: optional(int64(4)),
  createRevision: optional(int64(5)),
  modRevision: optional(int64(6)),
  value: optional(bytes(7)),
  lease: optional(id64(8)),
  rangeEnd: latin1(64),
});
export type Compare = Infer<typeof Compare>;

/** Exactly one of the four is set. */
export interface RequestOp {
  readonly requestRange: RangeRequest | undefined;
  readonly requestPut: PutRequest | undefined;
  readonly requestDeleteRange: DeleteRangeRequest | undefined;
  readonly requestTxn: TxnRequest | undefined;
}
export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}
/** Exactly one of the four is set. */
export interface ResponseOp {
  readonly responseRange: RangeResponse | undefined;
  readonly responsePut: PutResponse | undefined;
  readonly responseDeleteRange: DeleteRangeResponse | undefined;
  readonly responseTxn: TxnResponse | undefined;
}
export interface TxnResponse {
  readonly header: ResponseHeader | undefined;
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}

export const RequestOp: Message<RequestOp> = message('RequestOp', {
  requestRange: nested(1, () => RangeRequest),
  requestPut: nested(2, () => PutRequest),
  requestDeleteRange: nested(3, () => DeleteRangeRequest),
  requestTxn: nested(4, () => TxnRequest),
});
export const TxnRequest: Message<TxnRequest> = message('TxnRequest', {
  compare: repeated(nested(1, () => Compare)),
  success: repeated(nested(2, () => RequestOp)),
  failure: repeated(nested(3, () => RequestOp)),
});
export const ResponseOp: Message<ResponseOp> = message('ResponseOp', {
  responseRange: nested(1, () => RangeResponse),
  responsePut: nested(2, () => PutResponse),
  responseDeleteRange: nested(3, () => DeleteRangeResponse),
  responseTxn: nested(4, () => TxnResponse),
});
export const TxnResponse: Message<TxnResponse> = message('TxnResponse', {
  header: nested(1, () => ResponseHeader),
  succeeded: bool(2),
  responses: repeated(nested(3, () => ResponseOp)),
});

export const CompactionRequest = message('CompactionRequest', { revision: int64(1), physical: bool(2) });
export type CompactionRequest = Infer<typeof CompactionRequest>;
export const CompactionResponse = message('CompactionResponse', { header: nested(1, () => ResponseHeader) });
export type CompactionResponse = Infer<typeof CompactionResponse>;
