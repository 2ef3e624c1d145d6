import { assert } from '../../base/assert.ts';
import { WireError } from '../reader.ts';

/** The size that stands before every request and response: an int32 that does not count itself. */
export const frameSizeBytes = 4;

/** What a frame's first room is, whatever its size says: only bytes that have come make it grow. */
const firstRoomBytes = 65_536;

/**
 * Takes a stream of requests or responses apart, however it was cut: push a piece, then take frames until there is none.
 * Holds one incomplete frame at most. A frame that lies in one piece is a view of it.
 */
export class KafkaFrames {
  #frameBytesMax: number;
  #piece: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** What has come of the next frame's size, where a piece ended inside it. */
  #size = 0;
  #sizeBytes = 0;
  /** The frame that is incomplete, and how much of it has come; its size is in `#size`. */
  #room: Uint8Array | undefined;
  #filled = 0;

  /** @param frameBytesMax a longer frame is refused before any of it is kept */
  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** From the next frame on. */
  set frameBytesMax(bytes: number) {
    this.#frameBytesMax = bytes;
  }

  push(piece: Uint8Array): void {
    assert(this.#at === this.#piece.length, 'frames are taken until there is none before more is pushed');
    this.#piece = piece;
    this.#at = 0;
  }

  /**
   * The next frame without its size.
   *
   * @throws WireError for a size out of bounds: nothing behind it can be read either
   */
  next(): Uint8Array | undefined {
    if (this.#room === undefined) {
      if (!this.#takeSize()) return undefined;
      if (this.#piece.length - this.#at >= this.#size) {
        const frame = this.#piece.subarray(this.#at, this.#at + this.#size);
        this.#at += this.#size;
        this.#sizeBytes = 0;
        return frame;
      }
      this.#room = new Uint8Array(Math.min(this.#size, firstRoomBytes));
      this.#filled = 0;
    }
    const count = Math.min(this.#size - this.#filled, this.#piece.length - this.#at);
    const room = this.#roomFor(this.#filled + count);
    room.set(this.#piece.subarray(this.#at, this.#at + count), this.#filled);
    this.#at += count;
    this.#filled += count;
    if (this.#filled < this.#size) return undefined;
    this.#room = undefined;
    this.#sizeBytes = 0;
    return room;
  }

  /** @returns whether the size is complete */
  #takeSize(): boolean {
    while (this.#sizeBytes < frameSizeBytes) {
      if (this.#at === this.#piece.length) return false;
      this.#size = (this.#size << 8) | (this.#piece[this.#at] as number);
      this.#at += 1;
      this.#sizeBytes += 1;
    }
    if (this.#size < 0 || this.#size > this.#frameBytesMax) {
      throw new WireError(`a frame of ${this.#size} bytes: 0 to ${this.#frameBytesMax} are allowed`);
    }
    return true;
  }

  /** Doubles where that is not enough, so that each byte is copied twice at most; the last room is the frame itself. */
  #roomFor(lengthBytes: number): Uint8Array {
    const room = this.#room as Uint8Array;
    if (lengthBytes <= room.length) return room;
    const grown = new Uint8Array(Math.min(this.#size, Math.max(lengthBytes, room.length * 2)));
    grown.set(room.subarray(0, this.#filled));
    this.#room = grown;
    return grown;
  }
}
