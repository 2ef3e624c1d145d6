import { assert } from '../../../core/base/assert.ts';

/** A bound on what is under way at once: whoever wants more waits until something ends. */
export class Slots {
  #left: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    assert(count >= 1, 'something may be under way');
    this.#left = count;
  }

  /** Resolves in the order of the calls. */
  take(): Promise<void> {
    if (this.#left > 0) {
      this.#left -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  free(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#left += 1;
    else next();
  }
}
