import { WallClock } from './clock.ts';
import { type World } from './world.ts';

/** How often a process looks at the wall clock, by the world's time. */
const wallClockUs = 1_000_000;

/** A machine's wall clock, and how its process is told of it: when it starts and about once a second. Some have none. */
export class ToldWallClock {
  readonly #world: World;
  readonly #clock: WallClock | undefined;

  /** @param start.wallUs what it shows when the world begins; none: nobody is told of any */
  constructor(world: World, start: { readonly wallUs: number | undefined; readonly driftPpm: number }) {
    this.#world = world;
    const { wallUs, driftPpm } = start;
    this.#clock = wallUs === undefined ? undefined : new WallClock({ worldUs: 0, wallUs, driftPpm });
  }

  /** What it shows, µs since 1970. */
  get wallUs(): number | undefined {
    return this.#clock?.at(this.#world.nowUs);
  }

  drift(driftPpm: number): void {
    this.#clock?.drift(this.#world.nowUs, driftPpm);
  }

  /** Backward where negative. */
  jump(byUs: number): void {
    this.#clock?.jump(this.#world.nowUs, byUs);
  }

  /** Tells the time now and again and again. @param tell says whether its process goes on */
  begin(tell: (wallUs: number) => boolean): void {
    const { wallUs } = this;
    if (wallUs === undefined || !tell(wallUs)) return;
    this.#world.after(wallClockUs, () => {
      this.begin(tell);
    });
  }
}
