import { type RequestOp } from '../api/kv.ts';
import { type KeyRange, keyRange } from '../mvcc/key-range.ts';
import { KeySet } from './key-set.ts';

/** What a list of operations may write, nested transactions included, whichever branches they take. */
interface Writes {
  readonly puts: Set<string>;
  readonly deletes: KeySet;
}

/**
 * Whether some run of these operations could change a key twice: two puts of it, or a put and a delete that covers it, at
 * any depth. Two deletes may overlap: the second finds nothing. The two branches of a nested transaction exclude each
 * other and may both write a key.
 *
 * etcd documents the rule and lets two cases slip, a put in a nested transaction before the sibling that deletes its key,
 * and a delete with an open end; here both are refused, so that a key has at most one change in a revision.
 */
export function changesKeyTwice(operations: readonly RequestOp[]): boolean {
  return collect(operations) === undefined;
}

/** Undefined when a key could be changed twice. */
function collect(operations: readonly RequestOp[]): Writes | undefined {
  const puts = new Set<string>();
  const ranges: Pick<KeyRange, 'from' | 'to'>[] = [];
  for (const { requestPut, requestDeleteRange } of operations) {
    if (requestDeleteRange !== undefined)
      ranges.push(keyRange(requestDeleteRange.key, requestDeleteRange.rangeEnd));
    if (requestPut === undefined) continue;
    if (puts.has(requestPut.key)) return undefined;
    puts.add(requestPut.key);
  }
  let deletes = new KeySet(ranges);
  if (covers(deletes, puts)) return undefined;
  for (const { requestTxn } of operations) {
    if (requestTxn === undefined) continue;
    const success = collect(requestTxn.success);
    const failure = collect(requestTxn.failure);
    if (success === undefined || failure === undefined) return undefined;
    const nestedDeletes = new KeySet([...success.deletes.ranges, ...failure.deletes.ranges]);
    if (covers(nestedDeletes, puts)) return undefined;
    for (const nested of [success, failure]) {
      if (covers(deletes, nested.puts)) return undefined;
      for (const key of nested.puts) if (puts.has(key)) return undefined;
    }
    for (const nested of [success, failure]) for (const key of nested.puts) puts.add(key);
    if (!nestedDeletes.isEmpty) deletes = new KeySet([...deletes.ranges, ...nestedDeletes.ranges]);
  }
  return { puts, deletes };
}

function covers(deletes: KeySet, puts: ReadonlySet<string>): boolean {
  if (deletes.isEmpty) return false;
  for (const key of puts) if (deletes.has(key)) return true;
  return false;
}
