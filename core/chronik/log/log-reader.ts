import { RecordBatch } from '../../wire/kafka/record-batch.ts';
import { decodeRecords, type LogRecord } from '../../wire/kafka/records.ts';
import { WireError } from '../../wire/reader.ts';
import { assert } from '../../base/assert.ts';
import { type FileSlice, type SegmentReader } from '../../storage/segment-files.ts';
import { type Offset } from '../types.ts';
import { type FoundBatch, visitBatches } from './batches-in-file.ts';
import { type FoundOffset } from './outcomes.ts';
import { type RecentBatches } from './recent-batches.ts';
import { type LogSegment } from './segment.ts';

/** Which batches are wanted: from the one that holds `fromOffset` on, all of them wholly below `toOffset`. */
export interface ReadRange {
  readonly fromOffset: Offset;
  readonly toOffset: Offset;
  readonly bytesMax: number;
  /** The first batch is given even where it is larger than `bytesMax`. */
  readonly minOneBatch: boolean;
}

/** Finds batches in a log's segments. Reads headers, and only where neither an index nor memory knows. */
export class LogReader {
  readonly #files: SegmentReader;
  /** The log's own list: oldest first, one behind another. */
  readonly #segments: readonly LogSegment[];
  readonly #recent: RecentBatches;

  constructor(files: SegmentReader, segments: readonly LogSegment[], recent: RecentBatches) {
    this.#files = files;
    this.#segments = segments;
    this.#recent = recent;
  }

  /** The segment that holds the offset, or would; the first one for what lies in front of it. */
  segmentOf(offset: Offset): LogSegment | undefined {
    let low = 0;
    for (let high = this.#segments.length; low < high;) {
      const middle = (low + high) >>> 1;
      if ((this.#segments[middle] as LogSegment).baseOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#segments[Math.max(0, low - 1)];
  }

  read({ fromOffset, toOffset, bytesMax, minOneBatch }: ReadRange): FileSlice | undefined {
    const segment = this.segmentOf(fromOffset);
    if (segment === undefined || fromOffset >= segment.endOffset) return undefined;
    const from = this.positionOf(segment, Math.max(fromOffset, segment.baseOffset));
    const end = this.positionOf(segment, Math.min(toOffset, segment.endOffset));
    if (end <= from) return undefined;
    const limit = from + bytesMax;
    const to = end <= limit ? end : this.#boundaryWithin(segment, from, limit, minOneBatch);
    if (to <= from) return undefined;
    return { file: segment.file, positionBytes: from, lengthBytes: Math.min(to, end) - from };
  }

  /** Where the batch begins that holds the offset; the segment's end for the offset behind it. */
  positionOf(segment: LogSegment, offset: Offset): number {
    if (offset >= segment.endOffset) return segment.lengthBytes;
    if (offset <= segment.baseOffset) return 0;
    const recent = this.#recent.atOffset(segment, offset);
    if (recent !== undefined) return recent.positionBytes;
    let positionBytes = segment.index.atOffset(offset)?.positionBytes ?? 0;
    this.visit(segment, positionBytes, (found) => {
      positionBytes = found.positionBytes;
      return found.batch.lastOffset >= offset;
    });
    return positionBytes;
  }

  /** The first record at or behind the log's start whose timestamp is not below this one. */
  offsetOfTimestamp(timestampMs: number, logStartOffset: Offset): FoundOffset | undefined {
    for (const segment of this.#segments) {
      if (segment.maxTimestampMs < timestampMs || segment.endOffset <= logStartOffset) continue;
      const fromBytes = segment.index.beforeTimestamp(timestampMs)?.positionBytes ?? 0;
      let result: FoundOffset | undefined;
      this.visit(segment, fromBytes, (found) => {
        const { maxTimestampMs, lastOffset } = found.batch;
        if (maxTimestampMs < timestampMs || lastOffset < logStartOffset) return false;
        result = this.#firstRecord(
          segment,
          found,
          (record) => record.timestampMs >= timestampMs && record.offset >= logStartOffset,
        );
        return result !== undefined;
      });
      if (result !== undefined) return result;
    }
    return undefined;
  }

  /** The record with the highest timestamp; of several the first. */
  offsetOfMaxTimestamp(logStartOffset: Offset): FoundOffset | undefined {
    let newest: LogSegment | undefined;
    for (const segment of this.#segments) {
      if (segment.endOffset <= logStartOffset || segment.maxTimestampMs < 0) continue;
      if (segment.maxTimestampMs > (newest?.maxTimestampMs ?? -1)) newest = segment;
    }
    if (newest === undefined) return undefined;
    const { maxTimestampMs, maxTimestampOffset } = newest;
    const segment = newest;
    let result: FoundOffset | undefined;
    this.visit(segment, this.positionOf(segment, maxTimestampOffset), (found) => {
      result = this.#firstRecord(segment, found, (record) => record.timestampMs >= maxTimestampMs);
      return true;
    });
    return result;
  }

  /** The batches of a segment from a position on. */
  visit(segment: LogSegment, fromBytes: number, visit: (found: FoundBatch) => boolean): void {
    visitBatches(this.#files, { file: segment.file, fromBytes, toBytes: segment.lengthBytes }, visit);
  }

  /** A batch's records as they lie there; of a compressed one nothing. */
  #firstRecord(
    segment: LogSegment,
    { batch, positionBytes, sizeBytes }: FoundBatch,
    wanted: (record: LogRecord) => boolean,
  ): FoundOffset | undefined {
    const { leaderEpoch } = batch;
    const whole: FoundOffset = {
      offset: batch.baseOffset,
      timestampMs: batch.maxTimestampMs,
      leaderEpoch,
    };
    if (batch.compression !== 'none') return whole;
    const bytes = this.#files.read(segment.file, positionBytes, sizeBytes);
    try {
      const record = decodeRecords(new RecordBatch(bytes)).find(wanted);
      if (record === undefined) return undefined;
      return { offset: record.offset, timestampMs: record.timestampMs, leaderEpoch };
    } catch (error) {
      // Nobody looked into the batch when it came, and nobody can now.
      if (error instanceof WireError) return whole;
      throw error;
    }
  }

  /** The last end of a batch at or in front of `limit`; where the first batch is longer, its own, or none. */
  #boundaryWithin(segment: LogSegment, from: number, limit: number, minOneBatch: boolean): number {
    const recent = this.#recent.atPosition(segment, limit)?.positionBytes ?? -1;
    const indexed = segment.index.atPosition(limit)?.positionBytes ?? -1;
    const known = Math.max(recent, indexed);
    if (known > from) return known;
    let to = from;
    this.visit(segment, from, ({ positionBytes, sizeBytes }) => {
      assert(positionBytes === from, 'a read begins with a batch');
      if (minOneBatch || positionBytes + sizeBytes <= limit) to = positionBytes + sizeBytes;
      return true;
    });
    return to;
  }
}
