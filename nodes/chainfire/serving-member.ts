import { type Logger } from 'pino';

import { type Address, formatAddress } from '../../adapters/config/address.ts';
import { type RequestAuthorizer } from '../../adapters/auth/authorizer.ts';
import { type TokenProvider } from '../../adapters/auth/token-provider.ts';
import { type MountHooks } from '../../adapters/grpc/mount.ts';
import { type MemberPort } from '../../adapters/grpc/services/member-port.ts';
import { LmdbBackendError } from '../../adapters/lmdb/lmdb-backend-error.ts';
import { Health } from '../../adapters/grpc/services/health.ts';
import { ChainfireMetrics } from '../../adapters/metrics/chainfire-metrics.ts';
import { GossipMetrics } from '../../adapters/metrics/gossip-metrics.ts';
import { type ObservedProcess } from '../../adapters/metrics/http-server.ts';
import { formatClusterId, type PeerIdentity } from '../../adapters/peer/protocol.ts';
import { RecorderError } from '../../adapters/recorder/recorder-error.ts';
import { type RunnerFailure } from '../../adapters/runner/protocol.ts';
import { present } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { nameOfAlarm } from '../../core/chainfire/alarm/alarm-state.ts';
import { type Member } from '../../core/chainfire/api/cluster.ts';
import { type MemberView } from '../../core/chainfire/view.ts';
import { DataLossError } from '../../core/raft/data-loss.ts';
import { WireError } from '../../core/wire/reader.ts';
import { version } from '../version.ts';
import { type ClusterFile } from './cluster-file.ts';
import { type ClusterPlace, knownMembers } from './cluster-place.ts';
import { type Discovery } from './discovery.ts';
import { type LiveMember } from './live-member.ts';
import { MemberDoor } from './member-door.ts';
import { type MemberHome } from './member-home.ts';
import { MemberListeners, type MemberPorts } from './member-listeners.ts';
import { type ChainfireSettings } from './settings.ts';
import { chainfireSystem } from './system.ts';
import { SlowRequestLog } from './slow-request-log.ts';
import { StartError } from '../process/start-error.ts';
import { startMember } from './start-member.ts';
import { type TransportSecurity } from '../process/transport-security.ts';

export interface ServingMemberParts {
  readonly settings: ChainfireSettings;
  readonly ports: MemberPorts;
  readonly security: TransportSecurity;
  readonly place: ClusterPlace;
  readonly own: PeerIdentity;
  /** Released when the member is closed; not when it cannot be opened. */
  readonly home: MemberHome;
  /** Gossip, where there is any: it hears that the member belongs to a cluster and that it goes. Ended like the home. */
  readonly discovery?: Discovery | undefined;
  readonly tokens: TokenProvider;
  /** Decides beside users and roles, and before them; undefined: they alone do. */
  readonly authorizer?: RequestAuthorizer | undefined;
  readonly log: Logger;
  /** Whether the metrics of the whole process are among the member's: not where it is one of several things in it. */
  readonly processMetrics: boolean;
}

/**
 * A member with its ports: how `photon chainfire serve` and a program that embeds one have it run.
 *
 * The order matters: every port is taken before anything is written, so that a member that is started twice, or in the wrong
 * place, leaves no trace. Calls that come before it is recovered are told so.
 */
export class ServingMember {
  /** Resolves when the member cannot go on; what is left to do is `close`. */
  readonly failed: Promise<RunnerFailure>;
  /** Called when another member leads, and with 0 when none is known to. */
  onLeaderChanged: (leader: NodeId | 0, term: number) => void = () => undefined;
  /** Called when what this member has applied of the members has changed. */
  onMembersChanged: (members: readonly Member[]) => void = () => undefined;
  readonly #parts: ServingMemberParts;
  readonly #door = new MemberDoor();
  readonly #health = new Health();
  readonly #metrics: ChainfireMetrics;
  readonly #slowRequests: SlowRequestLog;
  #listeners: MemberListeners | undefined;
  #member: LiveMember | undefined;
  #isRemoved = false;
  #fail: (failure: RunnerFailure) => void = () => undefined;
  #stopping: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /** Takes the ports and recovers the member; nothing of it happens before `start`. @throws DataDirError or StartError */
  static async open(parts: ServingMemberParts): Promise<ServingMember> {
    const serving = new ServingMember(parts);
    try {
      await serving.#open();
    } catch (error) {
      await serving.#closeMember();
      throw error;
    }
    return serving;
  }

