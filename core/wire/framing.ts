import { assert } from '../base/assert.ts';
import { crc32c } from '../base/crc32c.ts';
import { WireError } from './reader.ts';

/**
 * Frames on a stream of bytes: the payload's length (4 bytes, little-endian), a byte that says what it is, the CRC-32C of
 * both and the payload (4 bytes, little-endian), the payload.
 */
export const framingBytes = 9;
const checkedBytes = 5;

export interface WireFrame {
  readonly kind: number;
  /** A view of what was pushed where that held all of it, else a copy. */
  readonly payload: Uint8Array;
}

/** Writes what stands before a payload, at the beginning of `target`. */
export function writeFraming(target: Uint8Array, kind: number, ...pieces: readonly Uint8Array[]): void {
  assert(kind >>> 0 === kind && kind <= 0xff, 'the kind of a frame is a byte');
  writeUint32(
    target,
    0,
    pieces.reduce((length, piece) => length + piece.length, 0),
  );
  target[4] = kind;
  let crc = crc32c(target.subarray(0, checkedBytes));
  for (const piece of pieces) crc = crc32c(piece, crc);
  writeUint32(target, checkedBytes, crc);
}

/**
 * Takes a stream apart, however it was cut: push a piece, then take frames until there is none. Holds one incomplete frame
 * at most.
 */
export class FrameReader {
  #payloadBytesMax: number;
  #piece: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** What has arrived of the next frame's head, where a piece ended inside it. */
  readonly #head = new Uint8Array(framingBytes);
  #headBytes = 0;
  /** The frame that is incomplete; its head is in `#head`. */
  #payload: Uint8Array | undefined;
  #payloadFilled = 0;

  /** @param payloadBytesMax a longer payload is refused before any of it is kept */
  constructor(payloadBytesMax: number) {
    this.#payloadBytesMax = payloadBytesMax;
  }

  /** From the next frame on. */
  set payloadBytesMax(bytes: number) {
    this.#payloadBytesMax = bytes;
  }

  push(piece: Uint8Array): void {
    assert(this.#at === this.#piece.length, 'frames are taken until there is none before more is pushed');
    this.#piece = piece;
    this.#at = 0;
  }

  /** @throws WireError for a frame that is too long or damaged: nothing behind it can be read either */
  next(): WireFrame | undefined {
    if (this.#payload === undefined) {
      if (!this.#takeHead()) return undefined;
      const length = readUint32(this.#head, 0);
      if (length > this.#payloadBytesMax) {
        throw new WireError(`a frame of ${length} bytes is longer than ${this.#payloadBytesMax}`);
      }
      if (this.#piece.length - this.#at >= length) {
        const payload = this.#piece.subarray(this.#at, this.#at + length);
        this.#at += length;
        return this.#checked(payload);
      }
      this.#payload = new Uint8Array(length);
      this.#payloadFilled = 0;
    }
    const payload = this.#payload;
    const count = Math.min(payload.length - this.#payloadFilled, this.#piece.length - this.#at);
    payload.set(this.#piece.subarray(this.#at, this.#at + count), this.#payloadFilled);
    this.#at += count;
    this.#payloadFilled += count;
    if (this.#payloadFilled < payload.length) return undefined;
    this.#payload = undefined;
    return this.#checked(payload);
  }

  /** False while it is incomplete. */
  #takeHead(): boolean {
    const count = Math.min(framingBytes - this.#headBytes, this.#piece.length - this.#at);
    for (let byte = 0; byte < count; byte += 1) {
      this.#head[this.#headBytes + byte] = this.#piece[this.#at + byte] as number;
    }
    this.#at += count;
    this.#headBytes += count;
    if (this.#headBytes < framingBytes) return false;
    this.#headBytes = 0;
    return true;
  }

  #checked(payload: Uint8Array): WireFrame {
    const head = this.#head;
    if (crc32c(payload, crc32c(head.subarray(0, checkedBytes))) !== readUint32(head, checkedBytes)) {
      throw new WireError('a frame arrived damaged');
    }
    return { kind: head[4] as number, payload };
  }
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = (value >>> 8) & 0xff;
  bytes[at + 2] = (value >>> 16) & 0xff;
  bytes[at + 3] = (value >>> 24) & 0xff;
}
