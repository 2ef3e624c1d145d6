import { noBytes } from '../../base/bytes.ts';
import { utf8Decode, WireError } from '../reader.ts';

const two32 = 4_294_967_296;
const cutShort = 'the input ends inside a value';

/** The longest string of the protocol in bytes: the int16 that its older encodings count it with. */
export const stringBytesMax = 32_767;

/**
 * Reads the primitive types of Kafka's protocol: integers most significant byte first, lengths in front of what they
 * count. What is read as bytes is a view of the input. Every method throws `WireError` rather than read past the end, and
 * nothing is allocated by a length before that many bytes are seen to be there.
 *
 * Source: Kafka protocol guide, "Protocol Primitive Types".
 */
export class KafkaReader {
  readonly #buffer: Uint8Array;
  #at: number;
  #end: number;

  constructor(buffer: Uint8Array, from = 0, to: number = buffer.length) {
    this.#buffer = buffer;
    this.#at = from;
    this.#end = to;
  }

  get position(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  bool(): boolean {
    return this.#buffer[this.#take(1)] !== 0;
  }

  int8(): number {
    return ((this.#buffer[this.#take(1)] as number) << 24) >> 24;
  }

  uint8(): number {
    return this.#buffer[this.#take(1)] as number;
  }

  int16(): number {
    const at = this.#take(2);
    return (((this.#buffer[at] as number) << 24) >> 16) | (this.#buffer[at + 1] as number);
  }

  uint16(): number {
    return this.int16() & 0xffff;
  }

  int32(): number {
    const at = this.#take(4);
    const buffer = this.#buffer;
    return (
      ((buffer[at] as number) << 24) |
      ((buffer[at + 1] as number) << 16) |
      ((buffer[at + 2] as number) << 8) |
      (buffer[at + 3] as number)
    );
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  /** An int64 as a number; throws when it is not a safe integer. */
  int64(): number {
    const high = this.int32();
    const value = high * two32 + this.uint32();
    if (!Number.isSafeInteger(value)) throw new WireError('an int64 is out of the range ±(2^53 − 1)');
    return value;
  }

  /** An int64 of which what is no safe integer is read as the nearest one that is. */
  saturatedInt64(): number {
    const high = this.int32();
    const value = high * two32 + this.uint32();
    return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
  }

  float64(): number {
    const at = this.#take(8);
    return new DataView(this.#buffer.buffer, this.#buffer.byteOffset + at, 8).getFloat64(0);
  }

  /** Lengths and tags: 32 bits in up to five bytes, seven bits each, the lowest first. */
  unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.uint8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    const byte = this.uint8();
    if (byte > 0x0f) throw new WireError('a varint has more than 32 bits');
    return value + byte * 268_435_456;
  }

  /** Signed 32 bits, small magnitudes in few bytes ("zigzag"). */
  varint(): number {
    const bits = this.unsignedVarint();
    return (bits >>> 1) ^ -(bits & 1);
  }

  /** Signed 64 bits, small magnitudes in few bytes; throws when it is not a safe integer. */
  varlong(): number {
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.uint8();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    }
    // From the 29th bit on the number no longer fits where shifts are exact.
    let value = low;
    let unit = 268_435_456;
    for (let count = 0; count < 6; count += 1) {
      const byte = this.uint8();
      value += (byte & 0x7f) * unit;
      unit *= 128;
      if (byte >= 0x80) continue;
      const magnitude = Math.floor(value / 2);
      const signed = low % 2 === 0 ? magnitude : -magnitude - 1;
      if (!Number.isSafeInteger(value) || !Number.isSafeInteger(signed)) break;
      return signed;
    }
    throw new WireError('a varlong is out of the range ±(2^52 − 1)');
  }

  /** 16 bytes as 32 hex digits. */
  uuid(): string {
    const at = this.#take(16);
    let text = '';
    for (let byte = at; byte < at + 16; byte += 1) text += hexOfByte[this.#buffer[byte] as number] as string;
    return text;
  }

  /** A string whose length was read: UTF-8. */
  text(lengthBytes: number): string {
    if (lengthBytes > stringBytesMax) {
      throw new WireError(`a string of ${lengthBytes} bytes is longer than ${stringBytesMax}`);
    }
    if (lengthBytes === 0) return '';
    return utf8Decode(this.raw(lengthBytes));
  }

  /** Exactly so many bytes, as a view. */
  raw(lengthBytes: number): Uint8Array {
    if (lengthBytes === 0) return noBytes;
    const at = this.#take(lengthBytes);
    return this.#buffer.subarray(at, at + lengthBytes);
  }

  skip(lengthBytes: number): void {
    this.#take(lengthBytes);
  }

  /** Ends the input this many bytes from here; returns what `widen` takes to end it where it ended before. */
  narrow(lengthBytes: number): number {
    if (lengthBytes > this.remaining) throw new WireError('a length reaches past the end of the input');
    const end = this.#end;
    this.#end = this.#at + lengthBytes;
    return end;
  }

  widen(end: number): void {
    this.#end = end;
  }

  #take(lengthBytes: number): number {
    const at = this.#at;
    if (lengthBytes > this.#end - at) throw new WireError(cutShort);
    this.#at = at + lengthBytes;
    return at;
  }
}

const hexOfByte: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);
