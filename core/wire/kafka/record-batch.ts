import { assert } from '../../base/assert.ts';
import { crc32c } from '../../base/crc32c.ts';

/**
 * The record batch, magic 2: what producers send, logs hold and consumers fetch. Its header is read and stamped where it
 * lies; the records behind it, compressed or not, are never touched for that.
 *
 * Source: Kafka documentation, "Record Batch"; KIP-98.
 */
export const batchHeaderBytes = 61;

/** What stands before the length counts no more than this of it: base offset and the length itself. */
export const batchPrefixBytes = 12;

/** Where the checksum's range begins: base offset and leader epoch lie before it, so that brokers may stamp them. */
const checkedFrom = 21;

/** Positions in the header. */
const lengthAt = 8;
const leaderEpochAt = 12;
const magicAt = 16;
const crcAt = 17;
const attributesAt = 21;
const lastOffsetDeltaAt = 23;
const baseTimestampAt = 27;
const maxTimestampAt = 35;
const producerIdAt = 43;
const producerEpochAt = 51;
const baseSequenceAt = 53;
const recordCountAt = 57;

const codecBits = 0x07;
export const logAppendTimeBit = 0x08;
export const transactionalBit = 0x10;
export const controlBit = 0x20;

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
/** By number. */
export const compressions: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

const currentMagic = 2;
const two32 = 4_294_967_296;

/** One batch, read from the bytes that hold it: what is stamped shows at once. */
export class RecordBatch {
  /** All of the batch, as a view of what was scanned. */
  readonly bytes: Uint8Array;
  /** In what was scanned. */
  readonly positionBytes: number;

