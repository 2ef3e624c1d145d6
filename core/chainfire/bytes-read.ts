import { type RangeResponse, type TxnResponse } from './api/kv.ts';
import { type MemberResponse } from './member-protocol.ts';

/** Looking at a record costs about as much as copying so many bytes. */
const recordOverheadBytes = 128;
/** Counting one that is not returned. */
const countedBytes = 16;

/** About how many bytes were looked at for an answer; what a turn of answering is measured by. */
export function bytesRead(response: MemberResponse): number {
  switch (response.kind) {
    case 'range':
      return bytesOfRange(response.response);
    case 'txn':
      return bytesOfTxn(response.response);
    case 'leaseTimeToLive':
      return (1 + response.response.keys.length) * recordOverheadBytes;
    case 'leaseLeases':
      return (1 + response.response.leases.length) * recordOverheadBytes;
    default:
      return recordOverheadBytes;
  }
}

function bytesOfRange({ count, kvs }: RangeResponse): number {
  let bytes = (1 + kvs.length) * recordOverheadBytes + count * countedBytes;
  for (const { value } of kvs) bytes += value.length;
  return bytes;
}

function bytesOfTxn({ responses }: TxnResponse): number {
  let bytes = recordOverheadBytes;
  for (const { responseRange, responseTxn } of responses) {
    if (responseRange !== undefined) bytes += bytesOfRange(responseRange);
    if (responseTxn !== undefined) bytes += bytesOfTxn(responseTxn);
  }
  return bytes;
}
