import { latin1FromBytes } from '../base/bytes.ts';

/** Outside bytes that are not what they claim to be. Codecs throw it; whoever calls them turns it into a refusal. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

const two32 = 4_294_967_296;

/** Reads what `WireWriter` writes. Every method throws `WireError` rather than read past the end. */
export class WireReader {
  readonly #buffer: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(buffer: Uint8Array, from = 0, to: number = buffer.length) {
    this.#buffer = buffer;
    this.#at = from;
    this.#end = to;
  }

  get position(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  byte(): number {
    if (this.#at >= this.#end) throw new WireError('input ends inside a value');
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
    // 28 bits are in; the rest counts in units of 2^28.
    let high = 0;
    let unit = 1;
    for (let count = 0; count < 6; count += 1) {
      const byte = this.byte();
      high += (byte & 0x7f) * unit;
      unit *= 128;
      if (byte < 0x80) return this.#signed(low, high);
    }
    throw new WireError('a varint is longer than ten bytes');
  }

  /** A 64-bit pattern as an unsigned bigint. */
  uint64(): bigint {
    const start = this.#at;
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      if (byte < 0x80 && shift === 0n) return BigInt(byte);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError(`a varint at ${start} is longer than ten bytes`);
  }

  /** Length, then bytes: a view of the input, not a copy. */
  bytes(): Uint8Array {
    const length = this.varint();
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  latin1(): string {
    return latin1FromBytes(this.bytes());
  }

  /** Exactly `length` bytes, as a view. */
  raw(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  /** A reader of the next length-delimited part, which this one skips. */
  part(): WireReader {
    const length = this.varint();
    const at = this.#take(length);
    return new WireReader(this.#buffer, at, at + length);
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) throw new WireError('a length reaches past the end of the input');
    this.#at = at + length;
    return at;
  }

  /** `high` counts units of 2^28 in a two's complement of 64 bits (36 bits of them here). */
  #signed(low: number, high: number): number {
    const units = high % 2 ** 36;
    const signedUnits = units >= 2 ** 35 ? units - 2 ** 36 : units;
    const value = signedUnits * 2 ** 28 + low;
    if (!Number.isSafeInteger(value) || Math.abs(value) > two32 * 2_097_152) {
      throw new WireError('an integer is out of the range ±(2^53 − 1)');
    }
    return value;
  }
}