  constructor(bytes: Uint8Array, positionBytes = 0) {
    assert(bytes.length >= batchHeaderBytes, 'a batch has a header');
    this.bytes = bytes;
    this.positionBytes = positionBytes;
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  get baseOffset(): number {
    return saturatedInt64(this.bytes, 0);
  }

  get lastOffsetDelta(): number {
    return int32(this.bytes, lastOffsetDeltaAt);
  }

  get lastOffset(): number {
    return this.baseOffset + this.lastOffsetDelta;
  }

  get leaderEpoch(): number {
    return int32(this.bytes, leaderEpochAt);
  }

  get crc(): number {
    return int32(this.bytes, crcAt) >>> 0;
  }

  get attributes(): number {
    return ((this.bytes[attributesAt] as number) << 8) | (this.bytes[attributesAt + 1] as number);
  }

  /** Undefined for a number that no codec has. */
  get compression(): Compression | undefined {
    return compressions[this.attributes & codecBits];
  }

  get timestampType(): 'createTime' | 'logAppendTime' {
    return (this.attributes & logAppendTimeBit) === 0 ? 'createTime' : 'logAppendTime';
  }

  get isTransactional(): boolean {
    return (this.attributes & transactionalBit) !== 0;
  }

  get isControl(): boolean {
    return (this.attributes & controlBit) !== 0;
  }

  /** What is no safe integer is read as the nearest one that is; here as in every other 64-bit field. */
  get baseTimestampMs(): number {
    return saturatedInt64(this.bytes, baseTimestampAt);
  }

  get maxTimestampMs(): number {
    return saturatedInt64(this.bytes, maxTimestampAt);
  }

  /** −1: none. */
  get producerId(): number {
    return saturatedInt64(this.bytes, producerIdAt);
  }

  get producerEpoch(): number {
    return (
      (((this.bytes[producerEpochAt] as number) << 24) >> 16) | (this.bytes[producerEpochAt + 1] as number)
    );
  }

  /** −1: none. */
  get baseSequence(): number {
    return int32(this.bytes, baseSequenceAt);
  }

  /** Sequences begin at 0 again behind 2^31 − 1. */
  get lastSequence(): number {
    return this.baseSequence < 0 ? -1 : sequencePlus(this.baseSequence, this.lastOffsetDelta);
  }

  get recordCount(): number {
    return int32(this.bytes, recordCountAt);
  }

  /** The records as they lie there, compressed or not. */
  get body(): Uint8Array {
    return this.bytes.subarray(batchHeaderBytes);
  }

  /** Whether the checksum fits what it covers: everything from the attributes to the end. */
  isIntact(): boolean {
    return crc32c(this.bytes.subarray(checkedFrom)) === this.crc;
  }

  /** What a leader decides about a batch; the checksum does not cover it. */
  stamp({ baseOffset, leaderEpoch }: { readonly baseOffset: number; readonly leaderEpoch: number }): void {
    assert(Number.isSafeInteger(baseOffset) && baseOffset >= 0, 'an offset is a safe non-negative integer');
    writeInt64(this.bytes, 0, baseOffset);
    writeInt32(this.bytes, leaderEpochAt, leaderEpoch);
  }

  /** Gives all records the time of their append, which the checksum covers: it is computed anew. */
  stampLogAppendTime(timestampMs: number): void {
    const attributes = this.attributes | logAppendTimeBit;
    this.bytes[attributesAt] = attributes >> 8;
    this.bytes[attributesAt + 1] = attributes;
    writeInt64(this.bytes, maxTimestampAt, timestampMs);
    this.seal();
  }

  /** Sets length and checksum to what the batch holds. */
  seal(): void {
    writeInt32(this.bytes, lengthAt, this.bytes.length - batchPrefixBytes);
    writeInt32(this.bytes, crcAt, crc32c(this.bytes.subarray(checkedFrom)));
  }
}

export interface BatchProblem {
  /**
   * `cutShort`: the last batch is not all there, as it is where somebody read up to a number of bytes. `oldFormat`: messages
   * from before magic 2. `malformed`: nothing behind this can be found either.
   */
  readonly kind: 'cutShort' | 'oldFormat' | 'malformed';
  readonly message: string;
  /** Where the batch in question begins. */
  readonly positionBytes: number;
}

export interface BatchScan {
  readonly batches: readonly RecordBatch[];
  /** Up to here whole batches lie one behind the other. */
  readonly wholeBytes: number;
  readonly problem: BatchProblem | undefined;
}

/** Finds the batches that lie one behind the other, by their headers alone; checksums are not computed. */
export function scanBatches(bytes: Uint8Array): BatchScan {
  const batches: RecordBatch[] = [];
  let at = 0;
  while (at < bytes.length) {
    const problem = problemAt(bytes, at);
    if (problem !== undefined) {
      return { batches, wholeBytes: at, problem: { ...problem, positionBytes: at } };
    }
    const end = at + batchPrefixBytes + int32(bytes, at + lengthAt);
    batches.push(new RecordBatch(bytes.subarray(at, end), at));
    at = end;
  }
  return { batches, wholeBytes: at, problem: undefined };
}

type ProblemKind = Omit<BatchProblem, 'positionBytes'>;

function problemAt(bytes: Uint8Array, at: number): ProblemKind | undefined {
  const left = bytes.length - at;
  if (left <= magicAt) return { kind: 'cutShort', message: `a batch has ${left} bytes` };
  const magic = bytes[at + magicAt] as number;
  // Older formats have their magic in the same place.
  if (magic < currentMagic) return { kind: 'oldFormat', message: `a message has magic ${magic}` };
  if (magic > currentMagic) return { kind: 'malformed', message: `a batch has magic ${magic}` };
  const length = int32(bytes, at + lengthAt);
  if (length < batchHeaderBytes - batchPrefixBytes) {
    return { kind: 'malformed', message: `a batch has length ${length}` };
  }
  if (batchPrefixBytes + length > left) {
    return { kind: 'cutShort', message: `${left} bytes of a batch of ${batchPrefixBytes + length}` };
  }
  const lastOffsetDelta = int32(bytes, at + lastOffsetDeltaAt);
  const recordCount = int32(bytes, at + recordCountAt);
  // A compacted batch has fewer records than offsets, never more.
  if (lastOffsetDelta < 0 || recordCount < 0 || recordCount > lastOffsetDelta + 1) {
    return {
      kind: 'malformed',
      message: `a batch has ${recordCount} records and last offset delta ${lastOffsetDelta}`,
    };
  }
  return undefined;
}

/** Sequences begin at 0 again behind 2^31 − 1. */
export function sequencePlus(sequence: number, count: number): number {
  return (sequence + count) % 2_147_483_648;
}

function int32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

function saturatedInt64(bytes: Uint8Array, at: number): number {
  const value = int32(bytes, at) * two32 + (int32(bytes, at + 4) >>> 0);
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
}

function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function writeInt64(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / two32);
  writeInt32(bytes, at, high);
  writeInt32(bytes, at + 4, value - high * two32);
}
