import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

import { etcdApiVersion } from '../../core/chainfire/answers.ts';
import { type StatusName } from '../grpc/status.ts';
import { type Method } from '../grpc/service.ts';
import { CallMetrics } from './call-metrics.ts';
import { NamespaceMetrics } from './namespace-metrics.ts';
import { type MemberObservation } from './observation.ts';
import { type Reading, readings } from './readings.ts';

/** Seconds: etcd's buckets, from 1 ms, with finer ones below for fast disks. */
const syncBuckets = [
  0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048,
  4.096, 8.192,
];

/** The metrics of one Chainfire process. */
export class ChainfireMetrics {
  readonly registry = new Registry();
  readonly #observe: () => MemberObservation | undefined;
  readonly #readings: readonly {
    readonly reading: Reading;
    readonly metrics: readonly (Gauge | Counter)[];
  }[];
  readonly #syncs: readonly Histogram[];
  readonly #calls: CallMetrics;
  readonly #namespaces: NamespaceMetrics;
  readonly #serverId: Gauge;
  readonly #leaderChanges: readonly Counter[];
  readonly #peerConnected: Gauge;
  readonly #peerMessages: Counter;
  readonly #peerBytes: readonly Counter[];
  readonly #peerDropped: Counter;

  /** @param observe undefined before the member has started; its metrics are then left out */
  constructor(options: {
    version: string;
    observe: () => MemberObservation | undefined;
    processMetrics: boolean;
  }) {
    this.#observe = options.observe;
    const registers = [this.registry];
    if (options.processMetrics) collectDefaultMetrics({ register: this.registry });
    this.#readings = readings.map((reading) => ({
      reading,
      metrics: reading.names.map((name) =>
        reading.kind === 'gauge'
          ? new Gauge({ name, help: reading.help, registers })
          : new Counter({ name, help: reading.help, registers }),
      ),
    }));
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name, help, buckets, registers });
    const counter = (name: string, help: string, labelNames: string[] = []) =>
      new Counter({ name, help, labelNames, registers });
    this.#syncs = ['photon_chainfire_log_sync_duration_seconds', 'etcd_disk_wal_fsync_duration_seconds'].map(
      (name) => histogram(name, 'Time that a sync of the log took', syncBuckets),
    );
    this.#calls = new CallMetrics(this.registry);
    this.#namespaces = new NamespaceMetrics(this.registry);
    this.#serverId = new Gauge({
      name: 'etcd_server_id',
      help: 'Always 1; the id of the member, in hexadecimal as everywhere in etcd, is a label',
      labelNames: ['server_id'],
      registers,
    });
    this.#leaderChanges = [
      'photon_chainfire_leader_changes_total',
      'etcd_server_leader_changes_seen_total',
    ].map((name) => counter(name, 'Leaders that the member has seen take office'));
    this.#peerConnected = new Gauge({
      name: 'photon_chainfire_peer_connected',
      help: '1 while the way to the peer is open',
      labelNames: ['peer'],
      registers,
    });
    this.#peerMessages = counter('photon_chainfire_peer_sent_messages_total', 'Messages sent to the peer', [
      'peer',
    ]);
    this.#peerDropped = counter(
      'photon_chainfire_peer_dropped_messages_total',
      'Messages for the peer that were dropped',
      ['peer'],
    );
    this.#peerBytes = [
      counter('photon_chainfire_peer_sent_bytes_total', 'Bytes sent to the peer', ['peer']),
      counter('etcd_network_peer_sent_bytes_total', 'Bytes sent to the peer', ['To']),
    ];
    const version = new Gauge({
      name: 'photon_chainfire_build_info',
      help: 'Always 1; the version is a label',
      labelNames: ['version'],
      registers,
    });
    version.set({ version: options.version }, 1);
    const apiVersion = new Gauge({
      name: 'etcd_server_version',
      help: "Always 1; the level of etcd's interface is a label",
      labelNames: ['server_version'],
      registers,
    });
    apiVersion.set({ server_version: etcdApiVersion }, 1);
  }

  syncEnded(durationSeconds: number): void {
    for (const histogram of this.#syncs) histogram.observe(durationSeconds);
  }

  callStarted(path: string, kind: Method['kind']): void {
    this.#calls.started(path, kind);
  }

  callCompleted(path: string, code: StatusName, durationMs: number): void {
    this.#calls.completed(path, code, durationMs);
  }

  leaderChanged(): void {
    for (const counter of this.#leaderChanges) counter.inc();
  }

  /** The exposition text, read now. */
  async scrape(): Promise<{ readonly contentType: string; readonly body: string }> {
    const observation = this.#observe();
    if (observation !== undefined) this.#read(observation);
    return { contentType: this.registry.contentType, body: await this.registry.metrics() };
  }

  #read(observation: MemberObservation): void {
    for (const { reading, metrics } of this.#readings) {
      const value = reading.read(observation);
      for (const metric of metrics) {
        // A counter knows no other way to a given value; a gauge minds neither.
        metric.reset();
        metric.inc(value);
      }
    }
    this.#namespaces.read(observation.namespaces);
    this.#serverId.reset();
    this.#serverId.set({ server_id: BigInt(observation.memberId).toString(16) }, 1);
    this.#peerConnected.reset();
    this.#peerMessages.reset();
    this.#peerDropped.reset();
    for (const counter of this.#peerBytes) counter.reset();
    for (const { peer, connected, sentMessages, sentBytes, droppedMessages } of observation.peers) {
      this.#peerConnected.set({ peer }, Number(connected));
      this.#peerMessages.inc({ peer }, sentMessages);
      this.#peerDropped.inc({ peer }, droppedMessages);
      this.#peerBytes[0]?.inc({ peer }, sentBytes);
      this.#peerBytes[1]?.inc({ To: peer }, sentBytes);
    }
  }
}
