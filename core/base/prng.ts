/** A seeded source of randomness, handed to machines. `sim/prng.ts` implements it for both worlds. */
export interface Prng {
  /** A uniform integer in [0, bound). `bound` is an integer of 1 to 2^32. */
  below(bound: number): number;
  /** True in `numerator` of `denominator` cases; integers, so that no float decides anything. */
  chance(numerator: number, denominator: number): boolean;
  /** An independent stream, named so that adding or removing one never reshuffles the others. */
  fork(label: string): Prng;
}

/** A uniform integer in [from, to], both included. */
export function between(prng: Prng, from: number, to: number): number {
  return from + prng.below(to - from + 1);
}
