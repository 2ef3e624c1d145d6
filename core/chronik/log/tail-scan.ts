import { batchHeaderBytes, RecordBatch } from '../../wire/kafka/record-batch.ts';
import { readAttemptsMax } from '../../storage/salvage.ts';
import { UnreadableError } from '../../storage/read-errors.ts';
import { type SegmentReader } from '../../storage/segment-files.ts';
import { type LeaderEpoch, type Offset } from '../types.ts';
import { batchBytes } from './batches-in-file.ts';

const chunkBytes = 1_048_576;
const currentMagic = 2;

/** How a scan ended: at the end of the file, at something that is no batch that belongs there, or at what cannot be read. */
export type ScanEnd = 'whole' | 'torn' | 'unreadable';

/**
 * Goes through the batches of a file from a position on, as long as each is whole, fits its checksum, begins at the offset
 * where the one before ended, and is of no older epoch. `found` hears of each.
 */
export function scanTail(
  segments: SegmentReader,
  file: { readonly file: string; readonly lengthBytes: number },
  from: { readonly positionBytes: number; readonly offset: Offset; readonly epoch: LeaderEpoch },
  found: (batch: RecordBatch, sizeBytes: number) => void,
): ScanEnd {
  const reader = new PatientReader(segments, file.file, file.lengthBytes);
  let { positionBytes, offset, epoch } = from;
  while (positionBytes < file.lengthBytes) {
    if (positionBytes + batchHeaderBytes > file.lengthBytes)
      return reader.isBad(positionBytes) ? 'unreadable' : 'torn';
    const header = reader.read(positionBytes, batchHeaderBytes);
    if (header === undefined) return 'unreadable';
    const sizeBytes = batchBytes(header, 0);
    if (header[16] !== currentMagic || sizeBytes < batchHeaderBytes) return 'torn';
    if (positionBytes + sizeBytes > file.lengthBytes) return 'torn';
    const bytes = reader.read(positionBytes, sizeBytes);
    if (bytes === undefined) return 'unreadable';
    const batch = new RecordBatch(bytes);
    if (batch.baseOffset !== offset || batch.lastOffsetDelta < 0 || batch.leaderEpoch < epoch) return 'torn';
    if (!batch.isIntact()) return 'torn';
    found(batch, sizeBytes);
    positionBytes += sizeBytes;
    offset = batch.lastOffset + 1;
    epoch = batch.leaderEpoch;
  }
  return 'whole';
}

/** Reads ahead; what the disk does not give out is asked for again, and in smaller parts. */
class PatientReader {
  readonly #segments: SegmentReader;
  readonly #file: string;
  readonly #lengthBytes: number;
  #chunk: Uint8Array = new Uint8Array(0);
  #chunkFrom = 0;

  constructor(segments: SegmentReader, file: string, lengthBytes: number) {
    this.#segments = segments;
    this.#file = file;
    this.#lengthBytes = lengthBytes;
  }

  /** Undefined: the disk does not give it out. */
  read(positionBytes: number, lengthBytes: number): Uint8Array | undefined {
    const from = positionBytes - this.#chunkFrom;
    if (from >= 0 && from + lengthBytes <= this.#chunk.length)
      return this.#chunk.subarray(from, from + lengthBytes);
    const aheadBytes = Math.min(Math.max(lengthBytes, chunkBytes), this.#lengthBytes - positionBytes);
    const chunk = this.#attempt(positionBytes, aheadBytes);
    if (chunk === undefined) return this.#attempt(positionBytes, lengthBytes);
    this.#chunk = chunk;
    this.#chunkFrom = positionBytes;
    return chunk.subarray(0, lengthBytes);
  }

  isBad(positionBytes: number): boolean {
    return this.#attempt(positionBytes, this.#lengthBytes - positionBytes) === undefined;
  }

  #attempt(positionBytes: number, lengthBytes: number): Uint8Array | undefined {
    for (let count = 0; count < readAttemptsMax; count += 1) {
      try {
        const bytes = this.#segments.read(this.#file, positionBytes, lengthBytes);
        return bytes.length === lengthBytes ? bytes : undefined;
      } catch (failure) {
        if (!(failure instanceof UnreadableError)) throw failure;
      }
    }
    return undefined;
  }
}
