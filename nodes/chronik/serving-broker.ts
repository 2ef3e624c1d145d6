import { randomBytes } from 'node:crypto';
import { type Logger } from 'pino';

import { formatAddress } from '../../adapters/config/address.ts';
import { type DataDirectory } from '../../adapters/data-dir/data-directory.ts';
import { type KafkaHooks } from '../../adapters/kafka/server-options.ts';
import { type Credentials } from '../../adapters/kafka/sasl/credentials.ts';
import { LmdbBackendError } from '../../adapters/lmdb/lmdb-backend-error.ts';
import { ChronikMetrics } from '../../adapters/metrics/chronik-metrics.ts';
import { type ObservedProcess } from '../../adapters/metrics/http-server.ts';
import { formatClusterId, type PeerIdentity } from '../../adapters/peer/protocol.ts';
import { type RunnerFailure } from '../../adapters/runner/protocol.ts';
import { usPerSecond } from '../../core/base/units.ts';
import { type Endpoint } from '../../core/chronik/broker-protocol.ts';
import { DataLossError } from '../../core/raft/data-loss.ts';
import { WireError } from '../../core/wire/reader.ts';
import { StartError } from '../process/start-error.ts';
import { type TransportSecurity } from '../process/transport-security.ts';
import { version } from '../version.ts';
import { brokerConfig } from './broker-config.ts';
import { BrokerDoor } from './broker-door.ts';
import { BrokerListeners } from './broker-listeners.ts';
import { ClientLog } from './client-log.ts';
import { type BrokerPlace, chronikSystem } from './cluster.ts';
import { endpointsOf } from './endpoints.ts';
import { type LiveBroker } from './live-broker.ts';
import { type ChronikSettings } from './settings.ts';
import { startBroker } from './start-broker.ts';
import { StartedMark } from './started-mark.ts';

export interface ServingBrokerParts {
  readonly settings: ChronikSettings;
  readonly security: TransportSecurity;
  readonly place: BrokerPlace;
  readonly firstUsers: Credentials | undefined;
  /** Released when the broker is closed; not when it cannot be opened. */
  readonly directory: DataDirectory;
  readonly log: Logger;
}

/**
 * A broker with its ports.
 *
 * The order matters: every port is taken before anything is written, so that a broker that is started twice, or in the wrong
 * place, leaves no trace. Clients that come before it is recovered are sent away.
 */
export class ServingBroker {
  /** Resolves when the broker cannot go on; what is left to do is `close`. */
  readonly failed: Promise<RunnerFailure>;
  /** Called once, when the broker serves for the first time. */
  onReady: () => void = () => undefined;
  readonly #parts: ServingBrokerParts;
  readonly #own: PeerIdentity;
  readonly #door = new BrokerDoor();
  readonly #metrics: ChronikMetrics;
  readonly #clientLog: ClientLog;
  #listeners: BrokerListeners | undefined;
  #broker: LiveBroker | undefined;
  #unready: string | undefined = 'the broker is starting';
  #wasReady = false;
  #stopping: Promise<void> | undefined;
  #fail: (failure: RunnerFailure) => void = () => undefined;

  /** Takes the ports and recovers the broker; nothing of it happens before `start`. @throws DataDirError or StartError */
  static async open(parts: ServingBrokerParts): Promise<ServingBroker> {
    const serving = new ServingBroker(parts);
    try {
      await serving.#open();
    } catch (error) {
      await serving.#closeBroker();
      throw error;
    }
    return serving;
  }

