import { bytesFromLatin1 } from '../../base/bytes.ts';
import { type StateForm } from '../../base/capture.ts';
import { crc32c } from '../../base/crc32c.ts';
import { type StoreView } from '../../storage/backend.ts';
import { historyTable, indexKey, indexTable, mainRevisionOf, revisionKey } from './keys.ts';
import { isTombstone, keyOfRecord } from './record.ts';

/**
 * A checksum over the history up to a revision, and over whole tables behind it, taken slice by slice over a read view, so that
 * a large store holds nothing up. Of the history only records that compaction keeps count, whether or not this member has
 * freed the others yet: members at the same revision and compact revision agree.
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

  /** Takes up to `recordsMax` more records in. */
  advance(recordsMax: number): void {
    const inHistory = this.#table === historyTable;
    let seen = 0;
    const range = { from: this.#from, to: inHistory ? this.#end : undefined, limit: recordsMax };
    for (const [key, record] of this.#view.range(this.#table, range)) {
      seen += 1;
      this.#from = `${key}\x00`;
      if (inHistory && !this.#isKept(key, record)) continue;
      this.#hash = crc32c(record, crc32c(bytesFromLatin1(key), this.#hash));
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

  /** The rule of `compactionTurn`, for one record. */
  #isKept(revision: string, record: Uint8Array): boolean {
    if (mainRevisionOf(revision) >= this.#compactRevision) return true;
    if (isTombstone(record)) return false;
    const key = keyOfRecord(record);
    const later = {
      from: `${indexKey(key, revision)}\x00`,
      to: indexKey(key, revisionKey(this.#compactRevision + 1, 0)),
      limit: 1,
    };
    for (const _ of this.#view.range(indexTable, later)) return false;
    return true;
  }
}
