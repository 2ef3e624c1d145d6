import { assert } from '../../base/assert.ts';
import { utf8LengthOf, writeUtf8 } from '../../base/utf8.ts';
import type { FileSlice } from '../../storage/segment-files.ts';
import { WireError } from '../reader.ts';
import { stringBytesMax } from './reader.ts';

/** A piece of what goes out: bytes, or a part of a file that whoever sends it reads. */
export type Chunk = Uint8Array | FileSlice;

/** Something encoded, as a list of pieces so that records are never copied. */
export interface Encoded {
  readonly chunks: readonly Chunk[];
  /** Of all chunks together. */
  readonly lengthBytes: number;
}

/** Messages are written one behind the other into blocks of this size, which are never written to again. */
const blockBytes = 16_384;
/** Shorter bytes are copied: a chunk of their own would cost more. */
const referredBytesMin = 1_024;
const two32 = 4_294_967_296;

/**
 * Writes the primitive types of Kafka's protocol. One writer serves all messages of a process: what it hands out stays as
 * it is.
 *
 * Source: Kafka protocol guide, "Protocol Primitive Types".
 */
export class KafkaWriter {
  #block: Uint8Array = new Uint8Array(blockBytes);
  /** In the block: what lies between is written and not yet a chunk. */
  #from = 0;
  #at = 0;
  #chunks: Chunk[] = [];
  /** Of the chunks. */
  #chunkBytes = 0;

  /** Of everything since the last `take`. */
  get lengthBytes(): number {
    return this.#chunkBytes + this.#at - this.#from;
  }

