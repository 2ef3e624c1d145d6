import { assert } from '../base/assert.ts';
import { utf8LengthOf, writeUtf8 } from '../base/utf8.ts';

const initialBytes = 256;
const two32 = 4_294_967_296;
/** A buffer that grew beyond this is not kept for the next message. */
const keptBytesMax = 65_536;

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

  /** Begins anew, in the same buffer unless a large message made it large. */
  reset(): void {
    this.#length = 0;
    if (this.#buffer.length > keptBytesMax) this.#buffer = new Uint8Array(initialBytes);
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
    this.#reserve(8);
    // Tags and lengths: one byte, nearly always. False for what is no integer, too.
    if (value >>> 0 === value && value < 0x80) {
      this.#buffer[this.#length++] = value;
      return;
    }
    assert(Number.isSafeInteger(value) && value >= 0, 'a varint is a safe non-negative integer');
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
    if (value >= 0) {
      this.varint(value);
      return;
    }
    assert(Number.isSafeInteger(value), 'an int64 is a safe integer');
    const high = Math.floor(value / two32);
    this.#varint64(value - high * two32, high >>> 0);
  }

  /** int32, as int64 writes it. */
  int32(value: number): void {
    assert((value | 0) === value, 'an int32 has 32 bits');
    this.int64(value);
  }

  uint32(value: number): void {
    assert(value >>> 0 === value, 'a uint32 has 32 bits');
    this.varint(value);
  }

  /** A 64-bit pattern, for opaque ids. */
  uint64(value: bigint): void {
    const pattern = BigInt.asUintN(64, value);
    const low = Number(pattern & 0xffffffffn);
    const high = Number(pattern >> 32n);
    // Up to 53 bits a number holds them all.
    if (high < 0x200000) this.varint(high * two32 + low);
    else this.#varint64(low, high);
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
    const buffer = this.#buffer;
    const start = this.#length;
    let bits = 0;
    for (let at = 0; at < text.length; at += 1) {
      const char = text.charCodeAt(at);
      bits |= char;
      buffer[start + at] = char;
    }
    assert(bits <= 0xff, 'a latin1 string has chars 0 to 255');
    this.#length = start + text.length;
  }

  /** Length, then UTF-8. */
  text(text: string): void {
    const length = utf8LengthOf(text);
    this.varint(length);
    this.#reserve(length);
    this.#length = writeUtf8(text, this.#buffer, this.#length);
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

  /** A varint of 64 bits, of which the halves are given, unsigned: as many bytes as it needs, up to ten. */
  #varint64(low: number, high: number): void {
    this.#reserve(10);
    let lowRest = low >>> 0;
    let highRest = high >>> 0;
    while (highRest > 0 || lowRest >= 0x80) {
      this.#buffer[this.#length++] = (lowRest & 0x7f) | 0x80;
      lowRest = ((lowRest >>> 7) | (highRest << 25)) >>> 0;
      highRest >>>= 7;
    }
    this.#buffer[this.#length++] = lowRest;
  }

  #reserve(bytes: number): void {
    const need = this.#length + bytes;
    if (need <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(need, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
