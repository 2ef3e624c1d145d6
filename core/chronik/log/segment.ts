import { assert } from '../../base/assert.ts';
import { type RecordBatch } from '../../wire/kafka/record-batch.ts';
import { noEpoch, type Offset } from '../types.ts';
import { indexFile, type SegmentName, segmentFile } from './file-names.ts';
import { type EpochStart } from './leader-epochs.ts';
import { type IndexEntry, SparseIndex } from './sparse-index.ts';

/** A checkpoint of a segment, as it lies in the segment's index file. */
export interface CheckpointLocation {
  /** What the checkpoint says of the segment: how far it goes. */
  readonly endOffset: Offset;
  readonly segmentBytes: number;
  /** Nothing is appended to the segment any more. */
  readonly sealed: boolean;
  /** Where it lies in the index file. */
  readonly positionBytes: number;
  readonly lengthBytes: number;
}

/** What a checkpoint says of its segment; see checkpoint.ts. */
export interface SegmentImage {
  readonly sealed: boolean;
  readonly endOffset: Offset;
  readonly segmentBytes: number;
  readonly maxTimestampMs: number;
  readonly maxTimestampOffset: Offset;
  readonly firstTimestampMs: number;
  /** New since the checkpoint before, as are the index entries. */
  readonly epochs: readonly EpochStart[];
  readonly index: readonly IndexEntry[];
}

/** A segment file, and what is known of the batches in it. */
export class LogSegment {
  readonly name: SegmentName;
  readonly file: string;
  readonly indexFile: string;
  readonly #indexIntervalBytes: number;
  readonly index = new SparseIndex();
  /** Of the epochs that have batches in it: the first ones in it. */
  epochs: EpochStart[] = [];
  /** Oldest first: those that are in the index file. */
  checkpoints: CheckpointLocation[] = [];
  /** Behind the last record. */
  endOffset: Offset;
  lengthBytes = 0;
  /** −1: no batch has one. */
  maxTimestampMs = -1;
  maxTimestampOffset: Offset = -1;
  /** Of the first batch; −1: it has none. */
  firstTimestampMs = -1;
  /** Nothing is appended to it any more. */
  isClosed = false;

  constructor(directory: string, name: SegmentName, indexIntervalBytes: number) {
    this.name = name;
    this.file = segmentFile(directory, name);
    this.indexFile = indexFile(directory, name);
    this.#indexIntervalBytes = indexIntervalBytes;
    this.endOffset = name.baseOffset;
  }

  get baseOffset(): Offset {
    return this.name.baseOffset;
  }

  get isEmpty(): boolean {
    return this.lengthBytes === 0;
  }

  get indexBytes(): number {
    const last = this.checkpoints.at(-1);
    return last === undefined ? 0 : last.positionBytes + last.lengthBytes;
  }

  /** A batch lies at its end, `sizeBytes` long. */
  note(batch: RecordBatch, sizeBytes: number): void {
    const { baseOffset, maxTimestampMs, lastOffset, leaderEpoch } = batch;
    assert(baseOffset === this.endOffset, 'batches lie one behind another');
    const lastIndexed = this.index.lastPositionBytes;
    if (lastIndexed < 0 || this.lengthBytes - lastIndexed >= this.#indexIntervalBytes) {
      this.index.add({
        offset: baseOffset,
        positionBytes: this.lengthBytes,
        maxTimestampMs: this.maxTimestampMs,
        maxTimestampOffset: this.maxTimestampOffset,
      });
    }
    if (this.isEmpty) this.firstTimestampMs = maxTimestampMs;
    if (maxTimestampMs > this.maxTimestampMs) {
      this.maxTimestampMs = maxTimestampMs;
      this.maxTimestampOffset = lastOffset;
    }
    if (leaderEpoch > (this.epochs.at(-1)?.epoch ?? noEpoch)) {
      this.epochs.push({ epoch: leaderEpoch, startOffset: baseOffset });
    }
    this.endOffset = lastOffset + 1;
    this.lengthBytes += sizeBytes;
  }

  /** What a checkpoint says of it, which follows the one before. */
  restore(checkpoint: SegmentImage, location: CheckpointLocation): void {
    for (const entry of checkpoint.index) this.index.add(entry);
    this.epochs.push(...checkpoint.epochs);
    this.checkpoints.push(location);
    this.endOffset = checkpoint.endOffset;
    this.lengthBytes = checkpoint.segmentBytes;
    this.maxTimestampMs = checkpoint.maxTimestampMs;
    this.maxTimestampOffset = checkpoint.maxTimestampOffset;
    this.firstTimestampMs = checkpoint.firstTimestampMs;
    this.isClosed = checkpoint.sealed;
  }

  /**
   * Goes back to a place in front of this position where all is known; the caller notes again what lies between.
   *
   * @returns where that is
   */
  rewind(positionBytes: number): number {
    this.index.cutTo(positionBytes);
    const entry = this.index.entries.at(-1);
    const endOffset = entry?.offset ?? this.baseOffset;
    this.lengthBytes = entry?.positionBytes ?? 0;
    this.maxTimestampMs = entry?.maxTimestampMs ?? -1;
    this.maxTimestampOffset = entry?.maxTimestampOffset ?? -1;
    this.endOffset = endOffset;
    this.epochs = this.epochs.filter(({ startOffset }) => startOffset < endOffset);
    return this.lengthBytes;
  }
}
