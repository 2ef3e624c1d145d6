import {
  type RangeRequest,
  type RangeResponse,
  sortTargets,
  type TxnRequest,
  type TxnResponse,
} from './api/kv.ts';
import { type MemberRequest, type MemberResponse } from './member-protocol.ts';

/** Looking at a record costs about as much as copying so many bytes. */
const recordOverheadBytes = 128;
/** Counting one that nobody looks at. */
const countedBytes = 16;

/** About how many bytes were looked at for an answer; what a turn of answering is measured by. */
export function bytesRead(request: MemberRequest, response: MemberResponse): number {
  switch (response.kind) {
    case 'range':
      return request.kind === 'range'
        ? bytesOfRange(request.request, response.response)
        : recordOverheadBytes;
    case 'txn':
      return request.kind === 'txn' ? bytesOfTxn(request.request, response.response) : recordOverheadBytes;
    case 'leaseTimeToLive':
      return (1 + response.response.keys.length) * recordOverheadBytes;
    case 'leaseLeases':
      return (1 + response.response.leases.length) * recordOverheadBytes;
    default:
      return recordOverheadBytes;
  }
}

function bytesOfRange(request: RangeRequest, { count, kvs }: RangeResponse): number {
  const eachBytes = countsOnly(request) ? countedBytes : recordOverheadBytes;
  let bytes = (1 + kvs.length) * recordOverheadBytes + (count - kvs.length) * eachBytes;
  for (const { value } of kvs) bytes += value.length;
  return bytes;
}

/** Whether what is not returned is counted by the store alone: `evaluateRange` decides. */
function countsOnly(request: RangeRequest): boolean {
  if (request.revision !== 0) return false;
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  const isFiltered = minModRevision + maxModRevision + minCreateRevision + maxCreateRevision > 0;
  return request.countOnly || (request.sortTarget === sortTargets.key && !isFiltered);
}

function bytesOfTxn(request: TxnRequest, { succeeded, responses }: TxnResponse): number {
  const branch = succeeded ? request.success : request.failure;
  let bytes = recordOverheadBytes;
  responses.forEach(({ responseRange, responseTxn }, at) => {
    const { requestRange, requestTxn } = branch[at] ?? {};
    if (requestRange !== undefined && responseRange !== undefined) {
      bytes += bytesOfRange(requestRange, responseRange);
    }
    if (requestTxn !== undefined && responseTxn !== undefined) bytes += bytesOfTxn(requestTxn, responseTxn);
  });
  return bytes;
}