  private constructor(parts: ServingMemberParts) {
    const { log, settings, discovery, processMetrics } = parts;
    this.#parts = parts;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.#slowRequests = new SlowRequestLog(log, settings.slowRequestMs);
    this.#metrics = new ChainfireMetrics({
      version,
      processMetrics,
      observe: () => this.#listeners && this.#member?.observe(this.#listeners.transfer()),
    });
    if (discovery !== undefined) new GossipMetrics(this.#metrics.registry, () => discovery.observe());
  }

  /** What is there to be seen of the member, now. */
  get view(): MemberView {
    return present(this.#member, 'a member that is open is there').view;
  }

  get clusterId(): bigint {
    return this.#parts.own.clusterId;
  }

  /** For whoever asks in the same process. Outside of the member's life everything is refused. */
  get port(): MemberPort {
    return this.#door;
  }

  /** Where it listens. */
  get ports(): MemberPorts {
    return this.#listeners?.ports ?? { clients: undefined, peers: undefined, metrics: undefined };
  }

  start(): void {
    this.#member?.start();
  }

  /** Hands the leadership over, lets what is under way end, syncs and closes. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Without a word to the others: for a member that has failed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #open(): Promise<void> {
    const { settings, own, home, log } = this.#parts;
    const listeners = await this.#listen();
    this.#listeners = listeners;
    const cluster = formatClusterId(own.clusterId);
    const claim = { system: chainfireSystem, clusterId: cluster, nodeId: own.id, name: settings.name };
    const found = home.claim(claim);
    const file = await this.#openClusterFile();
    const member = this.#startMember(file, listeners.ports.clients);
    this.#member = member;
    member.onLeaderChanged = (leader, term) => this.#leaderChanged(leader, term);
    member.onMembersChanged = (members) => this.onMembersChanged(members);
    void member.failed.then((failure) => this.#failed(failure, file));
    this.#door.open(member);
    this.#parts.discovery?.belongsTo(cluster);
    const { clients, peers, metrics } = listeners.ports;
    log.info(
      {
        ...{ cluster, node: own.id, boot: own.bootId, data: home.path, found, version },
        client: clients && formatAddress(clients),
        peer: peers && formatAddress(peers),
        metrics: metrics && formatAddress(metrics),
      },
      'started',
    );
  }

  async #stop(): Promise<void> {
    this.#health.set(false);
    await Promise.all([this.#member?.drain(), this.#parts.discovery?.leave()]);
    await this.close();
  }

  async #close(): Promise<void> {
    const { discovery, home } = this.#parts;
    await this.#closeMember();
    // The others need not find out by themselves that it does not come back.
    if (this.#isRemoved) await discovery?.leave();
    await discovery?.stop();
    await home.release();
  }

  async #closeMember(): Promise<void> {
    this.#health.set(false);
    this.#door.close();
    await this.#listeners?.stop();
    await this.#member?.close();
  }

  /** Readiness is knowing a leader: it comes and goes. */
  #leaderChanged(leader: NodeId | 0, term: number): void {
    this.#parts.log.info({ leader, term }, leader === 0 ? 'leader lost' : 'leader known');
    this.#health.set(leader !== 0);
    // As etcd counts: a leader that is lost and found again is two sightings, its loss is none.
    if (leader !== 0) this.#metrics.leaderChanged();
    this.onLeaderChanged(leader, term);
  }

  #failed(failure: RunnerFailure, file: ClusterFile): void {
    const { kind, reason } = failure;
    this.#parts.log.fatal({ kind }, `the member cannot go on: ${reason}`);
    // The machine's own wish has one reason, that it was removed: the next start must know.
    this.#isRemoved = kind === 'machineStopped';
    if (this.#isRemoved) file.change({ removed: reason });
    this.#fail(failure);
  }

  /** What the next start must know is kept before this one writes anything of the member. */
  async #openClusterFile(): Promise<ClusterFile> {
    const { place, own, home, log, settings } = this.#parts;
    const { birth, join, hasStarted } = place;
    const clusterId = formatClusterId(own.clusterId);
    const members = home.clusterRecord()?.members ?? knownMembers(place, settings.name);
    const record = { clusterId, nodeId: own.id, birth, join, hasStarted, members };
    const file = home.clusterFile(record, (error) => {
      log.error({ err: error, dir: home.path }, 'cannot keep who the members are');
    });
    await file.write();
    return file;
  }

  #startMember(clusterFile: ClusterFile, clientAddress: Address | undefined): LiveMember {
    const { settings, security, place, own, home, log } = this.#parts;
    try {
      const { dial } = security;
      return startMember({
        ...{ settings, place, own, home, clusterFile, log, metrics: this.#metrics, dial },
        clientAddress,
      });
    } catch (error) {
      if (error instanceof RecorderError) throw new StartError(error.message, { cause: error });
      // Anything else is a defect: its stack is wanted.
      const isOfData =
        error instanceof LmdbBackendError ||
        error instanceof WireError ||
        error instanceof DataLossError ||
        isSystemError(error);
      if (!isOfData) throw error;
      throw new StartError(`cannot open the data in ${home.path}: ${error.message}`, { cause: error });
    }
  }

  async #listen(): Promise<MemberListeners> {
    const { ports, settings, security, own, tokens, authorizer, log } = this.#parts;
    try {
      return await MemberListeners.listen({
        ...{ ports, settings, security, own, tokens, authorizer, log },
        ...{ door: this.#door, health: this.#health },
        observed: this.#observed(),
        hooks: this.#hooks(),
      });
    } catch (error) {
      throw new StartError((error as Error).message, { cause: error });
    }
  }

  #observed(): ObservedProcess {
    const unready = (): string | undefined =>
      this.#health.serving ? undefined : 'the member knows no leader';
    // As at etcd: an alarm comes first, whoever raised it.
    const unhealthy = (excludedAlarms: readonly string[]): string | undefined => {
      const names = (this.#member?.alarms() ?? []).map(({ alarm }) => nameOfAlarm(alarm));
      const raised = names.find((name) => !excludedAlarms.includes(name));
      return raised === undefined ? unready() : `ALARM ${raised}`;
    };
    return { scrape: () => this.#metrics.scrape(), unhealthy, unready };
  }

  #hooks(): MountHooks {
    const { log } = this.#parts;
    return {
      onDefect: (path, error) =>
        log.error({ err: error, path }, 'a call failed for a reason that is no refusal'),
      onStarted: (path, kind) => this.#metrics.callStarted(path, kind),
      onCompleted: (call) => {
        this.#metrics.callCompleted(call.path, call.code, call.durationMs);
        this.#slowRequests.completed(call);
      },
    };
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
