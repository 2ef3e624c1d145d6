import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

import { type StatusName } from '../grpc/status.ts';

/** What a scrape reads of a member; every number as of now. */
export interface MemberObservation {
  readonly memberId: string;
  readonly hasLeader: boolean;
  readonly isLeader: boolean;
  readonly repairing: boolean;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly syncedIndex: number;
  readonly storedIndex: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly revision: number;
  readonly compactRevision: number;
  readonly pendingRequests: number;
  /** Bytes of all rows in the store, and of those visible at the current revision. */
  readonly storedBytes: number;
  readonly liveBytes: number;
  readonly runner: RunnerObservation;
  readonly peers: readonly PeerObservation[];
}

/** Counted since the process started. */
export interface RunnerObservation {
  readonly events: number;
  readonly requestsOverloaded: number;
  readonly receivedDropped: number;
  readonly appendedBytes: number;
  readonly snapshotsSent: number;
  readonly snapshotsFailed: number;
}

export interface PeerObservation {
  readonly peer: string;
  readonly connected: boolean;
  readonly sentMessages: number;
  readonly sentBytes: number;
  readonly droppedMessages: number;
}

type GaugeName = Exclude<keyof MemberObservation, 'memberId' | 'peers' | 'runner'>;

/** Ours first; etcd's own name beside it where the meaning is the same, so that its dashboards work. */
const gauges: readonly {
  readonly from: GaugeName;
  readonly help: string;
  readonly names: readonly string[];
}[] = [
  {
    from: 'hasLeader',
    help: '1 when the member knows a leader',
    names: ['photon_chainfire_has_leader', 'etcd_server_has_leader'],
  },
  {
    from: 'isLeader',
    help: '1 when the member is the leader',
    names: ['photon_chainfire_is_leader', 'etcd_server_is_leader'],
  },
  {
    from: 'repairing',
    help: '1 while the member refetches a damaged part of its log',
    names: ['photon_chainfire_is_repairing'],
  },
  { from: 'term', help: 'Election term', names: ['photon_chainfire_raft_term'] },
  {
    from: 'commitIndex',
    help: 'Highest log index known to be committed',
    names: ['photon_chainfire_raft_committed_index', 'etcd_server_proposals_committed_total'],
  },
  {
    from: 'appliedIndex',
    help: 'Highest log index applied to the store',
    names: ['photon_chainfire_raft_applied_index', 'etcd_server_proposals_applied_total'],
  },
  {
    from: 'syncedIndex',
    help: "Highest log index durable in the member's own log",
    names: ['photon_chainfire_raft_synced_index'],
  },
  {
    from: 'storedIndex',
    help: 'Highest log index whose effects are durable in the store',
    names: ['photon_chainfire_raft_stored_index'],
  },
  {
    from: 'firstIndex',
    help: 'Lowest log index that the log holds',
    names: ['photon_chainfire_raft_first_index'],
  },
  {
    from: 'lastIndex',
    help: 'Highest log index that the log holds',
    names: ['photon_chainfire_raft_last_index'],
  },
  {
    from: 'revision',
    help: 'Revision of the store',
    names: ['photon_chainfire_revision', 'etcd_debugging_mvcc_current_revision'],
  },
  {
    from: 'compactRevision',
    help: 'Revision up to which history is compacted',
    names: ['photon_chainfire_compact_revision', 'etcd_debugging_mvcc_compact_revision'],
  },
  {
    from: 'pendingRequests',
    help: 'Client requests that wait for the log or for a read index',
    names: ['photon_chainfire_pending_requests', 'etcd_server_proposals_pending'],
  },
  {
    from: 'storedBytes',
    help: 'Bytes of all rows in the store',
    names: ['photon_chainfire_store_size_bytes', 'etcd_mvcc_db_total_size_in_bytes'],
  },
  {
    from: 'liveBytes',
    help: 'Bytes of the rows that are visible at the current revision',
    names: ['photon_chainfire_store_live_bytes', 'etcd_mvcc_db_total_size_in_use_in_bytes'],
  },
];

const runnerCounters: readonly {
  readonly from: keyof RunnerObservation;
  readonly name: string;
  readonly help: string;
}[] = [
  { from: 'events', name: 'photon_chainfire_events_total', help: 'Events that the machine has stepped' },
  {
    from: 'requestsOverloaded',
    name: 'photon_chainfire_requests_overloaded_total',
    help: 'Requests turned away because too many events were waiting',
  },
  {
    from: 'receivedDropped',
    name: 'photon_chainfire_peer_received_dropped_messages_total',
    help: 'Messages of peers dropped because too many events were waiting',
  },
  {
    from: 'appendedBytes',
    name: 'photon_chainfire_log_appended_bytes_total',
    help: 'Bytes appended to the log',
  },
  {
    from: 'snapshotsSent',
    name: 'photon_chainfire_snapshots_sent_total',
    help: 'Snapshots that a peer has staged whole',
  },
  {
    from: 'snapshotsFailed',
    name: 'photon_chainfire_snapshots_failed_total',
    help: 'Snapshots that did not arrive',
  },
];

/** Seconds: etcd's buckets, from 1 ms, with finer ones below for fast disks. */
const syncBuckets = [
  0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048,
  4.096, 8.192,
];
const callBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The metrics of one Chainfire process. */
export class ChainfireMetrics {
  readonly registry = new Registry();
  readonly #observe: () => MemberObservation | undefined;
  readonly #gauges: readonly { readonly from: GaugeName; readonly gauge: Gauge }[];
  readonly #runner: readonly { readonly from: keyof RunnerObservation; readonly counter: Counter }[];
  readonly #syncs: readonly Histogram[];
  readonly #handled: Counter;
  readonly #handling: Histogram;
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
    this.#gauges = gauges.flatMap(({ from, help, names }) =>
      names.map((name) => ({ from, gauge: new Gauge({ name, help, registers }) })),
    );
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name, help, buckets, registers });
    const counter = (name: string, help: string, labelNames: string[] = []) =>
      new Counter({ name, help, labelNames, registers });
    this.#runner = runnerCounters.map(({ from, name, help }) => ({ from, counter: counter(name, help) }));
    this.#syncs = ['photon_chainfire_log_sync_duration_seconds', 'etcd_disk_wal_fsync_duration_seconds'].map(
      (name) => histogram(name, 'Time that a sync of the log took', syncBuckets),
    );
    this.#handled = counter('grpc_server_handled_total', 'Calls completed, by method and status code', [
      'grpc_service',
      'grpc_method',
      'grpc_code',
    ]);
    this.#handling = new Histogram({
      name: 'grpc_server_handling_seconds',
      help: 'Time from a call to its answer, by method',
      buckets: callBuckets,
      labelNames: ['grpc_service', 'grpc_method'],
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
  }

  syncEnded(durationSeconds: number): void {
    for (const histogram of this.#syncs) histogram.observe(durationSeconds);
  }

  callCompleted(path: string, code: StatusName, durationMs: number): void {
    const at = path.lastIndexOf('/');
    const grpc_service = path.slice(1, at);
    const grpc_method = path.slice(at + 1);
    this.#handled.inc({ grpc_service, grpc_method, grpc_code: code });
    this.#handling.observe({ grpc_service, grpc_method }, durationMs / 1_000);
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
    for (const { from, gauge } of this.#gauges) gauge.set(Number(observation[from]));
    for (const { from, counter } of this.#runner) {
      counter.reset();
      counter.inc(observation.runner[from]);
    }
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