  private constructor(parts: ServingBrokerParts) {
    const { place, log } = parts;
    this.#parts = parts;
    this.#own = {
      clusterId: place.clusterId,
      id: place.id,
      bootId: randomBytes(8).toString('hex'),
      address: place.brokers.find(({ id }) => id === place.id)?.addresses[0],
    };
    this.#clientLog = new ClientLog(log);
    this.#metrics = new ChronikMetrics(version, () => {
      if (this.#broker === undefined || this.#listeners === undefined) return undefined;
      const { view, runner, transport } = this.#broker;
      return {
        view,
        runner: runner.counters,
        clients: this.#listeners.clients.counters,
        peers: transport.counters(),
      };
    });
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  start(): void {
    this.#broker?.start();
  }

  /** Hands what this broker leads to others, lets what is under way end, syncs and closes. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Without a word to the others: for a broker that has failed. */
  async close(): Promise<void> {
    await this.#closeBroker();
    await this.#parts.directory.release();
  }

  async #open(): Promise<void> {
    const { settings, place, directory, log } = this.#parts;
    const listeners = await this.#listen();
    this.#listeners = listeners;
    const clusterId = formatClusterId(place.clusterId);
    const claim = { system: chronikSystem, clusterId, nodeId: place.id, name: settings.name };
    const found = directory.claim(claim, ['wal', 'state', 'snapshot', 'recording']);
    const endpoints = endpointsOf(
      settings.listenClient,
      settings.advertisedClient,
      listeners.clients.listeners.map(({ address }) => address),
    );
    const broker = this.#recover(endpoints);
    this.#broker = broker;
    void broker.failed.then((failure) => this.#failed(failure));
    this.#door.open(broker);
    log.info(
      {
        ...{
          cluster: clusterId,
          node: place.id,
          boot: this.#own.bootId,
          data: directory.path,
          found,
          version,
        },
        clients: listeners.clients.listeners.map(
          ({ name, address }) => `${name}://${formatAddress(address)}`,
        ),
        advertised: endpoints.map(
          ({ listener, host, port }) => `${listener}://${formatAddress({ host, port })}`,
        ),
        peer: formatAddress(listeners.peers.address),
        metrics: formatAddress(listeners.metrics.address),
      },
      'started',
    );
  }

  async #stop(): Promise<void> {
    const { settings, log } = this.#parts;
    this.#unready = 'the broker is stopping';
    const isHandedOver = await this.#broker?.handOver(settings.shutdownTimeoutMs);
    if (isHandedOver === false) log.warn('the others have not taken over what this broker leads');
    await this.close();
  }

  async #closeBroker(): Promise<void> {
    this.#unready ??= 'the broker is stopping';
    // Answers that are under way may still need the broker; nothing new is read.
    await this.#listeners?.stop();
    this.#door.close();
    await this.#broker?.close();
  }

  #listen(): Promise<BrokerListeners> {
    const { settings, security, place, firstUsers, log } = this.#parts;
    return BrokerListeners.listen({
      ...{ settings, security, place, firstUsers, log },
      ...{ own: this.#own, door: this.#door, observed: this.#observed(), hooks: this.#hooks() },
    }).catch((error: unknown) => {
      throw new StartError((error as Error).message, { cause: error });
    });
  }

  #recover(endpoints: readonly Endpoint[]): LiveBroker {
    const { settings, security, place, directory, log } = this.#parts;
    const mark = new StartedMark(directory.path);
    try {
      return startBroker({
        ...{ place, directory, log, own: this.#own, dial: security.dial },
        config: brokerConfig(settings, place, { endpoints, hasStarted: mark.isSet }),
        onSync: ({ durationUs }) => {
          this.#metrics.syncEnded(durationUs / usPerSecond);
          // From here on an empty metadata log is a lost one.
          mark.set();
        },
        afterStep: () => this.#look(),
      });
    } catch (error) {
      // Anything else is a defect: its stack is wanted.
      const isOfData =
        error instanceof LmdbBackendError ||
        error instanceof WireError ||
        error instanceof DataLossError ||
        (error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string');
      if (!isOfData) throw error;
      throw new StartError(`cannot open the data in ${directory.path}: ${error.message}`, { cause: error });
    }
  }

  /** Readiness comes and goes: with a controller that is known, and a session with it. */
  #look(): void {
    const view = this.#broker?.view;
    if (view === undefined || this.#stopping !== undefined) return;
    const unready =
      view.controller === undefined
        ? 'no controller is known'
        : view.isFenced
          ? 'the controller has not let this broker in'
          : undefined;
    if (unready === this.#unready) return;
    this.#unready = unready;
    const { controller, brokerEpoch } = view;
    this.#parts.log.info({ controller, brokerEpoch }, unready ?? 'serving');
    if (unready !== undefined || this.#wasReady) return;
    this.#wasReady = true;
    this.onReady();
  }

  #failed(failure: RunnerFailure): void {
    const { kind, reason } = failure;
    this.#unready = reason;
    const cause = 'cause' in failure ? { err: failure.cause } : {};
    this.#parts.log.fatal({ kind, ...cause }, `the broker cannot go on: ${reason}`);
    this.#fail(failure);
  }

  #observed(): ObservedProcess {
    return {
      scrape: () => this.#metrics.scrape(),
      unhealthy: () => this.#unready,
      unready: () => this.#unready,
    };
  }

  #hooks(): KafkaHooks {
    const { log } = this.#parts;
    return {
      onAnswered: (call) => this.#metrics.answered(call),
      onSoftware: (software) => this.#metrics.clientSoftware(software),
      onAuthenticationFailed: (failed) => this.#clientLog.authenticationFailed(failed),
      onRefused: (remote, reason) => this.#clientLog.refused(remote, reason),
      onDefect: (error) => log.error({ err: error }, 'a call failed for a reason that is no refusal'),
    };
  }
}
