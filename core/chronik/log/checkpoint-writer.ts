import { type SegmentAppend } from '../../base/effects.ts';
import { type Offset } from '../types.ts';
import { encodeCheckpoint, frameCheckpoint, imageOf } from './checkpoint.ts';
import { type Producers } from './producers.ts';
import { type LogSegment } from './segment.ts';

/** A checkpoint that waits until its segment is durable up to there. */
export interface DueCheckpoint {
  readonly segment: LogSegment;
  readonly endOffset: Offset;
  readonly segmentBytes: number;
  readonly sealed: boolean;
  readonly payload: Uint8Array;
}

/** A checkpoint costs at most this share of what it is about: with very many producers there are fewer. */
const shareOfSegment = 16;

/**
 * Takes the checkpoints of a log when it is time, and gives them out when they are true. Bounded: at most one a
 * `checkpointBytes` of what is appended and not durable yet.
 */
export class CheckpointWriter {
  #due: DueCheckpoint[] = [];
  #lastBytes = 0;

  /** Of a segment that goes on, when enough of it is new. */
  takeIfDue(segment: LogSegment, producers: Producers, checkpointBytes: number): void {
    const newBytes = segment.lengthBytes - (this.#newest(segment)?.segmentBytes ?? 0);
    if (newBytes < Math.max(checkpointBytes, shareOfSegment * this.#lastBytes)) return;
    this.#take(segment, producers, false);
  }

  /**
   * Of a segment that is about to begin: it stands by itself when those before are gone. Where there are no producers there is
   * nothing to say.
   */
  begin(segment: LogSegment, producers: Producers): void {
    if (producers.entries.size > 0 || producers.hasForgotten) this.#take(segment, producers, false);
  }

  /** Of a segment that has come to its end. */
  seal(segment: LogSegment, producers: Producers): void {
    this.#take(segment, producers, true);
  }

  add(due: readonly DueCheckpoint[]): void {
    this.#due.push(...due);
  }

  /** What has become true, to be written. */
  write(syncedEndOffset: Offset): readonly SegmentAppend[] {
    if ((this.#due[0]?.endOffset ?? Infinity) > syncedEndOffset) return [];
    const appends: SegmentAppend[] = [];
    while ((this.#due[0]?.endOffset ?? Infinity) <= syncedEndOffset) {
      const due = this.#due.shift() as DueCheckpoint;
      const { segment } = due;
      const positionBytes = segment.indexBytes;
      const number = segment.checkpoints.length + 1;
      const bytes = frameCheckpoint(segment, { number, positionBytes }, due.payload);
      const { endOffset, segmentBytes, sealed } = due;
      segment.checkpoints.push({ endOffset, segmentBytes, sealed, positionBytes, lengthBytes: bytes.length });
      this.#lastBytes = bytes.length;
      appends.push({ file: segment.indexFile, bytes });
    }
    return appends;
  }

  /** The log now ends there: what was taken behind is no longer true. */
  cutTo(endOffset: Offset): void {
    this.#due = this.#due.filter((due) => due.endOffset <= endOffset);
  }

  /** The segment is no longer the log's. */
  forget(segment: LogSegment): void {
    this.#due = this.#due.filter((due) => due.segment !== segment);
  }

  #take(segment: LogSegment, producers: Producers, sealed: boolean): void {
    const { endOffset, lengthBytes: segmentBytes } = segment;
    const payload = encodeCheckpoint(segment, {
      producers: imageOf(producers),
      aborted: producers.transactions.aborted,
      sealed,
      before: this.#newest(segment),
    });
    this.#due.push({ segment, endOffset, segmentBytes, sealed, payload });
  }

  /** Of this segment, written or not. */
  #newest(segment: LogSegment): { readonly endOffset: Offset; readonly segmentBytes: number } | undefined {
    for (let at = this.#due.length - 1; at >= 0; at -= 1) {
      if (this.#due[at]?.segment === segment) return this.#due[at];
    }
    return segment.checkpoints.at(-1);
  }
}
