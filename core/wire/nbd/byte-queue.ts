import { assert } from '../../base/assert.ts';

/** Bytes as they come, taken in the pieces that are needed. */
export class ByteQueue {
  readonly #chunks: Uint8Array[] = [];
  #lengthBytes = 0;

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#lengthBytes += chunk.length;
  }

  /** The first `lengthBytes`, which are there; a part of what was pushed where that is possible, else a copy. */
  take(lengthBytes: number): Uint8Array {
    assert(lengthBytes <= this.#lengthBytes, 'only what has come is taken');
    this.#lengthBytes -= lengthBytes;
    const first = this.#chunks[0];
    if (first !== undefined && first.length >= lengthBytes) {
      if (first.length === lengthBytes) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(lengthBytes);
      return first.subarray(0, lengthBytes);
    }
    const taken = new Uint8Array(lengthBytes);
    let at = 0;
    let used = 0;
    while (at < lengthBytes) {
      const chunk = this.#chunks[used] as Uint8Array;
      const part = Math.min(chunk.length, lengthBytes - at);
      taken.set(part === chunk.length ? chunk : chunk.subarray(0, part), at);
      at += part;
      if (part === chunk.length) used += 1;
      else this.#chunks[used] = chunk.subarray(part);
    }
    this.#chunks.splice(0, used);
    return taken;
  }
}
