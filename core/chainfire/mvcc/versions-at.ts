import { type StorageBackend, type StoreRow } from '../../storage/backend.ts';
import {
  behindIndexPrefix,
  indexTable,
  mainRevisionOfIndexKey,
  prefixOfIndexKey,
  revisionKey,
} from './keys.ts';
import { isTombstoneMark } from './marks.ts';

/** Bounds in `index`. */
interface IndexRange {
  readonly from: string;
  readonly to: string | undefined;
  readonly reverse: boolean;
}

/** Versions of one key that are read along; further ones are passed by a seek. */
const versionsAlongMax = 16;

/**
 * Of each key the row in `index` that stands for what it was at the revision, in order of keys or backwards; lazily. Keys that
 * did not exist then are left out.
 */
export function* versionsAt(
  store: Pick<StorageBackend, 'range'>,
  range: IndexRange,
  revision: number,
): Iterable<string> {
  let { from, to } = range;
  while (to === undefined || from < to) {
    const many = yield* readAlong(store, { ...range, from, to }, revision);
    if (many === undefined) return;
    // One seek to the version, one behind the key.
    const end = many + revisionKey(revision + 1, 0);
    for (const [index, mark] of store.range(indexTable, { from: many, to: end, reverse: true, limit: 1 })) {
      if (!isTombstoneMark(mark)) yield index;
    }
    if (range.reverse) to = many;
    else from = behindIndexPrefix(many);
  }
}

/** @returns the first part of the key at which it has met too many versions, of which nothing was told */
function* readAlong(
  store: Pick<StorageBackend, 'range'>,
  range: IndexRange,
  revision: number,
): Generator<string, string | undefined, undefined> {
  let prefix = '';
  let versions = 0;
  let best: StoreRow | undefined;
  for (const row of store.range(indexTable, range)) {
    const own = prefixOfIndexKey(row[0]);
    if (own !== prefix) {
      if (best !== undefined && !isTombstoneMark(best[1])) yield best[0];
      prefix = own;
      versions = 0;
      best = undefined;
    }
    versions += 1;
    if (versions > versionsAlongMax) return prefix;
    // Ascending, the last that is not too new counts; descending, the first.
    const counts = mainRevisionOfIndexKey(row[0]) <= revision;
    if (counts && (best === undefined || !range.reverse)) best = row;
  }
  if (best !== undefined && !isTombstoneMark(best[1])) yield best[0];
  return undefined;
}
