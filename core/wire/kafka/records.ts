import { assert } from '../../base/assert.ts';
import { concatBytes } from '../../base/bytes.ts';
import { utf8LengthOf } from '../../base/utf8.ts';
import { utf8Decode, WireError } from '../reader.ts';
import { KafkaReader } from './reader.ts';
import {
  batchHeaderBytes,
  type Compression,
  compressions,
  controlBit,
  logAppendTimeBit,
  RecordBatch,
  transactionalBit,
} from './record-batch.ts';
import { KafkaWriter } from './writer.ts';

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

/** A record of a batch, as it lies uncompressed. Bytes are views of it. */
export interface LogRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | undefined;
  /** Undefined where the key is deleted. */
  readonly value: Uint8Array | undefined;
  readonly headers: readonly RecordHeader[];
}

/** A record to be written. */
export interface NewRecord {
  readonly timestampMs: number;
  readonly key?: Uint8Array | undefined;
  readonly value?: Uint8Array | undefined;
  readonly headers?: readonly RecordHeader[];
  /** Given where offsets have gaps, as in a compacted batch; else records follow each other. */
  readonly offset?: number;
}

export interface NewBatch {
  readonly records: readonly NewRecord[];
  /** 0 unless given: whoever appends the batch stamps it. */
  readonly baseOffset?: number;
  /** −1 unless given. */
  readonly leaderEpoch?: number;
  /** That of the last record unless given; a compacted batch keeps the one that it had. */
  readonly lastOffsetDelta?: number;
  /** Of the batch that is rewritten, likewise. */
  readonly baseTimestampMs?: number;
  readonly maxTimestampMs?: number;
  readonly timestampType?: 'createTime' | 'logAppendTime';
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  /** How the records are compressed, by whoever can. */
  readonly compression?: {
    readonly codec: Compression;
    readonly compress: (records: Uint8Array) => Uint8Array;
  };
}

/** The shortest record: seven fields of one byte. */
const recordBytesMin = 7;

const writer = new KafkaWriter();

/**
 * The records of a batch that is not compressed.
 *
 * @throws WireError for records that are not what the header says
 */
export function decodeRecords(batch: RecordBatch): readonly LogRecord[] {
  if (batch.compression !== 'none') {
    throw new WireError(`records are compressed (codec ${batch.attributes & 7})`);
  }
  return decodeRecordsIn(batch, batch.body);
}

/**
 * The records of a batch, from its body in the clear.
 *
 * @throws WireError for records that are not what the header says
 */
export function decodeRecordsIn(batch: RecordBatch, body: Uint8Array): readonly LogRecord[] {
  const count = batch.recordCount;
  const reader = new KafkaReader(body);
  if (count * recordBytesMin > reader.remaining) {
    throw new WireError(`${count} records do not fit into ${reader.remaining} bytes`);
  }
  const base = {
    offset: batch.baseOffset,
    timestampMs: batch.baseTimestampMs,
    appendTimeMs: batch.timestampType === 'logAppendTime' ? batch.maxTimestampMs : undefined,
    lastOffsetDelta: batch.lastOffsetDelta,
  };
  const records: LogRecord[] = [];
  let previousDelta = -1;
  for (let at = 0; at < count; at += 1) {
    const length = reader.varint();
    if (length < 0) throw new WireError(`record ${at} has length ${length}`);
    const end = reader.narrow(length);
    const record = decodeRecord(reader, base);
    if (reader.remaining > 0) throw new WireError(`record ${at} is shorter than its length says`);
    reader.widen(end);
    const delta = record.offset - base.offset;
    if (delta <= previousDelta || delta > base.lastOffsetDelta) {
      throw new WireError(`record ${at} has offset delta ${delta} behind ${previousDelta}`);
    }
    previousDelta = delta;
    records.push(record);
  }
  if (reader.remaining > 0) throw new WireError(`${reader.remaining} bytes follow the last record`);
  return records;
}

/** One batch with these records; its checksum fits. */
export function encodeBatch(given: NewBatch): Uint8Array {
  const { records, baseOffset = 0 } = given;
  const baseTimestampMs = given.baseTimestampMs ?? records[0]?.timestampMs ?? -1;
  const body = encodeRecords(records, baseOffset, baseTimestampMs);
  const compressed = given.compression === undefined ? body : given.compression.compress(body);
  const last = records.at(-1);
  const lastOffsetDelta =
    given.lastOffsetDelta ??
    (last === undefined ? 0 : offsetOf(last, records.length - 1, baseOffset) - baseOffset);
  const latest = records.reduce((max, { timestampMs }) => Math.max(max, timestampMs), -1);
  writer.int64(baseOffset);
  // Length and checksum come last.
  writer.int32(0);
  writer.int32(given.leaderEpoch ?? -1);
  writer.int8(2);
  writer.int32(0);
  writer.int16(attributesOf(given));
  writer.int32(lastOffsetDelta);
  writer.int64(baseTimestampMs);
  writer.int64(given.maxTimestampMs ?? latest);
  writer.int64(given.producerId ?? -1);
  writer.int16(given.producerEpoch ?? -1);
  writer.int32(given.baseSequence ?? -1);
  writer.int32(records.length);
  assert(writer.lengthBytes === batchHeaderBytes, 'the header of a batch has its length');
  const bytes = concatBytes([...inMemory(writer.take().chunks), compressed]);
  new RecordBatch(bytes).seal();
  return bytes;
}

