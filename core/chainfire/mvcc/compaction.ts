import { present } from '../../base/assert.ts';
import { type StoreWrite } from '../../storage/backend.ts';
import {
  historyTable,
  indexFrom,
  indexKey,
  indexTable,
  mainRevisionOf,
  mainRevisionOfIndexKey,
  revisionKey,
  revisionOfIndexKey,
} from './keys.ts';
import { isTombstoneMark } from './marks.ts';
import { type Mvcc, recordBytes } from './mvcc.ts';
import { isCreation, isTombstone, keyOfRecord } from './record.ts';

/** Sorts directly behind a key of fixed length. */
const successor = '\x00';

/** True when everything that compaction released has been freed here. */
export function isCompacted(mvcc: Mvcc): boolean {
  return mvcc.cursor >= revisionKey(mvcc.compactRevision + 1, 0) || mvcc.compactRevision === 0;
}

/**
 * One turn of freeing what compaction at revision R released, from where the last turn ended.
 *
 * Kept: every record above R; every record at R itself, tombstones too, since a watch may begin at R; and of each other key
 * the newest record below R, unless it is a tombstone. Every record frees its predecessor when that lies below R: earlier
 * ones are gone already, so a turn's work is bounded by its number of records, however many versions a key has.
 *
 * @param recordsMax records looked at
 * @returns the batch to write, undefined when nothing is left to do
 */
export function compactionTurn(mvcc: Mvcc, recordsMax: number): StoreWrite[] | undefined {
  if (isCompacted(mvcc)) return undefined;
  const { store, compactRevision } = mvcc;
  const end = revisionKey(compactRevision + 1, 0);
  const deletions: StoreWrite[] = [];
  let freedBytes = 0;
  let seen = 0;
  let cursor = mvcc.cursor;
  for (const [revision, record] of store.range(historyTable, { from: cursor, to: end, limit: recordsMax })) {
    seen += 1;
    cursor = revision + successor;
    const key = keyOfRecord(record);
    const index = indexKey(key, revision);
    const beforeIndex = { from: indexFrom(key), to: index, reverse: true, limit: 1 };
    // Of most keys that come and go there is nothing to look for.
    const before = isCreation(record) ? [] : store.range(indexTable, beforeIndex);
    for (const [earlier, mark] of before) {
      // A tombstone below R was freed by its own turn.
      if (mainRevisionOfIndexKey(earlier) >= compactRevision || isTombstoneMark(mark)) continue;
      const earlierRevision = revisionOfIndexKey(earlier);
      const earlierRecord = present(
        store.get(historyTable, earlierRevision),
        'a revision in the index has its record',
      );
      deletions.push(deletion(historyTable, earlierRevision), deletion(indexTable, earlier));
      freedBytes += recordBytes(earlier, earlierRecord);
    }
    if (isTombstone(record) && mainRevisionOf(revision) < compactRevision) {
      deletions.push(deletion(historyTable, revision), deletion(indexTable, index));
      freedBytes += recordBytes(index, record);
    }
  }
  return mvcc.free(deletions, freedBytes, seen < recordsMax ? end : cursor);
}

function deletion(table: string, key: string): StoreWrite {
  return { table, key, value: undefined };
}
