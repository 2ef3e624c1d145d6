import { randomBytes } from 'node:crypto';
import { type Logger } from 'pino';

import { type DataDirectory } from '../../adapters/data-dir/data-directory.ts';
import { LmdbBackend } from '../../adapters/lmdb/lmdb-backend.ts';
import { type Dial } from '../../adapters/peer/link.ts';
import { type PeerIdentity } from '../../adapters/peer/protocol.ts';
import { SocketPeerTransport } from '../../adapters/peer/transport.ts';
import { type SyncRound } from '../../adapters/runner/counters.ts';
import { type RunnerFailure } from '../../adapters/runner/protocol.ts';
import { defaultRunnerOptions, Runner } from '../../adapters/runner/runner.ts';
import { FileSegments } from '../../adapters/segments/file-segments.ts';
import { RelaxedFileLayer } from '../../adapters/segments/relaxed-file-layer.ts';
import { type Machine } from '../../core/base/machine.ts';
import { brokerTables, ChronikBroker } from '../../core/chronik/broker.ts';
import {
  type BrokerConfig,
  type BrokerEffect,
  type BrokerEvent,
  type BrokerMessage,
  type BrokerRequest,
  type BrokerResponse,
} from '../../core/chronik/broker-protocol.ts';
import { brokerMessageBytes, brokerMessageChunks } from '../../core/chronik/message-codec.ts';
import { encodeSnapshotHeader } from '../../core/raft/message-codec.ts';
import { type SnapshotHeader } from '../../core/raft/types.ts';
import { seededPrng } from '../../sim/prng.ts';
import { type BrokerPlace } from './cluster.ts';
import { FlushPolicies } from './flush-policies.ts';
import { LiveBroker } from './live-broker.ts';

export interface StartBrokerOptions {
  readonly config: BrokerConfig;
  readonly place: BrokerPlace;
  readonly own: PeerIdentity;
  readonly directory: DataDirectory;
  readonly log: Logger;
  /** How the other brokers are called. */
  readonly dial: Dial;
  readonly onSync: (round: SyncRound) => void;
  /** After every step that may have changed who leads. */
  readonly afterStep: () => void;
}

/** Opens the disk, recovers the machine from it, and puts a runner under it; nothing is stepped before `start`. */
export function startBroker(options: StartBrokerOptions): LiveBroker {
  const { config, place, own, directory, log, dial } = options;
  const store = LmdbBackend.open({ dir: directory.part('state'), tables: brokerTables });
  const policies = new FlushPolicies();
  const layer = new RelaxedFileLayer((path) => policies.policyOf(path));
  const segments = FileSegments.open({ dir: directory.part('wal'), layer });
  const prng = seededPrng(randomBytes(16).toString('hex'));
  const machine = ChronikBroker.recover({ store, segments }, config, prng, defaultRunnerOptions.clock());
  policies.attach(machine.view);
  // Only now, with nothing left that can refuse: a link calls its peer until it is closed, and keeps the process running.
  const others = place.brokers.filter(({ id }) => id !== own.id);
  const byId = new Map(others.map((broker) => [broker.id, broker]));
  const transport = new SocketPeerTransport<BrokerMessage, SnapshotHeader>({
    own,
    addressesOf: (id) => byId.get(id)?.addresses ?? [],
    nameOf: (id) => byId.get(id)?.name,
    codec: {
      encode: (messages) => brokerMessageChunks(messages, segments),
      sizeOf: brokerMessageBytes,
      encodeHeader: encodeSnapshotHeader,
    },
    onConnected: (to) => log.info({ peer: to }, 'peer connected'),
    onDisconnected: (to, reason) => log.warn({ peer: to, reason }, 'peer not reachable'),
    dial,
  });
  let fail: (failure: RunnerFailure) => void = () => undefined;
  const failed = new Promise<RunnerFailure>((resolve) => {
    fail = resolve;
  });
  const runner = new Runner<BrokerRequest, BrokerResponse, BrokerMessage, SnapshotHeader>(
    new WatchedBroker(machine, options.afterStep),
    { store, segments, transport },
    { onStop: fail, onSync: options.onSync },
  );
  return new LiveBroker({
    ...{ view: machine.view, runner, store, segments, transport, failed },
    closeSegments: () => {
      segments.close();
      layer.stop();
    },
    peers: others.map(({ id }) => id),
  });
}

/** The machine as it is, with a word after every step that may have changed who leads. */
class WatchedBroker implements Machine<BrokerEvent, BrokerEffect> {
  readonly #broker: ChronikBroker;
  readonly #afterStep: () => void;

  constructor(broker: ChronikBroker, afterStep: () => void) {
    this.#broker = broker;
    this.#afterStep = afterStep;
  }

  get deadlineUs(): number {
    return this.#broker.deadlineUs;
  }

  step(event: BrokerEvent, nowUs: number): readonly BrokerEffect[] {
    const effects = this.#broker.step(event, nowUs);
    // What clients say never does; to look behind every request costs.
    if (event.kind !== 'requested' && event.kind !== 'cancelled') this.#afterStep();
    return effects;
  }
}
