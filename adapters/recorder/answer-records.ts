import { type StoreRow } from '../../core/storage/backend.ts';
import { type SegmentFile } from '../../core/storage/segment-files.ts';
import { type WireWriter } from '../../core/wire/writer.ts';
import { type AnswerLog } from './answers.ts';
import { records } from './format.ts';

/** Answers as records. */
export class AnswerRecords implements AnswerLog {
  isOpen = false;
  readonly #writer: WireWriter;
  readonly #afterLarge: () => void;

  /** @param afterLarge called behind a record that may be large */
  constructor(writer: WireWriter, afterLarge: () => void) {
    this.#writer = writer;
    this.#afterLarge = afterLarge;
  }

  value(question: number, value: Uint8Array | undefined): void {
    const writer = this.#writer;
    writer.byte(value === undefined ? records.absent : records.value);
    writer.byte(question);
    if (value !== undefined) writer.bytes(value);
  }

  row(question: number, row: StoreRow | undefined): void {
    const writer = this.#writer;
    writer.byte(row === undefined ? records.rowsEnd : records.row);
    writer.byte(question);
    if (row === undefined) return;
    writer.latin1(row[0]);
    writer.bytes(row[1]);
    this.#afterLarge();
  }

  count(question: number, count: number): void {
    this.#writer.byte(records.count);
    this.#writer.byte(question);
    this.#writer.varint(count);
  }

  written(storeSeq: number): void {
    this.#writer.byte(records.written);
    this.#writer.varint(storeSeq);
  }

  viewOpened(viewId: number): void {
    this.#writer.byte(records.viewOpened);
    this.#writer.varint(viewId);
  }

  files(files: readonly SegmentFile[]): void {
    const writer = this.#writer;
    writer.byte(records.files);
    writer.varint(files.length);
    for (const { file, lengthBytes } of files) {
      writer.text(file);
      writer.varint(lengthBytes);
    }
  }

  fileBytes(bytes: Uint8Array): void {
    this.#writer.byte(records.fileBytes);
    this.#writer.bytes(bytes);
    this.#afterLarge();
  }

  unreadable(message: string): void {
    this.#writer.byte(records.unreadable);
    this.#writer.text(message);
  }

  repaired(): void {
    this.#writer.byte(records.repaired);
  }
}
