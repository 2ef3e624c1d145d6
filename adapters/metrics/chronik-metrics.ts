import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

import { type NodeId } from '../../core/base/ids.ts';
import { type BrokerView } from '../../core/chronik/broker-view.ts';
import { type ClientSoftware } from '../kafka/api-versions.ts';
import { type AnsweredCall, type KafkaCounters } from '../kafka/server-options.ts';
import { type LinkCounters } from '../peer/link.ts';
import { type RunnerCounters } from '../runner/counters.ts';
import { brokerReadings, type BrokerReading, countReplicas } from './broker-readings.ts';

/** What a scrape reads of a broker. */
export interface BrokerObservation {
  readonly view: BrokerView;
  readonly runner: Readonly<RunnerCounters>;
  readonly clients: Readonly<KafkaCounters>;
  readonly peers: ReadonlyMap<NodeId, Readonly<LinkCounters>>;
}

/** Seconds. */
const syncBuckets = [
  0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048,
];
const callBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Names of clients' software are theirs to choose: no more of them than this become labels. */
const softwareMax = 64;

interface CallCounters {
  readonly requests: readonly Counter.Internal[];
  readonly duration: Histogram.Internal<string>;
  readonly requestBytes: Counter.Internal;
  readonly responseBytes: Counter.Internal;
}

/** The metrics of one Chronik process: ours, and beside them those of Kafka's, as its JMX exporter names them. */
export class ChronikMetrics {
  readonly registry = new Registry();
  readonly #observe: () => BrokerObservation | undefined;
  readonly #readings: readonly {
    readonly reading: BrokerReading;
    readonly metrics: readonly (Gauge | Counter)[];
  }[];
  readonly #sync: Histogram;
  readonly #requests: readonly Counter[];
  readonly #duration: Histogram;
  readonly #requestBytes: Counter;
  readonly #responseBytes: Counter;
  readonly #software: Counter;
  readonly #peerBytes: Counter;
  readonly #peerDropped: Counter;
  readonly #calls = new Map<string, CallCounters>();
  readonly #softwareSeen = new Set<string>();

  /** @param observe undefined before the broker has started; its metrics are then left out */
  constructor(version: string, observe: () => BrokerObservation | undefined) {
    this.#observe = observe;
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#readings = brokerReadings.map((reading) => ({
      reading,
      metrics: reading.names.map((name) =>
        reading.kind === 'gauge'
          ? new Gauge({ name, help: reading.help, registers })
          : new Counter({ name, help: reading.help, registers }),
      ),
    }));
    const counter = (name: string, help: string, labelNames: string[]): Counter =>
      new Counter({ name, help, labelNames, registers });
    const histogram = (name: string, help: string, buckets: number[], labelNames: string[] = []): Histogram =>
      new Histogram({ name, help, buckets, labelNames, registers });
    this.#sync = histogram(
      'photon_chronik_log_sync_duration_seconds',
      'Time that a sync of the logs took',
      syncBuckets,
    );
    this.#requests = ['photon_chronik_requests_total', 'kafka_network_requestmetrics_requests_total'].map(
      (name) =>
        counter(name, 'Requests of clients that were answered, by API and version', ['request', 'version']),
    );
    this.#duration = histogram(
      'photon_chronik_request_duration_seconds',
      'Time from a request to its answer, what it waited for included',
      callBuckets,
      ['request'],
    );
    this.#requestBytes = counter('photon_chronik_request_bytes_total', 'Bytes of requests', ['request']);
    this.#responseBytes = counter('photon_chronik_response_bytes_total', 'Bytes of answers', ['request']);
    this.#software = counter(
      'photon_chronik_client_software_total',
      'Connections by what clients say that they are',
      ['name', 'version'],
    );
    this.#peerBytes = counter('photon_chronik_peer_sent_bytes_total', 'Bytes sent to the broker', ['peer']);
    this.#peerDropped = counter(
      'photon_chronik_peer_dropped_messages_total',
      'Messages for the broker that were dropped',
      ['peer'],
    );
    const build = new Gauge({
      name: 'photon_chronik_build_info',
      help: 'Always 1; the version is a label',
      labelNames: ['version'],
      registers,
    });
    build.set({ version }, 1);
  }

  syncEnded(durationSeconds: number): void {
    this.#sync.observe(durationSeconds);
  }

  answered({ api, version, durationMs, requestBytes, responseBytes }: AnsweredCall): void {
    const counters = this.#call(api, version);
    for (const requests of counters.requests) requests.inc();
    counters.duration.observe(durationMs / 1_000);
    counters.requestBytes.inc(requestBytes);
    counters.responseBytes.inc(responseBytes);
  }

  clientSoftware({ name, version }: ClientSoftware): void {
    const seen = `${name} ${version}`;
    if (!this.#softwareSeen.has(seen)) {
      if (this.#softwareSeen.size >= softwareMax) {
        this.#software.inc({ name: 'other', version: 'other' });
        return;
      }
      this.#softwareSeen.add(seen);
    }
    this.#software.inc({ name, version });
  }

  /** The exposition text, read now. */
  async scrape(): Promise<{ readonly contentType: string; readonly body: string }> {
    const observation = this.#observe();
    if (observation !== undefined) this.#read(observation);
    return { contentType: this.registry.contentType, body: await this.registry.metrics() };
  }

  #read(observation: BrokerObservation): void {
    const replicas = countReplicas(observation.view);
    for (const { reading, metrics } of this.#readings) {
      const value = reading.read(observation, replicas);
      for (const metric of metrics) {
        // A counter knows no other way to a given value; a gauge minds neither.
        metric.reset();
        metric.inc(value);
      }
    }
    this.#peerBytes.reset();
    this.#peerDropped.reset();
    for (const [id, { sentBytes, droppedMessages }] of observation.peers) {
      this.#peerBytes.inc({ peer: String(id) }, sentBytes);
      this.#peerDropped.inc({ peer: String(id) }, droppedMessages);
    }
  }

  #call(api: string, version: number): CallCounters {
    const key = `${api} ${version}`;
    const known = this.#calls.get(key);
    if (known !== undefined) return known;
    const request = api.slice(0, 1).toUpperCase() + api.slice(1);
    const counters: CallCounters = {
      requests: this.#requests.map((counter) => counter.labels({ request, version: String(version) })),
      duration: this.#duration.labels({ request }),
      requestBytes: this.#requestBytes.labels({ request }),
      responseBytes: this.#responseBytes.labels({ request }),
    };
    this.#calls.set(key, counters);
    return counters;
  }
}
