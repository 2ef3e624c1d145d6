import { assert } from '../base/assert.ts';
import { type StateForm } from '../base/capture.ts';

/**
 * How well this member keeps up, judged by what it misses: 0 when it is well. Whoever is slow itself takes everybody for dead,
 * so one that misses things first gives the others more time, and then suspects them.
 *
 * Source: Lifeguard (2017), §IV-A: the local health multiplier.
 */
export class LocalHealth {
  readonly #max: number;
  /** Invariant: 0 ≤ score < max. */
  #score = 0;

  /** @param max how many times as slow it gets at most */
  constructor(max: number) {
    this.#max = max;
  }

  get score(): number {
    return this.#score;
  }

  worsen(by: number): void {
    assert(by >= 0, 'health gets worse by what was missed');
    this.#score = Math.min(this.#max - 1, this.#score + by);
  }

  recover(): void {
    this.#score = Math.max(0, this.#score - 1);
  }

  scaled(durationUs: number): number {
    return durationUs * (this.#score + 1);
  }

  passState(form: StateForm): void {
    this.#score = form.number('score', this.#score);
  }
}
