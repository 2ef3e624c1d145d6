import { type Captured, type StateForm } from './capture.ts';

/** A seeded source of randomness, handed to machines. `sim/prng.ts` implements it for both worlds. */
export interface Prng {
  /** A uniform integer in [0, bound). `bound` is an integer of 1 to 2^32. */
  below(bound: number): number;
  /** True in `numerator` of `denominator` cases; integers, so that no float decides anything. */
  chance(numerator: number, denominator: number): boolean;
  /** An independent stream, named so that adding or removing one never reshuffles the others. */
  fork(label: string): Prng;
}

/** Randomness that can be taken down and go on elsewhere: what a machine is given whose state can be captured. */
export interface CapturablePrng extends Prng {
  fork(label: string): CapturablePrng;
  /** Where the stream is. */
  capture(): Captured;
  /**
   * A stream that goes on where the captured one was, whatever this one has drawn: the same numbers, the same forks.
   *
   * @throws InvariantError when it was not captured from one of this kind
   */
  resumed(captured: Captured): CapturablePrng;
}

/** A stream goes through a form: what is returned is the one to go on with. */
export function passPrng(form: StateForm, name: string, prng: CapturablePrng): CapturablePrng {
  if (form.restores) return prng.resumed(form.data<Captured>(name, undefined));
  form.data(name, prng.capture());
  return prng;
}

/** A uniform integer in [from, to], both included. */
export function between(prng: Prng, from: number, to: number): number {
  return from + prng.below(to - from + 1);
}
