import seedrandom from 'seedrandom';

import { assert, InvariantError } from '../core/base/assert.ts';
import { type Captured } from '../core/base/capture.ts';
import { type CapturablePrng } from '../core/base/prng.ts';

const two32 = 4_294_967_296;
/** A product of a 32-bit integer with a bound up to this one is exact in a double. */
const exactBoundMax = 2_097_152;

/**
 * Randomness of both worlds: seedrandom's `alea`, drawn 32 bits at a time. The same seed gives the same numbers on every
 * machine; a fork depends on its label and its ancestors' seeds alone, never on how much was drawn before.
 */
export function seededPrng(seed: string): CapturablePrng {
  return new Alea(seed);
}

type AleaState = seedrandom.State.Alea;

class Alea implements CapturablePrng {
  readonly #seed: string;
  readonly #stream: seedrandom.StatefulPRNG<AleaState>;

  constructor(seed: string, state: AleaState | true = true) {
    this.#seed = seed;
    this.#stream = seedrandom.alea(seed, { state });
  }

  below(bound: number): number {
    assert(Number.isSafeInteger(bound) && bound >= 1 && bound <= two32, 'a bound is an integer of 1 to 2^32');
    return bound <= exactBoundMax ? this.#scaled(bound) : this.#remainder(bound);
  }

  chance(numerator: number, denominator: number): boolean {
    assert(Number.isSafeInteger(numerator) && numerator >= 0, 'a numerator is a natural number');
    return this.below(denominator) < numerator;
  }

  fork(label: string): CapturablePrng {
    // The length keeps fork('a').fork('b') apart from every fork of another shape, whatever the labels hold.
    return new Alea(`${this.#seed}/${label.length}:${label}`);
  }

  capture(): Captured {
    const { c, s0, s1, s2 } = this.#stream.state();
    // The three are fractions of 2^32: whole numbers go through every encoder.
    return { seed: this.#seed, c, s0: s0 * two32, s1: s1 * two32, s2: s2 * two32 };
  }

  resumed(captured: Captured): CapturablePrng {
    const { seed, c, s0, s1, s2 } = fieldsOf(captured);
    if (typeof seed !== 'string') throw new InvariantError('captured randomness has no seed');
    const state = { c: word('c', c), s0: word('s0', s0), s1: word('s1', s1), s2: word('s2', s2) };
    state.s0 /= two32;
    state.s1 /= two32;
    state.s2 /= two32;
    return new Alea(seed, state);
  }

  /** Lemire, "Fast random integer generation in an interval" (2019): no division but for the rare rejection. */
  #scaled(bound: number): number {
    for (;;) {
      const product = (this.#stream.int32() >>> 0) * bound;
      const low = product >>> 0;
      if (low >= bound || low >= two32 % bound) return Math.floor(product / two32);
    }
  }

  #remainder(bound: number): number {
    const limit = two32 - (two32 % bound);
    for (;;) {
      const drawn = this.#stream.int32() >>> 0;
      if (drawn < limit) return drawn % bound;
    }
  }
}

function word(name: string, value: Captured): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= two32)
    throw new InvariantError(`captured randomness: ${name} is not a number of 32 bits`);
  return value;
}

function fieldsOf(captured: Captured): Readonly<Record<string, Captured>> {
  if (typeof captured !== 'object' || Array.isArray(captured) || captured instanceof Uint8Array) return {};
  return captured as Readonly<Record<string, Captured>>;
}