  /** What was written since the last `take`. */
  take(): Encoded {
    this.#seal();
    const encoded = { chunks: this.#chunks, lengthBytes: this.#chunkBytes };
    this.#chunks = [];
    this.#chunkBytes = 0;
    return encoded;
  }

  /** Forgets what was written since the last `take`. */
  drop(): void {
    this.#at = this.#from;
    this.#chunks = [];
    this.#chunkBytes = 0;
  }

  bool(value: boolean): void {
    this.#reserve(1);
    this.#block[this.#at++] = value ? 1 : 0;
  }

  int8(value: number): void {
    assert((value << 24) >> 24 === value, 'an int8 has 8 bits');
    this.#reserve(1);
    this.#block[this.#at++] = value;
  }

  int16(value: number): void {
    assert((value << 16) >> 16 === value, 'an int16 has 16 bits');
    this.#reserve(2);
    this.#block[this.#at++] = value >> 8;
    this.#block[this.#at++] = value;
  }

  uint16(value: number): void {
    assert((value & 0xffff) === value, 'a uint16 has 16 bits');
    this.int16((value << 16) >> 16);
  }

  int32(value: number): void {
    assert((value | 0) === value, 'an int32 has 32 bits');
    this.#bits32(value);
  }

  uint32(value: number): void {
    assert(value >>> 0 === value, 'a uint32 has 32 bits');
    this.#bits32(value);
  }

  int64(value: number): void {
    assert(Number.isSafeInteger(value), 'an int64 is a safe integer');
    const high = Math.floor(value / two32);
    this.#bits32(high);
    this.#bits32(value - high * two32);
  }

  float64(value: number): void {
    this.#reserve(8);
    new DataView(this.#block.buffer, this.#block.byteOffset + this.#at, 8).setFloat64(0, value);
    this.#at += 8;
  }

  /** Lengths and tags: 32 bits in up to five bytes. */
  unsignedVarint(value: number): void {
    assert(value >>> 0 === value, 'an unsigned varint has 32 bits');
    this.#reserve(5);
    let rest = value;
    while (rest >= 0x80) {
      this.#block[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#block[this.#at++] = rest;
  }

  /** Signed 32 bits, small magnitudes in few bytes ("zigzag"). */
  varint(value: number): void {
    assert((value | 0) === value, 'a varint has 32 bits');
    this.unsignedVarint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  /** Signed, small magnitudes in few bytes. */
  varlong(value: number): void {
    const zigzag = value < 0 ? -2 * value - 1 : 2 * value;
    assert(Number.isSafeInteger(zigzag), 'a varlong is within ±(2^52 − 1)');
    this.#reserve(10);
    let rest = zigzag;
    while (rest >= 0x80) {
      this.#block[this.#at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#block[this.#at++] = rest;
  }

  /** 32 hex digits as 16 bytes. */
  uuid(text: string): void {
    assert(uuidPattern.test(text), 'a uuid has 32 hex digits');
    this.#reserve(16);
    for (let at = 0; at < 32; at += 2) {
      this.#block[this.#at++] = hexDigit(text.charCodeAt(at)) * 16 + hexDigit(text.charCodeAt(at + 1));
    }
  }

  /** The length as an int16, then UTF-8. */
  string(text: string): void {
    const length = checkedTextLength(text);
    this.int16(length);
    this.#reserve(length);
    this.#at = writeUtf8(text, this.#block, this.#at);
  }

  /** The length plus one as a varint, then UTF-8. */
  compactString(text: string): void {
    const length = checkedTextLength(text);
    this.unsignedVarint(length + 1);
    this.#reserve(length);
    this.#at = writeUtf8(text, this.#block, this.#at);
  }

  /** No length, just UTF-8. */
  utf8(text: string): void {
    this.#reserve(utf8LengthOf(text));
    this.#at = writeUtf8(text, this.#block, this.#at);
  }

  /** No length, just bytes: long ones are referred to, not copied, and must stay as they are. */
  raw(bytes: Uint8Array): void {
    if (bytes.length >= referredBytesMin) {
      this.#refer(bytes, bytes.length);
      return;
    }
    this.#reserve(bytes.length);
    this.#block.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** What somebody else reads, in the place of its bytes. */
  slice(slice: FileSlice): void {
    if (slice.lengthBytes > 0) this.#refer(slice, slice.lengthBytes);
  }

  /**
   * Writes `value` as an int32 over the first four bytes since the last `take`, which the caller has written: the size of a
   * frame, which is known when all else is.
   */
  patchFirstInt32(value: number): void {
    const first = this.#chunks[0];
    const target = first === undefined ? this.#block.subarray(this.#from, this.#at) : first;
    assert(target instanceof Uint8Array && target.length >= 4, 'the first four bytes were written as such');
    target[0] = value >>> 24;
    target[1] = value >>> 16;
    target[2] = value >>> 8;
    target[3] = value;
  }

  /** Opens a part whose size stands before it as a varint; `endSized` closes it with what this returned. */
  beginSized(): number {
    return this.lengthBytes;
  }

  endSized(start: number): void {
    assert(start >= this.#chunkBytes, 'a sized part holds no records');
    const size = this.lengthBytes - start;
    let sizeBytes = 1;
    for (let rest = size >>> 7; rest > 0; rest >>>= 7) sizeBytes += 1;
    // Room for the longest varint, too: to move the block while the part is open would lose its tail.
    this.#reserve(sizeBytes + 5);
    const from = this.#from + start - this.#chunkBytes;
    this.#block.copyWithin(from + sizeBytes, from, this.#at);
    const end = this.#at + sizeBytes;
    this.#at = from;
    this.unsignedVarint(size);
    this.#at = end;
  }

  #bits32(value: number): void {
    this.#reserve(4);
    const block = this.#block;
    block[this.#at++] = value >>> 24;
    block[this.#at++] = value >>> 16;
    block[this.#at++] = value >>> 8;
    block[this.#at++] = value;
  }

  #refer(chunk: Chunk, lengthBytes: number): void {
    this.#seal();
    this.#chunks.push(chunk);
    this.#chunkBytes += lengthBytes;
  }

  /** Makes a chunk of what lies in the block. */
  #seal(): void {
    if (this.#at === this.#from) return;
    this.#chunks.push(this.#block.subarray(this.#from, this.#at));
    this.#chunkBytes += this.#at - this.#from;
    this.#from = this.#at;
  }

  /** Moves what is not yet a chunk to a new block where the old one has no room. */
  #reserve(lengthBytes: number): void {
    if (this.#at + lengthBytes <= this.#block.length) return;
    const open = this.#block.subarray(this.#from, this.#at);
    const block = new Uint8Array(Math.max(blockBytes, 2 * (open.length + lengthBytes)));
    block.set(open);
    this.#block = block;
    this.#from = 0;
    this.#at = open.length;
  }
}

const uuidPattern = /^[0-9a-f]{32}$/;

function hexDigit(char: number): number {
  return char <= 0x39 ? char - 0x30 : char - 0x57;
}

function checkedTextLength(text: string): number {
  const length = utf8LengthOf(text);
  if (length > stringBytesMax) {
    throw new WireError(`a string of ${length} bytes is longer than ${stringBytesMax}`);
  }
  return length;
}
