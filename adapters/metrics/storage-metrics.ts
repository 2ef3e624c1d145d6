import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

import { type DiskCounters } from '../nbd/served-disk.ts';

/** What a scrape reads of a storage node. */
export interface StorageObservation {
  readonly disks: number;
  readonly openExports: number;
  readonly connections: number;
  readonly underWay: number;
  readonly counters: Readonly<DiskCounters>;
}

/** Seconds. */
const syncBuckets = [0.0001, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.512, 2.048];

const gauges: Readonly<Record<string, readonly [string, (seen: StorageObservation) => number]>> = {
  disks: ['Shared disks', (seen) => seen.disks],
  exports_open: ['Exports under which somebody may connect', (seen) => seen.openExports],
  nbd_connections: ['Connections of hypervisors', (seen) => seen.connections],
  requests_under_way: ['Disks for which a request is under way', (seen) => seen.underWay],
};

const counters: Readonly<Record<string, readonly [string, (counted: Readonly<DiskCounters>) => number]>> = {
  reads_total: ['Reads that were answered', (counted) => counted.reads],
  read_bytes_total: ['Bytes that were read', (counted) => counted.readBytes],
  writes_total: ['Writes that were carried out', (counted) => counted.writes],
  written_bytes_total: ['Bytes that were written', (counted) => counted.writtenBytes],
  flushes_total: ['Flushes, those of forced writes included', (counted) => counted.flushes],
  trims_total: ['Trims', (counted) => counted.trims],
  zeroings_total: ['Zeroings', (counted) => counted.zeroings],
  fenced_writes_total: [
    'Writes, trims and zeroings that changed nothing, since their sender was not the writer of the disk',
    (counted) => counted.fenced,
  ],
  failures_total: ['Requests that the file system has failed', (counted) => counted.failures],
};

/** The metrics of one storage node. */
export class StorageMetrics {
  readonly registry = new Registry();
  readonly #sync: Histogram;

  /** @param observe undefined before it has started */
  constructor(version: string, observe: () => StorageObservation | undefined) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'photon_plasma_storage_build_info',
      help: 'Always 1; the version is a label',
      labelNames: ['version'],
      registers,
    }).set({ version }, 1);
    for (const [name, [help, read]] of Object.entries(gauges)) {
      new Gauge({
        name: `photon_plasma_storage_${name}`,
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
        name: `photon_plasma_storage_${name}`,
        help,
        registers,
        collect() {
          const seen = observe();
          if (seen === undefined) return;
          this.reset();
          this.inc(read(seen.counters));
        },
      });
    }
    this.#sync = new Histogram({
      name: 'photon_plasma_storage_journal_sync_duration_seconds',
      help: 'Time that a sync of the journal took',
      buckets: syncBuckets,
      registers,
    });
  }

  syncEnded(durationSeconds: number): void {
    this.#sync.observe(durationSeconds);
  }

  async scrape(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.registry.contentType, body: await this.registry.metrics() };
  }
}
