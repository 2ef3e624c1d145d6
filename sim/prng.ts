import seedrandom from 'seedrandom';

import { assert } from '../core/base/assert.ts';
import { type Prng } from '../core/base/prng.ts';

const two32 = 4_294_967_296;
/** A product of a 32-bit integer with a bound up to this one is exact in a double. */
const exactBoundMax = 2_097_152;

/**
 * Randomness of both worlds: seedrandom's `alea`, drawn 32 bits at a time. The same seed gives the same numbers on every
 * machine; a fork depends on its label and its ancestors' seeds alone, never on how much was drawn before.
 */
export function seededPrng(seed: string): Prng {
  return new Alea(seed);
}

class Alea implements Prng {
  readonly #seed: string;
  readonly #int32: () => number;

  constructor(seed: string) {
    this.#seed = seed;
    this.#int32 = seedrandom.alea(seed).int32;
  }

  below(bound: number): number {
    assert(Number.isSafeInteger(bound) && bound >= 1 && bound <= two32, 'a bound is an integer of 1 to 2^32');
    return bound <= exactBoundMax ? this.#scaled(bound) : this.#remainder(bound);
  }

  chance(numerator: number, denominator: number): boolean {
    assert(Number.isSafeInteger(numerator) && numerator >= 0, 'a numerator is a natural number');
    return this.below(denominator) < numerator;
  }

  fork(label: string): Prng {
    // The length keeps fork('a').fork('b') apart from every fork of another shape, whatever the labels hold.
    return new Alea(`${this.#seed}/${label.length}:${label}`);
  }

  /** Lemire, "Fast random integer generation in an interval" (2019): no division but for the rare rejection. */
  #scaled(bound: number): number {
    for (;;) {
      const product = (this.#int32() >>> 0) * bound;
      const low = product >>> 0;
      if (low >= bound || low >= two32 % bound) return Math.floor(product / two32);
    }
  }

  #remainder(bound: number): number {
    const limit = two32 - (two32 % bound);
    for (;;) {
      const drawn = this.#int32() >>> 0;
      if (drawn < limit) return drawn % bound;
    }
  }
}
