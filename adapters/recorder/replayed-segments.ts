import { UnreadableError } from '../../core/storage/read-errors.ts';
import { type SegmentFile, type SegmentRepair } from '../../core/storage/segment-files.ts';
import { records } from './format.ts';
import { type ReplayedAnswers } from './replayed-answers.ts';

/** The log as it was read, the disk's failures included. */
export class ReplayedSegments implements SegmentRepair {
  readonly #answers: ReplayedAnswers;

  constructor(answers: ReplayedAnswers) {
    this.#answers = answers;
  }

  list(prefix: string): readonly SegmentFile[] {
    const { fields } = this.#answers.take([records.files], `the files of ${prefix}`, undefined);
    const files: SegmentFile[] = [];
    for (let left = fields.varint(); left > 0; left -= 1) {
      files.push({ file: fields.text(), lengthBytes: fields.varint() });
    }
    return files;
  }

  read(file: string): Uint8Array {
    const kinds = [records.fileBytes, records.unreadable] as const;
    const { kind, fields } = this.#answers.take(kinds, `a part of ${file}`, undefined);
    if (kind === records.unreadable) throw new UnreadableError(fields.text());
    return fields.bytes();
  }

  truncate(file: string): void {
    const kinds = [records.repaired, records.unreadable] as const;
    const { kind, fields } = this.#answers.take(kinds, `the cut of ${file}`, undefined);
    if (kind === records.unreadable) throw new UnreadableError(fields.text());
  }

  remove(file: string): void {
    this.#answers.take([records.repaired], `the removal of ${file}`, undefined);
  }
}
