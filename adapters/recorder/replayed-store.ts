import {
  type StorageBackend,
  type StoreRange,
  type StoreRow,
  type StoreView,
} from '../../core/storage/backend.ts';
import { questionByte, records } from './format.ts';
import { type ReplayedAnswers } from './replayed-answers.ts';

/**
 * Reads as they were answered; what is written is known to the recording. Between steps it is empty: what it held nobody knows,
 * but for what the machine asked.
 */
export class ReplayedStore implements StorageBackend {
  readonly tables: readonly string[];
  readonly #answers: ReplayedAnswers;

  constructor(tables: readonly string[], answers: ReplayedAnswers) {
    this.tables = tables;
    this.#answers = answers;
  }

  get(table: string, key: string): Uint8Array | undefined {
    if (!this.#answers.isOpen) return undefined;
    const question = questionByte(this.tables.indexOf(table), key);
    const kinds = [records.value, records.absent] as const;
    const { kind, fields } = this.#answers.take(kinds, `a row of ${table}`, question);
    return kind === records.value ? fields.bytes() : undefined;
  }

  range(table: string, range: StoreRange): Iterable<StoreRow> {
    return { [Symbol.iterator]: () => this.#rows(table, range) };
  }

  count(table: string, range: Pick<StoreRange, 'from' | 'to'>): number {
    if (!this.#answers.isOpen) return 0;
    const question = questionByte(this.tables.indexOf(table), range.from);
    return this.#answers.take([records.count], `a count of ${table}`, question).fields.varint();
  }

  write(): number {
    return this.#answers.take([records.written], 'the number of a batch', undefined).fields.varint();
  }

  openView(): number {
    return this.#answers.take([records.viewOpened], 'a view', undefined).fields.varint();
  }

  view(): StoreView {
    return {
      get: (table, key) => this.get(table, key),
      range: (table, range) => this.range(table, range),
      close: () => undefined,
    };
  }

  openStage(): number {
    throw new Error('machines open no stages');
  }

  stageRows(): void {
    throw new Error('machines fill no stages');
  }

  discardStage(): void {
    // Nothing is told of it.
  }

  installStage(): void {
    // What it holds is told by what is read of it.
  }

  *#rows(table: string, range: StoreRange): Iterator<StoreRow> {
    if (!this.#answers.isOpen) return;
    const question = questionByte(this.tables.indexOf(table), range.from);
    const kinds = [records.row, records.rowsEnd] as const;
    for (;;) {
      const { kind, fields } = this.#answers.take(kinds, `a row of a range of ${table}`, question);
      if (kind === records.rowsEnd) return;
      yield [fields.latin1(), fields.bytes()];
    }
  }
}
