import { type Captured } from '../../../core/base/capture.ts';
import { type CapturablePrng } from '../../../core/base/prng.ts';

/** A small generator (xorshift32) for tests that need no more than repeatable variety. */
export function testPrng(seed: number): CapturablePrng {
  const state = (seed * 2_654_435_761 + 1) >>> 0 || 1;
  const prng = new TestPrng(seed, state);
  for (let round = 0; round < 8; round += 1) prng.below(1);
  return prng;
}

class TestPrng implements CapturablePrng {
  readonly #seed: number;
  #state: number;

  constructor(seed: number, state: number) {
    this.#seed = seed;
    this.#state = state;
  }

  below(bound: number): number {
    return this.#next() % bound;
  }

  chance(numerator: number, denominator: number): boolean {
    return this.#next() % denominator < numerator;
  }

  fork(label: string): CapturablePrng {
    let hash = this.#seed;
    for (const char of label) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) >>> 0;
    return testPrng(hash);
  }

  capture(): Captured {
    return [this.#seed, this.#state];
  }

  resumed(captured: Captured): CapturablePrng {
    const [seed, state] = captured as readonly [number, number];
    return new TestPrng(seed, state);
  }

  #next(): number {
    let state = this.#state;
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    this.#state = state;
    return state;
  }
}
