import { assert } from '../core/base/assert.ts';
import { Heap } from '../core/base/heap.ts';

/**
 * The virtual clock and the one queue of the simulator: what happens, happens in the order of (time, sequence), and time
 * is nothing but the time of what happens next.
 */
export class World {
  #nowUs = 0;
  #scheduled = 0;
  #happened = 0;
  readonly #queue = new Heap<Happening>(earlier);

  /** Integer µs since the run began. */
  get nowUs(): number {
    return this.#nowUs;
  }

  /** What has happened so far. */
  get happened(): number {
    return this.#happened;
  }

  /** Lets `happen` run at this time, after everything that was scheduled for it before. */
  at(timeUs: number, happen: () => void): void {
    assert(Number.isSafeInteger(timeUs), 'a time is a safe integer');
    assert(timeUs >= this.#nowUs, 'nothing is scheduled for the past');
    this.#scheduled += 1;
    this.#queue.push({ timeUs, sequence: this.#scheduled, happen });
  }

  after(delayUs: number, happen: () => void): void {
    this.at(this.#nowUs + delayUs, happen);
  }

  /** Lets everything happen that is due at or before this time, or until `done` says so, which is asked after each. */
  runUntil(timeUs: number, done?: () => boolean): void {
    for (;;) {
      const next = this.#queue.peek();
      if (next === undefined || next.timeUs > timeUs) break;
      this.#queue.pop();
      this.#nowUs = next.timeUs;
      this.#happened += 1;
      next.happen();
      if (done?.() === true) return;
    }
    if (timeUs > this.#nowUs) this.#nowUs = timeUs;
  }
}

interface Happening {
  readonly timeUs: number;
  readonly sequence: number;
  readonly happen: () => void;
}

function earlier(left: Happening, right: Happening): number {
  return left.timeUs - right.timeUs || left.sequence - right.sequence;
}
