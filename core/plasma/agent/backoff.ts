import { between, type Prng } from '../../base/prng.ts';

/** Waits that double from `usMin` to `usMax`, with up to a quarter on top of each: agents that failed together part again. */
export class Backoff {
  readonly #usMin: number;
  readonly #usMax: number;
  readonly #prng: Prng;
  #failures = 0;

  constructor(options: { readonly usMin: number; readonly usMax: number }, prng: Prng) {
    this.#usMin = options.usMin;
    this.#usMax = options.usMax;
    this.#prng = prng;
  }

  /** Something has failed. @returns how long to wait before it is tried again */
  failed(): number {
    const waitUs = doubled(this.#usMin, this.#usMax, this.#failures);
    this.#failures += 1;
    return waitUs + between(this.#prng, 0, Math.floor(waitUs / 4));
  }

  succeeded(): void {
    this.#failures = 0;
  }
}

/** `usMin`, doubled so many times, up to `usMax`. */
export function doubled(usMin: number, usMax: number, times: number): number {
  let us = usMin;
  for (let count = 0; count < times && us < usMax; count += 1) us *= 2;
  return Math.min(us, usMax);
}
