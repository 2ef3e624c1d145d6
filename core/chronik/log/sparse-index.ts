import { assert } from '../../base/assert.ts';
import { type Offset } from '../types.ts';

export interface IndexEntry {
  /** Base offset of the batch that begins at the position. */
  readonly offset: Offset;
  readonly positionBytes: number;
  /** Highest timestamp in front of the position, in the same segment, and the last offset of the batch that has it; −1: none. */
  readonly maxTimestampMs: number;
  readonly maxTimestampOffset: Offset;
}

/** Every so many bytes a batch of a segment: offset index and time index in one. Positions and offsets rise strictly. */
export class SparseIndex {
  #entries: IndexEntry[] = [];

  get entries(): readonly IndexEntry[] {
    return this.#entries;
  }

  get lastPositionBytes(): number {
    return this.#entries.at(-1)?.positionBytes ?? -1;
  }

  add(entry: IndexEntry): void {
    const last = this.#entries.at(-1);
    assert(
      last === undefined || (entry.positionBytes > last.positionBytes && entry.offset > last.offset),
      'an index rises',
    );
    this.#entries.push(entry);
  }

  /** The last batch that is indexed and begins at or in front of the offset. */
  atOffset(offset: Offset): IndexEntry | undefined {
    return this.#lastWhere((entry) => entry.offset <= offset);
  }

  atPosition(positionBytes: number): IndexEntry | undefined {
    return this.#lastWhere((entry) => entry.positionBytes <= positionBytes);
  }

  /** From here on batches have to be looked at to find the first one with a timestamp as high. */
  beforeTimestamp(timestampMs: number): IndexEntry | undefined {
    return this.#lastWhere((entry) => entry.maxTimestampMs < timestampMs);
  }

  /** Keeps what begins in front of the position. */
  cutTo(positionBytes: number): void {
    while (this.lastPositionBytes >= positionBytes) this.#entries.pop();
  }

  /** `holds` is true up to some entry and false behind it. */
  #lastWhere(holds: (entry: IndexEntry) => boolean): IndexEntry | undefined {
    let low = 0;
    for (let high = this.#entries.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (holds(this.#entries[middle] as IndexEntry)) low = middle + 1;
      else high = middle;
    }
    return this.#entries[low - 1];
  }
}
