import { present } from '../../base/assert.ts';
import { type StorageBackend, type StoreRow } from '../../storage/backend.ts';
import {
  historyTable,
  indexFrom,
  indexKey,
  indexTable,
  revisionKey,
  revisionOfIndexKey,
} from '../mvcc/keys.ts';
import { isTombstoneMark } from '../mvcc/marks.ts';

/** The store's history as watches read it: only what is written, whole revisions, in order. */
export class WatchHistory {
  readonly #store: Pick<StorageBackend, 'get' | 'range'>;

  constructor(store: Pick<StorageBackend, 'get' | 'range'>) {
    this.#store = store;
  }

  /** Rows of the revisions from ≤ revision ≤ to; lazily, until the next write. */
  rows(from: number, to: number): Iterable<StoreRow> {
    return this.#store.range(historyTable, { from: revisionKey(from, 0), to: revisionKey(to + 1, 0) });
  }

  /** Those of them that changed the key: found by `index`, however much else has happened. */
  *rowsOf(key: string, from: number, to: number): Iterable<StoreRow> {
    const range = { from: indexKey(key, revisionKey(from, 0)), to: indexKey(key, revisionKey(to + 1, 0)) };
    for (const [index] of this.#store.range(indexTable, range)) {
      const at = revisionOfIndexKey(index);
      yield [at, present(this.#store.get(historyTable, at), 'a revision in the index has its record')];
    }
  }

  /** What a key had before it changed at `revision`, the key of that change in `history`; undefined: nothing. */
  previous(key: string, revision: string): Uint8Array | undefined {
    const before = { from: indexFrom(key), to: indexKey(key, revision), reverse: true, limit: 1 };
    for (const [index, mark] of this.#store.range(indexTable, before)) {
      if (isTombstoneMark(mark)) return undefined;
      return present(
        this.#store.get(historyTable, revisionOfIndexKey(index)),
        'a revision in the index has its record',
      );
    }
    return undefined;
  }
}
