import { assert } from '../../base/assert.ts';
import { type Offset } from '../types.ts';

interface Mark {
  readonly syncSeq: number;
  endOffset: Offset;
  writes: number;
}

/**
 * What of a log is on the disk. Appends are counted as the log gives them out; `written` says which sync will cover those so far,
 * `synced` that it has ended. Bounded by the syncs that a runner has under way or gathered.
 */
export class Durability {
  #marks: Mark[] = [];
  #writes = 0;
  #markedWrites = 0;
  #syncedWrites = 0;
  #syncedEndOffset: Offset;

  constructor(syncedEndOffset: Offset) {
    this.#syncedEndOffset = syncedEndOffset;
  }

  get syncedEndOffset(): Offset {
    return this.#syncedEndOffset;
  }

  /** Something was given out to be written. @returns its number, for `isDurable` */
  gaveOut(): number {
    this.#writes += 1;
    return this.#writes;
  }

  get lastWrite(): number {
    return this.#writes;
  }

  isDurable(write: number): boolean {
    return write <= this.#syncedWrites;
  }

  written(syncSeq: number, endOffset: Offset): void {
    const last = this.#marks.at(-1);
    assert(last === undefined || syncSeq >= last.syncSeq, 'sync numbers never fall');
    if (this.#markedWrites === this.#writes) return;
    this.#markedWrites = this.#writes;
    if (last?.syncSeq === syncSeq) {
      // A step may append several times.
      last.endOffset = endOffset;
      last.writes = this.#writes;
    } else {
      this.#marks.push({ syncSeq, endOffset, writes: this.#writes });
    }
  }

  synced(syncSeq: number): void {
    let count = 0;
    for (const mark of this.#marks) {
      if (mark.syncSeq > syncSeq) break;
      count += 1;
      this.#syncedEndOffset = Math.max(this.#syncedEndOffset, mark.endOffset);
      this.#syncedWrites = mark.writes;
    }
    if (count > 0) this.#marks.splice(0, count);
  }

  /** The log now ends there. */
  cutTo(endOffset: Offset): void {
    this.#syncedEndOffset = Math.min(this.#syncedEndOffset, endOffset);
    for (const mark of this.#marks) mark.endOffset = Math.min(mark.endOffset, endOffset);
  }

  /** The log is empty and begins there: nothing of it is missing on the disk. */
  restartAt(offset: Offset): void {
    this.#syncedEndOffset = offset;
    for (const mark of this.#marks) mark.endOffset = offset;
  }
}
