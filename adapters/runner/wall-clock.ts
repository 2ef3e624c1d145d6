/** How often a machine is told what the wall clock shows. */
export const wallClockMs = 1_000;

/** Reads the wall clock about once a second for as long as somebody wants to know. Never keeps a process alive. */
export class WallClockTimer {
  readonly #read: () => number;
  #timer: NodeJS.Timeout | undefined;

  /** @param read µs since 1970-01-01 UTC */
  constructor(read: () => number) {
    this.#read = read;
  }

  /** Reports now, and then again and again until `stop`. */
  start(report: (wallUs: number) => void): void {
    // A clock that was never set may stand before 1970; that is as good as any other wrong time.
    const tell = (): void => report(Math.max(0, Math.floor(this.#read())));
    tell();
    this.#timer = setInterval(tell, wallClockMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** This machine's, in whole milliseconds. */
export function systemWallUs(): number {
  return Date.now() * 1_000;
}
