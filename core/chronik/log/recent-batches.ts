import { type Offset } from '../types.ts';
import { type LogSegment } from './segment.ts';

/** Batches that are remembered: whoever reads near the end of a log finds them without a look at the disk. */
const batchesMax = 1_024;

interface RecentBatch {
  readonly segment: LogSegment;
  readonly offset: Offset;
  readonly positionBytes: number;
}

/** Where the newest batches of a log begin, all of them from the oldest that is remembered on. */
export class RecentBatches {
  readonly #segments: LogSegment[] = [];
  readonly #offsets = new Float64Array(batchesMax);
  readonly #positions = new Float64Array(batchesMax);
  #head = 0;
  #length = 0;

  add(segment: LogSegment, offset: Offset, positionBytes: number): void {
    const slot = (this.#head + this.#length) % batchesMax;
    if (this.#length === batchesMax) this.#head = (this.#head + 1) % batchesMax;
    else this.#length += 1;
    this.#segments[slot] = segment;
    this.#offsets[slot] = offset;
    this.#positions[slot] = positionBytes;
  }

  /** The batch of the segment that begins at or in front of the offset, if it is remembered. */
  atOffset(segment: LogSegment, offset: Offset): RecentBatch | undefined {
    const at = this.#lastWhere((slot) => (this.#offsets[slot] as number) <= offset);
    return this.#in(segment, at);
  }

  /** The last batch of the segment that begins at or in front of the position. */
  atPosition(segment: LogSegment, positionBytes: number): RecentBatch | undefined {
    const { baseOffset, endOffset } = segment;
    const at = this.#lastWhere((slot) => {
      const offset = this.#offsets[slot] as number;
      if (offset < baseOffset) return true;
      return offset < endOffset && (this.#positions[slot] as number) <= positionBytes;
    });
    return this.#in(segment, at);
  }

  /** The log now ends there. */
  cutTo(endOffset: Offset): void {
    while (this.#length > 0 && (this.#offsets[this.#slot(this.#length - 1)] as number) >= endOffset) {
      this.#length -= 1;
    }
  }

  clear(): void {
    this.#length = 0;
    this.#segments.length = 0;
  }

  #slot(at: number): number {
    return (this.#head + at) % batchesMax;
  }

  #in(segment: LogSegment, at: number): RecentBatch | undefined {
    if (at < 0) return undefined;
    const slot = this.#slot(at);
    if (this.#segments[slot] !== segment) return undefined;
    return {
      segment,
      offset: this.#offsets[slot] as number,
      positionBytes: this.#positions[slot] as number,
    };
  }

  /** −1: no batch that is remembered. `holds` is true up to some batch and false behind it. */
  #lastWhere(holds: (slot: number) => boolean): number {
    let low = 0;
    for (let high = this.#length; low < high;) {
      const middle = (low + high) >>> 1;
      if (holds(this.#slot(middle))) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
