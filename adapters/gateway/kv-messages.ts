import * as api from '../../core/chainfire/api/kv.ts';
import {
  base64,
  base64Latin1,
  enumeration,
  int64,
  list,
  signedId,
  uint64,
  unsignedId,
} from './json-kinds.ts';
import { type JsonMessage, jsonMessage, nested } from './json-message.ts';

/** The KV service's messages in JSON. */
export const ResponseHeader = jsonMessage(api.ResponseHeader, {
  clusterId: unsignedId,
  memberId: unsignedId,
  raftTerm: uint64,
});
const header = nested(() => ResponseHeader);

export const KeyValue = jsonMessage(api.KeyValue, { key: base64Latin1, lease: signedId });
const keyValue = nested(() => KeyValue);

const { sortOrders, sortTargets, compareResults, compareTargets } = api;
export const RangeRequest = jsonMessage(api.RangeRequest, {
  key: base64Latin1,
  rangeEnd: base64Latin1,
  sortOrder: enumeration('etcdserverpb.RangeRequest_SortOrder', {
    NONE: sortOrders.none,
    ASCEND: sortOrders.ascend,
    DESCEND: sortOrders.descend,
  }),
  sortTarget: enumeration('etcdserverpb.RangeRequest_SortTarget', {
    KEY: sortTargets.key,
    VERSION: sortTargets.version,
    CREATE: sortTargets.create,
    MOD: sortTargets.mod,
    VALUE: sortTargets.value,
  }),
});
export const RangeResponse = jsonMessage(api.RangeResponse, { header, kvs: list(keyValue) });

export const PutRequest = jsonMessage(api.PutRequest, { key: base64Latin1, lease: signedId });
export const PutResponse = jsonMessage(api.PutResponse, { header, prevKv: keyValue });

export const DeleteRangeRequest = jsonMessage(api.DeleteRangeRequest, {
  key: base64Latin1,
  rangeEnd: base64Latin1,
});
export const DeleteRangeResponse = jsonMessage(api.DeleteRangeResponse, { header, prevKvs: list(keyValue) });

export const Compare = jsonMessage(api.Compare, {
  result: enumeration('etcdserverpb.Compare_CompareResult', {
    EQUAL: compareResults.equal,
    GREATER: compareResults.greater,
    LESS: compareResults.less,
    NOT_EQUAL: compareResults.notEqual,
  }),
  target: enumeration('etcdserverpb.Compare_CompareTarget', {
    VERSION: compareTargets.version,
    CREATE: compareTargets.create,
    MOD: compareTargets.mod,
    VALUE: compareTargets.value,
    LEASE: compareTargets.lease,
  }),
  key: base64Latin1,
  rangeEnd: base64Latin1,
  version: int64,
  createRevision: int64,
  modRevision: int64,
  value: base64,
  lease: signedId,
});

export const RequestOp = jsonMessage(api.RequestOp, {
  requestRange: nested(() => RangeRequest),
  requestPut: nested(() => PutRequest),
  requestDeleteRange: nested(() => DeleteRangeRequest),
  requestTxn: nested(() => TxnRequest),
});
const requestOps = list(nested(() => RequestOp));
export const TxnRequest: JsonMessage<api.TxnRequest> = jsonMessage(api.TxnRequest, {
  compare: list(nested(() => Compare)),
  success: requestOps,
  failure: requestOps,
});

export const ResponseOp = jsonMessage(api.ResponseOp, {
  responseRange: nested(() => RangeResponse),
  responsePut: nested(() => PutResponse),
  responseDeleteRange: nested(() => DeleteRangeResponse),
  responseTxn: nested(() => TxnResponse),
});
export const TxnResponse: JsonMessage<api.TxnResponse> = jsonMessage(api.TxnResponse, {
  header,
  responses: list(nested(() => ResponseOp)),
});

export const CompactionRequest = jsonMessage(api.CompactionRequest, {});
export const CompactionResponse = jsonMessage(api.CompactionResponse, { header });