function attributesOf({ compression, timestampType, isTransactional, isControl }: NewBatch): number {
  return (
    compressions.indexOf(compression?.codec ?? 'none') |
    (timestampType === 'logAppendTime' ? logAppendTimeBit : 0) |
    (isTransactional === true ? transactionalBit : 0) |
    (isControl === true ? controlBit : 0)
  );
}

function offsetOf(record: NewRecord, position: number, baseOffset: number): number {
  return record.offset ?? baseOffset + position;
}

function encodeRecords(
  records: readonly NewRecord[],
  baseOffset: number,
  baseTimestampMs: number,
): Uint8Array {
  for (const [position, record] of records.entries()) {
    const timestampDelta = record.timestampMs - baseTimestampMs;
    const offsetDelta = offsetOf(record, position, baseOffset) - baseOffset;
    assert(offsetDelta >= 0, 'a record lies at or behind the base offset');
    writer.varint(recordLength(record, timestampDelta, offsetDelta));
    writer.int8(0);
    writer.varlong(timestampDelta);
    writer.varint(offsetDelta);
    writeSized(record.key);
    writeSized(record.value);
    const headers = record.headers ?? [];
    writer.varint(headers.length);
    for (const { key, value } of headers) {
      writer.varint(utf8LengthOf(key));
      writer.utf8(key);
      writeSized(value);
    }
  }
  return concatBytes(inMemory(writer.take().chunks));
}

function writeSized(bytes: Uint8Array | undefined): void {
  writer.varint(bytes === undefined ? -1 : bytes.length);
  if (bytes !== undefined) writer.raw(bytes);
}

function inMemory(chunks: readonly unknown[]): readonly Uint8Array[] {
  return chunks.map((chunk) => {
    assert(chunk instanceof Uint8Array, 'records are written from memory');
    return chunk;
  });
}

function recordLength(record: NewRecord, timestampDelta: number, offsetDelta: number): number {
  let length = 1 + zigzagBytes(timestampDelta) + zigzagBytes(offsetDelta);
  length += sizedBytes(record.key) + sizedBytes(record.value);
  const headers = record.headers ?? [];
  length += zigzagBytes(headers.length);
  for (const { key, value } of headers) {
    const keyBytes = utf8LengthOf(key);
    length += zigzagBytes(keyBytes) + keyBytes + sizedBytes(value);
  }
  return length;
}

function sizedBytes(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 1 : zigzagBytes(bytes.length) + bytes.length;
}

/** How long a number is as a varint or varlong. */
function zigzagBytes(value: number): number {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  let count = 1;
  while (rest >= 0x80) {
    rest = Math.floor(rest / 128);
    count += 1;
  }
  return count;
}

interface RecordBase {
  readonly offset: number;
  readonly timestampMs: number;
  /** Set where the batch says when it was appended. */
  readonly appendTimeMs: number | undefined;
}

function decodeRecord(reader: KafkaReader, base: RecordBase): LogRecord {
  reader.skip(1);
  const timestampMs = base.timestampMs + reader.varlong();
  const offset = base.offset + reader.varint();
  const key = readSized(reader);
  const value = readSized(reader);
  const headerCount = reader.varint();
  // A header has two lengths at least.
  if (headerCount < 0 || headerCount * 2 > reader.remaining) {
    throw new WireError(`a record has ${headerCount} headers`);
  }
  const headers: RecordHeader[] = [];
  for (let at = 0; at < headerCount; at += 1) {
    const name = readSized(reader);
    if (name === undefined) throw new WireError('a header has no key');
    headers.push({ key: utf8Decode(name), value: readSized(reader) });
  }
  return { offset, timestampMs: base.appendTimeMs ?? timestampMs, key, value, headers };
}

function readSized(reader: KafkaReader): Uint8Array | undefined {
  const length = reader.varint();
  if (length < -1) throw new WireError(`${length} is no length`);
  return length === -1 ? undefined : reader.raw(length);
}
