import { assert } from '../base/assert.ts';

const initialBytes = 256;
const two32 = 4_294_967_296;

/** Grows a buffer as values are appended. Integers as in the Protocol Buffers encoding. */
export class WireWriter {
  #buffer: Uint8Array = new Uint8Array(initialBytes);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** A copy of what was written; the writer may be reset and used again. */
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  reset(): void {
    this.#length = 0;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  uint32LittleEndian(value: number): void {
    this.#reserve(4);
    this.#buffer[this.#length++] = value & 0xff;
    this.#buffer[this.#length++] = (value >>> 8) & 0xff;
    this.#buffer[this.#length++] = (value >>> 16) & 0xff;
    this.#buffer[this.#length++] = (value >>> 24) & 0xff;
  }

  /** A varint of a safe, non-negative integer. */
  varint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'a varint is a safe non-negative integer');
    this.#reserve(8);
    let rest = value;
    while (rest >= two32) {
      this.#buffer[this.#length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    // At most 32 bits are left, so that shifts are exact.
    let low = rest >>> 0;
    while (low >= 0x80) {
      this.#buffer[this.#length++] = (low & 0x7f) | 0x80;
      low >>>= 7;
    }
    this.#buffer[this.#length++] = low;
  }

  /** int64 of a safe integer: negative ones take ten bytes, two's complement. */
  int64(value: number): void {
    if (value >= 0) this.varint(value);
    else this.uint64(BigInt.asUintN(64, BigInt(value)));
  }

  /** A 64-bit pattern, for opaque ids. */
  uint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    this.#reserve(10);
    while (rest >= 0x80n) {
      this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
  }

  /** Raw bytes, no length. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Length, then bytes. */
  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** Length, then one byte a char. */
  latin1(text: string): void {
    this.varint(text.length);
    this.#reserve(text.length);
    for (let at = 0; at < text.length; at += 1) this.#buffer[this.#length++] = text.charCodeAt(at);
  }

  /** Opens a length-delimited part; `end` closes it with what `begin` returned. */
  begin(): number {
    this.#reserve(1);
    this.#length += 1;
    return this.#length;
  }

  end(start: number): void {
    const lengthBytes = this.#length - start;
    if (lengthBytes < 0x80) {
      this.#buffer[start - 1] = lengthBytes;
      return;
    }
    // One byte was kept for the length; move the part up to make room for the rest of it.
    let more = 0;
    for (let rest = Math.floor(lengthBytes / 128); rest > 0; rest = Math.floor(rest / 128)) more += 1;
    this.#reserve(more);
    this.#buffer.copyWithin(start + more, start, this.#length);
    const end = this.#length + more;
    this.#length = start - 1;
    this.varint(lengthBytes);
    this.#length = end;
  }

  #reserve(bytes: number): void {
    const need = this.#length + bytes;
    if (need <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(need, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
