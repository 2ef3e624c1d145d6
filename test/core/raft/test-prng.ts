import { type Prng } from '../../../core/base/prng.ts';

/** A small generator (xorshift32) for tests that need no more than repeatable variety. */
export function testPrng(seed: number): Prng {
  let state = (seed * 2_654_435_761 + 1) >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  for (let round = 0; round < 8; round += 1) next();
  const prng: Prng = {
    below: (bound) => next() % bound,
    chance: (numerator, denominator) => next() % denominator < numerator,
    fork: (label) => {
      let hash = seed;
      for (const char of label) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) >>> 0;
      return testPrng(hash);
    },
  };
  return prng;
}
