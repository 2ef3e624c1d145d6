import { type StoreRow } from '../../core/storage/backend.ts';
import { type SegmentFile } from '../../core/storage/segment-files.ts';

/** Takes down what the ports of a machine answer, in the order of the questions. */
export interface AnswerLog {
  /** A step, or the recovery, is under way and recorded. What others ask between steps is no input of the machine. */
  readonly isOpen: boolean;
  value(question: number, value: Uint8Array | undefined): void;
  row(question: number, row: StoreRow | undefined): void;
  count(question: number, count: number): void;
  written(storeSeq: number): void;
  viewOpened(viewId: number): void;
  files(files: readonly SegmentFile[]): void;
  fileBytes(bytes: Uint8Array): void;
  unreadable(message: string): void;
  repaired(): void;
}
