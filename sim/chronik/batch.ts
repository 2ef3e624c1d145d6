import { assert } from '../../core/base/assert.ts';
import { crc32c } from '../../core/base/crc32c.ts';
import { latin1FromBytes } from '../../core/base/bytes.ts';

/**
 * Record batches as the simulator's clients write them and as its checkers read them: a second implementation of the format,
 * beside the one that brokers have, so that a mistake in theirs does not hide itself.
 *
 * Source: Kafka's documentation, "Record Batch" (magic 2): 61 bytes of header, the CRC-32C from the attributes on.
 */
export interface BatchHeader {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly leaderEpoch: number;
  /** Of everything but base offset, length, epoch, magic and itself: the same for the same batch wherever it lies. */
  readonly crc: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly recordCount: number;
  /** With the header. */
  readonly lengthBytes: number;
}

export interface BatchRecord {
  readonly offset: number;
  readonly key: string | undefined;
  readonly value: string | undefined;
}

export interface BatchContent {
  /** −1: the producer is not idempotent. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isTransactional: boolean;
  /** ms since 1970, of every record. */
  readonly timestampMs: number;
  readonly records: readonly { readonly key: string | undefined; readonly value: string | undefined }[];
}

export const headerBytes = 61;
/** What comes before the bytes that the length counts. */
const prefixBytes = 12;
const crcFrom = 21;
const transactionalBit = 16;
const controlBit = 32;
const two32 = 4_294_967_296;

export function encodeBatch(content: BatchContent): Uint8Array {
  const { records, timestampMs } = content;
  assert(records.length > 0, 'a producer sends records');
  const body: number[] = [];
  records.forEach(({ key, value }, position) => {
    const record: number[] = [0];
    pushVarint(record, 0);
    pushVarint(record, position);
    pushText(record, key);
    pushText(record, value);
    pushVarint(record, 0);
    pushVarint(body, record.length);
    for (const byte of record) body.push(byte);
  });
  const bytes = new Uint8Array(headerBytes + body.length);
  bytes.set(body, headerBytes);
  const view = new DataView(bytes.buffer);
  setInt64(view, 0, 0);
  view.setInt32(8, bytes.length - prefixBytes);
  view.setInt32(12, -1);
  view.setInt8(16, 2);
  view.setInt16(21, content.isTransactional ? transactionalBit : 0);
  view.setInt32(23, records.length - 1);
  setInt64(view, 27, timestampMs);
  setInt64(view, 35, timestampMs);
  setInt64(view, 43, content.producerId);
  view.setInt16(51, content.producerEpoch);
  view.setInt32(53, content.baseSequence);
  view.setInt32(57, records.length);
  view.setUint32(17, crc32c(bytes.subarray(crcFrom)) >>> 0);
  return bytes;
}

/**
 * The header of the batch at this place; undefined where the bytes end before the batch does.
 *
 * @throws RangeError when there is something else than a sound batch
 */
export function readHeader(bytes: Uint8Array, at: number): BatchHeader | undefined {
  if (at + headerBytes > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
  const lengthBytes = view.getInt32(8) + prefixBytes;
  if (lengthBytes < headerBytes) throw new RangeError(`a batch of ${lengthBytes} bytes at ${at}`);
  if (at + lengthBytes > bytes.length) return undefined;
  if (view.getInt8(16) !== 2) throw new RangeError(`magic ${view.getInt8(16)} at ${at}`);
  const crc = view.getUint32(17);
  const found = crc32c(bytes.subarray(at + crcFrom, at + lengthBytes)) >>> 0;
  if (crc !== found) throw new RangeError(`a batch with CRC ${crc} whose bytes have ${found}, at ${at}`);
  const attributes = view.getInt16(21);
  const baseOffset = getInt64(view, 0);
  return {
    baseOffset,
    lastOffset: baseOffset + view.getInt32(23),
    leaderEpoch: view.getInt32(12),
    crc,
    producerId: getInt64(view, 43),
    producerEpoch: view.getInt16(51),
    baseSequence: view.getInt32(53),
    isTransactional: (attributes & transactionalBit) !== 0,
    isControl: (attributes & controlBit) !== 0,
    recordCount: view.getInt32(57),
    lengthBytes,
  };
}

/** Every whole batch in these bytes, one behind the other. @throws RangeError when one is not sound */
export function readHeaders(
  bytes: Uint8Array,
): readonly (BatchHeader & { readonly positionBytes: number })[] {
  const headers: (BatchHeader & { positionBytes: number })[] = [];
  for (let at = 0; at < bytes.length;) {
    const header = readHeader(bytes, at);
    if (header === undefined) break;
    headers.push({ ...header, positionBytes: at });
    at += header.lengthBytes;
  }
  return headers;
}

/** The records of the batch at this place, whose producer does not compress. */
export function readRecords(bytes: Uint8Array, at: number, header: BatchHeader): readonly BatchRecord[] {
  const cursor = new Cursor(bytes, at + headerBytes);
  return Array.from({ length: header.recordCount }, () => {
    cursor.varint();
    cursor.skip(1);
    cursor.varint();
    const offset = header.baseOffset + cursor.varint();
    const key = cursor.text();
    const value = cursor.text();
    for (let headers = cursor.varint(); headers > 0; headers -= 1) {
      cursor.text();
      cursor.text();
    }
    return { offset, key, value };
  });
}

/** Reads zigzag varints and what they count. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new RangeError('a record ends within a varint');
      this.#at += 1;
      value += (byte & 127) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  text(): string | undefined {
    const length = this.varint();
    if (length < 0) return undefined;
    const text = latin1FromBytes(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
    return text;
  }
}

function pushVarint(target: number[], value: number): void {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  while (rest >= 128) {
    target.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  target.push(rest);
}

/** Only letters, digits and signs of ASCII: a char a byte. */
function pushText(target: number[], text: string | undefined): void {
  if (text === undefined) {
    pushVarint(target, -1);
    return;
  }
  pushVarint(target, text.length);
  for (let at = 0; at < text.length; at += 1) target.push(text.charCodeAt(at));
}

function setInt64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / two32));
  view.setUint32(at + 4, ((value % two32) + two32) % two32);
}

function getInt64(view: DataView, at: number): number {
  return view.getInt32(at) * two32 + view.getUint32(at + 4);
}
