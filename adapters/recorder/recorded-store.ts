import {
  type StorageBackend,
  type StoreRange,
  type StoreRow,
  type StoreView,
  type StoreWrite,
} from '../../core/storage/backend.ts';
import { type AnswerLog } from './answers.ts';
import { questionByte } from './format.ts';

type Readable = Pick<StoreView, 'get' | 'range'>;

/**
 * The ordered store as it is, its answers taken down. A machine that is lent this one can be stepped again without the store:
 * what it wrote it is told again by what it reads.
 */
export class RecordedStore implements StorageBackend {
  readonly tables: readonly string[];
  readonly #store: StorageBackend;
  readonly #log: AnswerLog;
  readonly #reader: RecordedReader;

  constructor(store: StorageBackend, log: AnswerLog) {
    this.tables = store.tables;
    this.#store = store;
    this.#log = log;
    this.#reader = new RecordedReader(store, store.tables, log);
  }

  get(table: string, key: string): Uint8Array | undefined {
    return this.#reader.get(table, key);
  }

  range(table: string, range: StoreRange): Iterable<StoreRow> {
    return this.#reader.range(table, range);
  }

  count(table: string, range: Pick<StoreRange, 'from' | 'to'>): number {
    const count = this.#store.count(table, range);
    if (this.#log.isOpen) this.#log.count(questionByte(this.tables.indexOf(table), range.from), count);
    return count;
  }

  write(batch: readonly StoreWrite[]): number {
    const storeSeq = this.#store.write(batch);
    if (this.#log.isOpen) this.#log.written(storeSeq);
    return storeSeq;
  }

  openView(): number {
    const viewId = this.#store.openView();
    if (this.#log.isOpen) this.#log.viewOpened(viewId);
    return viewId;
  }

  view(viewId: number): StoreView {
    const view = this.#store.view(viewId);
    const reader = new RecordedReader(view, this.tables, this.#log);
    return {
      get: (table, key) => reader.get(table, key),
      range: (table, range) => reader.range(table, range),
      close: () => view.close(),
    };
  }

  openStage(): number {
    return this.#store.openStage();
  }

  stageRows(stageId: number, table: string, rows: readonly StoreRow[]): void {
    this.#store.stageRows(stageId, table, rows);
  }

  discardStage(stageId: number): void {
    this.#store.discardStage(stageId);
  }

  installStage(stageId: number): void {
    this.#store.installStage(stageId);
  }
}

class RecordedReader implements Readable {
  readonly #store: Readable;
  readonly #tables: readonly string[];
  readonly #log: AnswerLog;

  constructor(store: Readable, tables: readonly string[], log: AnswerLog) {
    this.#store = store;
    this.#tables = tables;
    this.#log = log;
  }

  get(table: string, key: string): Uint8Array | undefined {
    const value = this.#store.get(table, key);
    if (this.#log.isOpen) this.#log.value(questionByte(this.#tables.indexOf(table), key), value);
    return value;
  }

  range(table: string, range: StoreRange): Iterable<StoreRow> {
    const rows = this.#store.range(table, range);
    const log = this.#log;
    const question = questionByte(this.#tables.indexOf(table), range.from);
    return { [Symbol.iterator]: () => new RecordedRows(rows[Symbol.iterator](), log, question) };
  }
}

/** Takes rows down as they are asked for: a machine may stop early, or read two ranges in turns. */
class RecordedRows implements Iterator<StoreRow, undefined> {
  readonly #rows: Iterator<StoreRow>;
  readonly #log: AnswerLog;
  readonly #question: number;

  constructor(rows: Iterator<StoreRow>, log: AnswerLog, question: number) {
    this.#rows = rows;
    this.#log = log;
    this.#question = question;
  }

  next(): IteratorResult<StoreRow, undefined> {
    const result = this.#rows.next();
    const row = result.done === true ? undefined : result.value;
    if (this.#log.isOpen) this.#log.row(this.#question, row);
    return row === undefined ? { done: true, value: undefined } : { done: false, value: row };
  }

  return(): IteratorResult<StoreRow, undefined> {
    this.#rows.return?.();
    return { done: true, value: undefined };
  }
}
