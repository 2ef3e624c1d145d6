import { grouped } from '../../reports/tally.ts';

const linesEveryMs = 15_000;
const barEveryMs = 100;
const barChars = 24;

/** Where a run stands: a bar on a terminal, a line now and then elsewhere. Goes to stderr; results go to stdout. */
export class Progress {
  readonly #startMs = performance.now();
  readonly #terminal = process.stderr.isTTY;
  #shownMs = this.#startMs;

  /** @param share 0 to 1 */
  show(state: {
    readonly share: number;
    readonly runs: number;
    readonly simulatedUs: number;
    readonly violations: number;
  }): void {
    const nowMs = performance.now();
    if (nowMs - this.#shownMs < (this.#terminal ? barEveryMs : linesEveryMs)) return;
    this.#shownMs = nowMs;
    const text = `${grouped(state.runs)} runs, ${this.rates(state)}, ${state.violations} violations`;
    if (!this.#terminal) {
      process.stderr.write(`${Math.round(100 * state.share)}%  ${text}\n`);
      return;
    }
    const full = Math.min(barChars, Math.round(barChars * state.share));
    process.stderr.write(`\r\x1b[K[${'█'.repeat(full)}${' '.repeat(barChars - full)}] ${text}`);
  }

  clear(): void {
    if (this.#terminal) process.stderr.write('\r\x1b[K');
  }

  get elapsedSeconds(): number {
    return (performance.now() - this.#startMs) / 1_000;
  }

  rates(state: { readonly runs: number; readonly simulatedUs: number }): string {
    const seconds = Math.max(this.elapsedSeconds, 0.001);
    const speed = Math.round(state.simulatedUs / 1_000_000 / seconds);
    return `${(state.runs / seconds).toFixed(1)} seeds/s, ${grouped(speed)} simulated seconds a second`;
  }
}

/** Where a search stands, in words: one line that changes on a terminal, now and then a new one elsewhere. */
export class ShrinkLine {
  readonly #terminal = process.stderr.isTTY;
  #shownMs = performance.now();

  show(text: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#shownMs < (this.#terminal ? barEveryMs : linesEveryMs)) return;
    this.#shownMs = nowMs;
    process.stderr.write(this.#terminal ? `\r\x1b[K${text}` : `${text}\n`);
  }

  clear(): void {
    if (this.#terminal) process.stderr.write('\r\x1b[K');
  }
}
