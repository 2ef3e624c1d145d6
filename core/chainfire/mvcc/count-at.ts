import { type KeyRange } from './key-range.ts';
import { behindIndexPrefix, historyTable, indexFrom, revisionKey } from './keys.ts';
import { type Mvcc } from './mvcc.ts';
import { keyOfRecord } from './record.ts';
import { versionsAt } from './versions-at.ts';

/** Changes since the revision that are looked at, at most. */
const changesMax = 1_000;

/**
 * How many keys a range had at an earlier revision: what it has now, less what has come since, and what has gone. Undefined
 * where too much has changed since, or is not yet written: then they are counted one by one.
 */
export function countAt(mvcc: Mvcc, range: KeyRange, revision: number): number | undefined {
  // In a transaction the present is not yet history.
  if (!mvcc.isWritten) return undefined;
  const { store } = mvcc;
  const since = { from: revisionKey(revision + 1, 0), limit: changesMax + 1 };
  const changed = new Set<string>();
  let changes = 0;
  for (const [, record] of store.range(historyTable, since)) {
    changes += 1;
    if (changes > changesMax) return undefined;
    const key = keyOfRecord(record);
    if (key >= range.from && (range.to === undefined || key < range.to)) changed.add(key);
  }
  let count = mvcc.count(range);
  for (const key of changed) {
    const from = indexFrom(key);
    const versions = { from, to: behindIndexPrefix(from), reverse: true };
    const [existed] = versionsAt(store, versions, revision);
    if (existed !== undefined) count += 1;
    if (mvcc.row(key) !== undefined) count -= 1;
  }
  return count;
}
