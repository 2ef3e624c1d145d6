import { bytesFromLatin1 } from '../../base/bytes.ts';
import { type StateForm } from '../../base/capture.ts';
import { crc32c } from '../../base/crc32c.ts';
import { type StoreView } from '../../storage/backend.ts';
import {
  historyTable,
  indexKey,
  indexTable,
  mainRevisionOf,
  metaTable,
  prefixOfIndexKey,
  revisionKey,
  mainRevisionOfIndexKey,
} from './keys.ts';
import { physicalRow } from './meta.ts';
import { isTombstoneMark } from './marks.ts';
import { isTombstone, keyOfRecord } from './record.ts';

/**
 * A checksum over the history up to a revision, and over whole tables behind it, taken slice by slice over a read view, so that
 * a large store holds nothing up. Of the history only records that compaction keeps count, whether or not this member has
 * freed the others yet: members at the same revision and compact revision agree. So with the rows of its index; rows that say
 * how far this member has come in freeing are left out.
 */
export class StateHash {
  readonly #view: StoreView;
  #compactRevision: number;
  #end: string;
  /** Tables still to be taken in whole. */
  #tables: readonly string[];
  #table = historyTable;
  #from = revisionKey(0, 0);
  #hash: number;
  #done = false;

  /**
   * @param options.initial what the checksum continues from
   * @param options.tables taken in whole behind the history
   */
  constructor(
    view: StoreView,
    options: {
      readonly compactRevision: number;
      readonly revision: number;
      readonly initial: number;
      readonly tables: readonly string[];
    },
  ) {
    this.#view = view;
    this.#compactRevision = options.compactRevision;
    this.#end = revisionKey(options.revision + 1, 0);
    this.#tables = options.tables;
    this.#hash = options.initial;
  }

  get done(): boolean {
    return this.#done;
  }

  get hash(): number {
    return this.#hash;
  }

  /** Takes up to `recordsMax` more records in, or until they come to `bytesMax`. */
  advance(recordsMax: number, bytesMax = Infinity): void {
    const inHistory = this.#table === historyTable;
    let seen = 0;
    let bytes = 0;
    const range = { from: this.#from, to: inHistory ? this.#end : undefined, limit: recordsMax };
    for (const [key, record] of this.#view.range(this.#table, range)) {
      seen += 1;
      this.#from = `${key}\x00`;
      bytes += record.length;
      if (this.#isCounted(key, record)) {
        this.#hash = crc32c(record, crc32c(bytesFromLatin1(key), this.#hash));
      }
      if (bytes >= bytesMax) return;
    }
    if (seen < recordsMax) this.#nextTable();
  }

  /** But for the view: it is the ports' to keep. */
  passState(form: StateForm): void {
    this.#compactRevision = form.number('compactRevision', this.#compactRevision);
    this.#end = form.text('end', this.#end);
    this.#tables = form.data('tables', this.#tables);
    this.#table = form.text('table', this.#table);
    this.#from = form.text('from', this.#from);
    this.#hash = form.number('hash', this.#hash);
    this.#done = form.flag('done', this.#done);
  }

  #nextTable(): void {
    const [next, ...rest] = this.#tables;
    this.#done = next === undefined;
    if (next === undefined) return;
    this.#table = next;
    this.#tables = rest;
    this.#from = '';
  }

  #isCounted(key: string, value: Uint8Array): boolean {
    if (this.#table === historyTable) return this.#isKept(key, value);
    if (this.#table === indexTable) return this.#isKeptInIndex(key, value);
    return this.#table !== metaTable || key !== physicalRow;
  }

  #isKeptInIndex(key: string, mark: Uint8Array): boolean {
    if (mainRevisionOfIndexKey(key) >= this.#compactRevision) return true;
    return !isTombstoneMark(mark) && !this.#hasLater(key);
  }

  /** The rule of `compactionTurn`, for one record. */
  #isKept(revision: string, record: Uint8Array): boolean {
    if (mainRevisionOf(revision) >= this.#compactRevision) return true;
    if (isTombstone(record)) return false;
    return !this.#hasLater(indexKey(keyOfRecord(record), revision));
  }

  /** Whether the key has changed once more up to the compact revision. */
  #hasLater(index: string): boolean {
    const to = prefixOfIndexKey(index) + revisionKey(this.#compactRevision + 1, 0);
    for (const _ of this.#view.range(indexTable, { from: `${index}\x00`, to, limit: 1 })) return true;
    return false;
  }
}
