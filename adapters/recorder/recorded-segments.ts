import { UnreadableError } from '../../core/storage/read-errors.ts';
import { type SegmentFile, type SegmentRepair } from '../../core/storage/segment-files.ts';
import { type AnswerLog } from './answers.ts';

/** The segment files that are lent to a machine, their answers taken down. */
export class RecordedSegments implements SegmentRepair {
  readonly #segments: SegmentRepair;
  readonly #log: AnswerLog;

  constructor(segments: SegmentRepair, log: AnswerLog) {
    this.#segments = segments;
    this.#log = log;
  }

  list(prefix: string): readonly SegmentFile[] {
    const files = this.#segments.list(prefix);
    if (this.#log.isOpen) this.#log.files(files);
    return files;
  }

  read(file: string, positionBytes: number, lengthBytes: number): Uint8Array {
    const bytes = this.#noting(() => this.#segments.read(file, positionBytes, lengthBytes));
    if (this.#log.isOpen) this.#log.fileBytes(bytes);
    return bytes;
  }

  truncate(file: string, lengthBytes: number, doubtfulFromBytes?: number): void {
    this.#noting(() => this.#segments.truncate(file, lengthBytes, doubtfulFromBytes));
    if (this.#log.isOpen) this.#log.repaired();
  }

  remove(file: string): void {
    this.#segments.remove(file);
    if (this.#log.isOpen) this.#log.repaired();
  }

  /** What the disk cannot read is an answer, too: a machine goes on from it. */
  #noting<T>(ask: () => T): T {
    try {
      return ask();
    } catch (failure) {
      if (failure instanceof UnreadableError && this.#log.isOpen) this.#log.unreadable(failure.message);
      throw failure;
    }
  }
}
