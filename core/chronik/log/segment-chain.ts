import { type SegmentCut } from '../../base/effects.ts';
import { type SegmentReader } from '../../storage/segment-files.ts';
import { type RecordBatch } from '../../wire/kafka/record-batch.ts';
import { type Offset } from '../types.ts';
import { visitBatches } from './batches-in-file.ts';
import { type CheckpointWriter } from './checkpoint-writer.ts';
import { type LogConfig } from './config.ts';
import { goneFile } from './leaving-files.ts';
import { type Producers } from './producers.ts';
import { LogSegment } from './segment.ts';

/** The segments of a log, one behind another: batches come at the end, rolling from one to the next, and are cut from there. */
export class SegmentChain {
  readonly #files: SegmentReader;
  readonly #directory: string;
  /** Oldest first. Batches go to the last one, unless it is closed. */
  readonly segments: LogSegment[];
  readonly #producers: Producers;
  readonly #checkpoints: CheckpointWriter;

  constructor(given: {
    readonly files: SegmentReader;
    readonly directory: string;
    readonly segments: LogSegment[];
    readonly producers: Producers;
    readonly checkpoints: CheckpointWriter;
  }) {
    this.#files = given.files;
    this.#directory = given.directory;
    this.segments = given.segments;
    this.#producers = given.producers;
    this.#checkpoints = given.checkpoints;
  }

  get lengthBytes(): number {
    let bytes = 0;
    for (const segment of this.segments) bytes += segment.lengthBytes;
    return bytes;
  }

  /** The segment that the next batch goes to: the last one, or a new one behind it. */
  segmentFor(batch: RecordBatch, config: LogConfig): LogSegment {
    const last = this.segments.at(-1);
    if (last !== undefined && !last.isClosed) {
      if (!rolls(last, batch, config)) return last;
      last.isClosed = true;
      this.#checkpoints.seal(last, this.#producers);
    }
    const name = { baseOffset: batch.baseOffset, generation: 0 };
    const segment = new LogSegment(this.#directory, name, config.indexIntervalBytes);
    this.segments.push(segment);
    this.#checkpoints.begin(segment, this.#producers);
    return segment;
  }

  /** Takes out segments that end at or in front of the offset. @returns them, oldest first */
  dropUpTo(offset: Offset): readonly LogSegment[] {
    let count = 0;
    while ((this.segments[count]?.endOffset ?? Infinity) <= offset) count += 1;
    const dropped = this.segments.splice(0, count);
    for (const segment of dropped) this.#checkpoints.forget(segment);
    return dropped;
  }

  /** Its index goes in front of the segment, since a checkpoint speaks of what is there. */
  dropLast(): readonly SegmentCut[] {
    const segment = this.segments.pop();
    if (segment === undefined) return [];
    this.#checkpoints.forget(segment);
    return [goneFile(segment.indexFile), goneFile(segment.file)];
  }

  /** Newest first: until all is gone, what is left is a log that ends earlier. */
  dropAll(): readonly SegmentCut[] {
    const cuts: SegmentCut[] = [];
    while (this.segments.length > 0) cuts.push(...this.dropLast());
    return cuts;
  }

  /** Cuts the last segment, which goes on from there, to where a batch begins. */
  cutLast(segment: LogSegment, toBytes: number): readonly SegmentCut[] {
    const { file, indexBytes } = segment;
    const cuts: SegmentCut[] = [];
    segment.checkpoints = segment.checkpoints.filter(({ segmentBytes }) => segmentBytes <= toBytes);
    if (segment.indexBytes < indexBytes)
      cuts.push({ file: segment.indexFile, lengthBytes: segment.indexBytes });
    cuts.push({ file, lengthBytes: toBytes });
    const fromBytes = segment.rewind(toBytes);
    visitBatches(this.#files, { file, fromBytes, toBytes }, ({ batch, sizeBytes }) => {
      segment.note(batch, sizeBytes);
      return false;
    });
    segment.isClosed = false;
    return cuts;
  }
}

function rolls(segment: LogSegment, batch: RecordBatch, config: LogConfig): boolean {
  if (segment.isEmpty) return false;
  if (segment.lengthBytes + batch.sizeBytes > config.segmentBytesMax) return true;
  const { firstTimestampMs } = segment;
  return firstTimestampMs >= 0 && batch.maxTimestampMs - firstTimestampMs > config.segmentMsMax;
}
