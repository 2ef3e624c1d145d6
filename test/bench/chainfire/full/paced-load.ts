import { delaysIn, type Delays, type Samples, type Span } from './delays.ts';
import { MeasuringThread } from './measuring-thread.ts';

export interface PacedLoadOptions {
  /** `host:port` */
  readonly endpoint: string;
  /** Keys `keyAt(0)` to `keyAt(keys − 1)`, one after the other at random. */
  readonly keys: number;
  /** A put and a linearizable get each time. */
  readonly everyMs: number;
}

export interface PacedLoadResult {
  readonly puts: Samples;
  readonly gets: Samples;
  readonly failed: number;
  readonly failures: readonly string[];
  readonly leftOut: number;
}

/** What a light load has met in a span. */
export interface LoadSeen {
  readonly puts: Delays;
  readonly gets: Delays;
  /** Calls that were refused or timed out, from the first to the last of the load's. */
  readonly failed: number;
}

/** 100 puts and 100 gets a second: so little that whatever delays them is something else. */
export const lightEveryMs = 10;

export class PacedLoad {
  readonly #thread: MeasuringThread<PacedLoadResult>;

  private constructor(thread: MeasuringThread<PacedLoadResult>) {
    this.#thread = thread;
  }

  static async start(options: PacedLoadOptions): Promise<PacedLoad> {
    return new PacedLoad(await MeasuringThread.start('./paced-load-worker.ts', options));
  }

  /** @returns what it met in any span; a call that failed counts with its time. @throws Error when calls were left out */
  async stop(): Promise<(span: Span) => LoadSeen> {
    const { puts, gets, failed, failures, leftOut } = await this.#thread.stop();
    if (failed > 0)
      process.stderr.write(`${failed} calls of the light load failed: ${failures.join('; ')}\n`);
    if (leftOut > 0)
      throw new Error(`${leftOut} calls of the light load were left out: too many were under way`);
    return (span) => ({ puts: delaysIn(puts, span), gets: delaysIn(gets, span), failed });
  }
}
