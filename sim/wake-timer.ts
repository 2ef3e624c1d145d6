import { type Prng } from '../core/base/prng.ts';
import { type World } from './world.ts';

/** A timer never fires early, and late by up to this much. */
const timerLateUsMax = 1_000;

/** One process's timer. It wakes the process once, at about the earliest of the times that it was set to. */
export class WakeTimer {
  readonly #world: World;
  readonly #prng: Prng;
  readonly #woken: () => void;
  /** When it fires, by the world's time; `Infinity` while it is not set. */
  #wakeUs = Infinity;
  /** Counts lives of the process: what an earlier one had set wakes nobody. */
  #life = 0;

  constructor(world: World, prng: Prng, woken: () => void) {
    this.#world = world;
    this.#prng = prng;
    this.#woken = woken;
  }

  /** Due at this time of the world's, which is to come; a timer that is set and not much later serves as well. */
  set(dueUs: number): void {
    if (dueUs >= this.#wakeUs || dueUs === Infinity) return;
    const wakeUs = dueUs + this.#prng.below(timerLateUsMax);
    this.#wakeUs = wakeUs;
    const life = this.#life;
    this.#world.at(wakeUs, () => {
      if (life !== this.#life || this.#wakeUs !== wakeUs) return;
      this.#wakeUs = Infinity;
      this.#woken();
    });
  }

  /** The clock runs otherwise from now on: whatever it was set to means another time. */
  unset(): void {
    this.#wakeUs = Infinity;
  }

  /** The process has ended. */
  stop(): void {
    this.#wakeUs = Infinity;
    this.#life += 1;
  }
}
