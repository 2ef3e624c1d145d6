/** When something was begun, and how long it took. */
export interface Samples {
  readonly atMs: Float64Array;
  readonly tookMs: Float64Array;
}

/** From a moment to another, on the clock of `nowMs`. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Delays {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

/** What was under way at any moment of the span: a delay that began before it counts whole. */
export function delaysIn({ atMs, tookMs }: Samples, { fromMs, toMs }: Span): Delays {
  const within = tookMs.filter((took, at) => {
    const begunMs = atMs[at] ?? 0;
    return begunMs <= toMs && begunMs + took >= fromMs;
  });
  within.sort();
  const at = (share: number): number =>
    within[Math.min(within.length - 1, Math.floor(within.length * share))] ?? 0;
  return { count: within.length, p50Ms: at(0.5), p99Ms: at(0.99), worstMs: within.at(-1) ?? 0 };
}

/** Gathers samples; bounded, and says so when there are more. */
export class SampleList {
  readonly #atMs: number[] = [];
  readonly #tookMs: number[] = [];
  readonly #max: number;

  constructor(max = 1_000_000) {
    this.#max = max;
  }

  /** @throws Error at the bound */
  add(atMs: number, tookMs: number): void {
    if (this.#atMs.length >= this.#max) throw new Error(`more than ${this.#max} samples`);
    this.#atMs.push(atMs);
    this.#tookMs.push(tookMs);
  }

  take(): Samples {
    return { atMs: Float64Array.from(this.#atMs), tookMs: Float64Array.from(this.#tookMs) };
  }
}
