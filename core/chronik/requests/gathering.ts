import { assert } from '../../base/assert.ts';

/** What one request asked for several times over: its answer is due when the last of the outcomes is there. */
export class Gathering<Outcome> {
  readonly #outcomes: (Outcome | undefined)[];
  readonly #then: (outcomes: readonly Outcome[]) => void;
  #left: number;

  /** @param then called once, with the outcomes in the order of what was asked for; at once where that is nothing */
  constructor(count: number, then: (outcomes: readonly Outcome[]) => void) {
    this.#outcomes = new Array<Outcome | undefined>(count).fill(undefined);
    this.#left = count;
    this.#then = then;
    if (count === 0) then([]);
  }

  set(index: number, outcome: Outcome): void {
    assert(this.#outcomes[index] === undefined, 'each has one outcome');
    this.#outcomes[index] = outcome;
    this.#left -= 1;
    if (this.#left === 0) this.#then(this.#outcomes as Outcome[]);
  }
}
