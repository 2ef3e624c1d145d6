import { type Prng } from '../../core/base/prng.ts';
import { type Digest } from '../../core/plasma/types.ts';
import { digestOf } from './images.ts';

/** What a machine's disk refuses: `wrong`: what is there is not what it is taken for. */
export type ImageFileEnd = 'done' | 'wrong';

/**
 * Images on the disk of a machine, as `ImageStore` keeps them: those under their digest are whole, durable and never written
 * again; what was fetched of others outlives the agent, and of that a loss of power spares any part.
 */
export class NodeImageFiles {
  readonly #whole = new Map<Digest, Uint8Array>();
  readonly #partial = new Map<Digest, Uint8Array>();

  get digests(): readonly Digest[] {
    return [...this.#whole.keys()].sort((left, right) => (left < right ? -1 : 1));
  }

  /** Undefined: it is not there. */
  whole(digest: Digest): Uint8Array | undefined {
    return this.#whole.get(digest);
  }

  partial(digest: Digest): Uint8Array {
    return this.#partial.get(digest) ?? new Uint8Array(0);
  }

  /** Where nobody serves images: it is there, whatever it is. */
  take(digest: Digest): void {
    if (!this.#whole.has(digest)) this.#whole.set(digest, new Uint8Array(0));
  }

  append(digest: Digest, fromByte: number, bytes: Uint8Array): ImageFileEnd {
    const there = this.partial(digest);
    if (there.length !== fromByte) return 'wrong';
    const longer = new Uint8Array(there.length + bytes.length);
    longer.set(there);
    longer.set(bytes, there.length);
    this.#partial.set(digest, longer);
    return 'done';
  }

  /** It is an image from here on, if it is the right one. */
  finish(digest: Digest): ImageFileEnd {
    const there = this.partial(digest);
    if (digestOf(there) !== digest) return 'wrong';
    this.#whole.set(digest, there);
    this.#partial.delete(digest);
    return 'done';
  }

  discard(digest: Digest): void {
    this.#partial.delete(digest);
  }

  /** Nothing of a partial file was synced: its end is missing, or there and empty, or it is as it was. */
  powerLost(prng: Prng): void {
    for (const [digest, bytes] of this.#partial) {
      const from = prng.below(bytes.length + 1);
      const fate = prng.below(4);
      if (fate < 2) this.#partial.set(digest, bytes.slice(0, from));
      else if (fate === 2) this.#partial.set(digest, bytes.slice().fill(0, from));
    }
  }
}
