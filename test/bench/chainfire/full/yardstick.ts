import { delaysIn, type Delays, type Samples, type Span } from './delays.ts';
import { MeasuringThread } from './measuring-thread.ts';

export interface YardstickOptions {
  readonly what: 'idle' | 'disk';
  readonly dir: string;
}

/** What the machine itself did to who wanted next to nothing of it. */
export interface MachineNoise {
  /** An event loop with nothing to do: how late it came round. */
  readonly idle: Delays;
  /** 512 bytes appended to a file of their own and synced. */
  readonly disk: Delays;
}

/** Runs beside what is measured, in the same seconds and on the same disk: no delay below its own can be told from noise. */
export class Yardstick {
  readonly #idle: MeasuringThread<Samples>;
  readonly #disk: MeasuringThread<Samples>;

  private constructor(idle: MeasuringThread<Samples>, disk: MeasuringThread<Samples>) {
    this.#idle = idle;
    this.#disk = disk;
  }

  static async start(dir: string): Promise<Yardstick> {
    const of = (what: YardstickOptions['what']): Promise<MeasuringThread<Samples>> =>
      MeasuringThread.start('./yardstick-worker.ts', { what, dir } satisfies YardstickOptions);
    return new Yardstick(await of('idle'), await of('disk'));
  }

  async stop(): Promise<(span: Span) => MachineNoise> {
    const [idle, disk] = [await this.#idle.stop(), await this.#disk.stop()];
    return (span) => ({ idle: delaysIn(idle, span), disk: delaysIn(disk, span) });
  }
}
