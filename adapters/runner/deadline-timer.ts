/** Node's timers take 31 bits of milliseconds. */
const timerMsMax = 0x7fff_ffff;

/** Wakes a runner for its machine's deadline. One that fires early costs a turn without a step, so it is set anew only for an earlier one. */
export class DeadlineTimer {
  readonly #wake: () => void;
  #timer: NodeJS.Timeout | undefined;
  #dueUs = Infinity;

  constructor(wake: () => void) {
    this.#wake = wake;
  }

  arm(deadlineUs: number, nowUs: number): void {
    if (deadlineUs === Infinity || this.#dueUs <= deadlineUs) return;
    clearTimeout(this.#timer);
    this.#dueUs = deadlineUs;
    const delayMs = Math.ceil((deadlineUs - nowUs) / 1_000);
    this.#timer = setTimeout(this.#onFired, Math.min(delayMs, timerMsMax));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  readonly #onFired = (): void => {
    this.#timer = undefined;
    this.#dueUs = Infinity;
    this.#wake();
  };
}
