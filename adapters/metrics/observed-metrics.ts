import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

/** Name without its prefix, help, and how it is read off what was observed. */
export type Observed<Observation> = Readonly<
  Record<string, readonly [string, (seen: Observation) => number]>
>;

export interface ObservedMetricsOptions<Observation> {
  /** `photon_plasma_server`. */
  readonly prefix: string;
  readonly version: string;
  readonly gauges: Observed<Observation>;
  readonly counters: Observed<Observation>;
  /** At each scrape; undefined before the process has started. */
  readonly observe: () => Observation | undefined;
}

/** Metrics that are read off a machine when somebody asks for them. */
export class ObservedMetrics<Observation> {
  readonly registry = new Registry();

  constructor({ prefix, version, gauges, counters, observe }: ObservedMetricsOptions<Observation>) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: `${prefix}_build_info`,
      help: 'Always 1; the version is a label',
      labelNames: ['version'],
      registers,
    }).set({ version }, 1);
    for (const [name, [help, read]] of Object.entries(gauges)) {
      new Gauge({
        name: `${prefix}_${name}`,
        help,
        registers,
        collect() {
          const seen = observe();
          if (seen !== undefined) this.set(read(seen));
        },
      });
    }
    for (const [name, [help, read]] of Object.entries(counters)) {
      new Counter({
        name: `${prefix}_${name}`,
        help,
        registers,
        collect() {
          const seen = observe();
          if (seen === undefined) return;
          this.reset();
          this.inc(read(seen));
        },
      });
    }
  }

  async scrape(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.registry.contentType, body: await this.registry.metrics() };
  }
}
