import { compareBytes, noBytes } from '../../base/bytes.ts';
import { type Compare, compareResults, compareTargets, type KeyValue, type TxnRequest } from '../api/kv.ts';
import { keyRange } from '../mvcc/key-range.ts';
import { type Mvcc } from '../mvcc/mvcc.ts';
import { decodeRecord } from '../mvcc/record.ts';

/**
 * Which branch a transaction takes, and each of its nested ones on that branch, in the order in which they stand there.
 * Every compare is evaluated before anything is written, the nested ones too, as in etcd: a nested transaction never sees
 * what its parent writes when it chooses.
 */
export interface TxnPath {
  readonly succeeded: boolean;
  readonly nested: readonly TxnPath[];
}

export function choosePath(mvcc: Mvcc, txn: TxnRequest): TxnPath {
  const succeeded = txn.compare.every((compare) => holds(mvcc, compare));
  const nested: TxnPath[] = [];
  for (const { requestTxn } of succeeded ? txn.success : txn.failure) {
    if (requestTxn !== undefined) nested.push(choosePath(mvcc, requestTxn));
  }
  return { succeeded, nested };
}

/** What an absent key is compared as. */
const absentKv: KeyValue = {
  key: '',
  createRevision: 0,
  modRevision: 0,
  version: 0,
  value: noBytes,
  lease: 0n,
};

/**
 * A compare of a range holds when it holds for every key in it. Where there is no key at all, everything but the value is
 * compared as zero; a value never compares with one that is not there (etcd cannot tell an empty value from none either).
 */
function holds(mvcc: Mvcc, compare: Compare): boolean {
  let keys = 0;
  for (const [, row] of mvcc.rows(keyRange(compare.key, compare.rangeEnd), false)) {
    keys += 1;
    if (!holdsFor(compare, decodeRecord(row))) return false;
  }
  if (keys > 0) return true;
  return compare.target !== compareTargets.value && holdsFor(compare, absentKv);
}

function holdsFor(compare: Compare, kv: KeyValue): boolean {
  const order = orderOf(compare, kv);
  switch (compare.result) {
    case compareResults.equal:
      return order === 0;
    case compareResults.notEqual:
      return order !== 0;
    case compareResults.greater:
      return order > 0;
    default:
      return order < 0;
  }
}

/** Negative when the key's value is below the operand; an operand that was not given is its type's zero. */
function orderOf(compare: Compare, kv: KeyValue): number {
  switch (compare.target) {
    case compareTargets.version:
      return kv.version - (compare.version ?? 0);
    case compareTargets.create:
      return kv.createRevision - (compare.createRevision ?? 0);
    case compareTargets.mod:
      return kv.modRevision - (compare.modRevision ?? 0);
    case compareTargets.lease:
      return orderOfLeases(kv.lease, compare.lease ?? 0n);
    default:
      return compareBytes(kv.value, compare.value ?? noBytes);
  }
}

/** Lease ids are int64 on the wire and compared as such, although they are opaque to us. */
function orderOfLeases(left: bigint, right: bigint): number {
  const signedLeft = BigInt.asIntN(64, left);
  const signedRight = BigInt.asIntN(64, right);
  return signedLeft < signedRight ? -1 : signedLeft > signedRight ? 1 : 0;
}
