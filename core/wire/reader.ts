import { latin1FromBytes } from '../base/bytes.ts';
import { textFromUtf8 } from '../base/utf8.ts';

/** Outside bytes that are not what they claim to be. Codecs throw it; whoever calls them turns it into a refusal. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/** 28 bits are read as one integer; what is above them counts in this unit. */
const two28 = 268_435_456;
const two35 = 34_359_738_368;
const two36 = 68_719_476_736;

const cutShort = 'input ends inside a value';
const varintTooLong = 'a varint is longer than ten bytes';

/**
 * How deep parts may nest in parts, so that hostile input cannot exhaust the stack. What a decoder accepted may be nested
 * in a message of our own, whose decoder therefore asks for more than it.
 */
export const wireDepthMax = 100;

/** Reads what `WireWriter` writes. Every method throws `WireError` rather than read past the end. */
export class WireReader {
  readonly #buffer: Uint8Array;
  readonly #end: number;
  #at: number;
  /** How many parts may still nest in this one. */
  readonly #depthLeft: number;

  constructor(buffer: Uint8Array, from = 0, to: number = buffer.length, depthMax: number = wireDepthMax) {
    this.#buffer = buffer;
    this.#at = from;
    this.#end = to;
    this.#depthLeft = depthMax;
  }

  get position(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  byte(): number {
    if (this.#at >= this.#end) throw new WireError(cutShort);
    return this.#buffer[this.#at++] as number;
  }

  uint32LittleEndian(): number {
    const at = this.#take(4);
    const buffer = this.#buffer;
    return (
      ((buffer[at] as number) |
        ((buffer[at + 1] as number) << 8) |
        ((buffer[at + 2] as number) << 16) |
        ((buffer[at + 3] as number) << 24)) >>>
      0
    );
  }

  /** A non-negative safe integer. */
  varint(): number {
    // Tags and lengths: one byte, nearly always.
    if (this.#at < this.#end) {
      const byte = this.#buffer[this.#at] as number;
      if (byte < 0x80) {
        this.#at += 1;
        return byte;
      }
    }
    const value = this.int64();
    if (value < 0) throw new WireError('an integer is out of range');
    return value;
  }

  /** An int64 as a number; throws when it is not a safe integer. */
  int64(): number {
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      low += (byte & 0x7f) << shift;
      if (byte < 0x80) return low;
    }
    let high = 0;
    let unit = 1;
    for (let count = 0; count < 6; count += 1) {
      const byte = this.byte();
      high += (byte & 0x7f) * unit;
      unit *= 128;
      if (byte < 0x80) return signedSafe(low, high);
    }
    throw new WireError(varintTooLong);
  }

  /** The low 32 bits of a varint, signed: what an int32 or an enum is, however long its encoding. */
  int32(): number {
    let low = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte();
      if (shift < 32) low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return low;
    }
    throw new WireError(varintTooLong);
  }

  /** The low 32 bits of a varint, unsigned. */
  uint32(): number {
    return this.int32() >>> 0;
  }

  /** False for 0, true for every other varint. */
  bool(): boolean {
    let bits = 0;
    for (let count = 0; count < 10; count += 1) {
      const byte = this.byte();
      // The tenth byte has one bit that counts.
      bits |= count < 9 ? byte & 0x7f : byte & 1;
      if (byte < 0x80) return bits !== 0;
    }
    throw new WireError(varintTooLong);
  }

  /** A 64-bit pattern as an unsigned bigint. */
  uint64(): bigint {
    let low = 0;
    let middle = 0;
    let high = 0;
    for (let count = 0; count < 10; count += 1) {
      const byte = this.byte();
      const bits = byte & 0x7f;
      // Numbers of 28, 28 and 8 bits: one bigint at the end is several times faster than one a byte.
      if (count < 4) low |= bits << (count * 7);
      else if (count < 8) middle |= bits << ((count - 4) * 7);
      else high |= bits << ((count - 8) * 7);
      if (byte < 0x80) {
        if (count < 4) return BigInt(low);
        const high32 = (high & 0xff) * 16_777_216 + (middle >>> 4);
        const low32 = (middle & 0xf) * two28 + low;
        return (BigInt(high32) << 32n) | BigInt(low32);
      }
    }
    throw new WireError(varintTooLong);
  }

  /** Steps over a varint. */
  skipVarint(): void {
    for (let count = 0; count < 10; count += 1) if (this.byte() < 0x80) return;
    throw new WireError(varintTooLong);
  }

  /** Length, then bytes: a view of the input, not a copy. */
  bytes(): Uint8Array {
    const length = this.varint();
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  /** Length, then one char a byte. */
  latin1(): string {
    return latin1FromBytes(this.bytes());
  }

  /** Length, then UTF-8. */
  text(): string {
    return utf8Decode(this.bytes());
  }

  /** Exactly `length` bytes, as a view. */
  raw(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  /** A reader of the next length-delimited part, which this one skips. */
  part(): WireReader {
    if (this.#depthLeft <= 0) throw new WireError('parts are nested too deep');
    const length = this.varint();
    const at = this.#take(length);
    return new WireReader(this.#buffer, at, at + length, this.#depthLeft - 1);
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) throw new WireError('a length reaches past the end of the input');
    this.#at = at + length;
    return at;
  }
}

/** `high` counts units of 2^28 in a two's complement of 64 bits: 36 bits of them, and what a tenth byte has too much. */
function signedSafe(low: number, high: number): number {
  const units = high % two36;
  const signedUnits = units >= two35 ? units - two36 : units;
  // Exact up to 2^53; what is beyond is rounded to something that is not safe either.
  const value = signedUnits * two28 + low;
  if (!Number.isSafeInteger(value)) throw new WireError('an integer is out of the range ±(2^53 − 1)');
  return value;
}

/** @throws WireError when the bytes are not UTF-8 */
export function utf8Decode(bytes: Uint8Array): string {
  const text = textFromUtf8(bytes);
  if (text === undefined) throw new WireError('text is not UTF-8');
  return text;
}
