import { randomBytes } from 'node:crypto';
import { type RequestListener } from 'node:http';
import { type Logger } from 'pino';

import { formatAddress } from '../../adapters/config/address.ts';
import { ConfigError } from '../../adapters/config/resolve.ts';
import { DataDirectory } from '../../adapters/data-dir/data-directory.ts';
import { clientHttp } from '../../adapters/gateway/client-http.ts';
import { Gateway } from '../../adapters/gateway/gateway.ts';
import { identify } from '../../adapters/auth/identify.ts';
import { Passwords } from '../../adapters/auth/passwords.ts';
import { type TokenProvider } from '../../adapters/auth/token-provider.ts';
import { type MountHooks } from '../../adapters/grpc/mount.ts';
import { GrpcServer } from '../../adapters/grpc/server.ts';
import { type Service } from '../../adapters/grpc/service.ts';
import { LmdbBackendError } from '../../adapters/lmdb/lmdb-backend-error.ts';
import { administered } from '../../adapters/grpc/services/administered.ts';
import { authService } from '../../adapters/grpc/services/auth.ts';
import { clusterService } from '../../adapters/grpc/services/cluster.ts';
import { electionService } from '../../adapters/grpc/services/election.ts';
import { Health, healthService } from '../../adapters/grpc/services/health.ts';
import { kvService } from '../../adapters/grpc/services/kv.ts';
import { leaseService } from '../../adapters/grpc/services/lease.ts';
import { lockService } from '../../adapters/grpc/services/lock.ts';
import { maintenanceService } from '../../adapters/grpc/services/maintenance.ts';
import { watchService } from '../../adapters/grpc/services/watch.ts';
import { ChainfireMetrics } from '../../adapters/metrics/chainfire-metrics.ts';
import { type Dial } from '../../adapters/peer/link.ts';
import { MetricsServer, type ObservedProcess } from '../../adapters/metrics/http-server.ts';
import { formatClusterId, type PeerIdentity } from '../../adapters/peer/protocol.ts';
import { PeerServer } from '../../adapters/peer/server.ts';
import { RecorderError } from '../../adapters/recorder/recorder-error.ts';
import { bytesPerKib, bytesPerMib } from '../../core/base/units.ts';
import { DataLossError } from '../../core/raft/data-loss.ts';
import { etcdApiVersion } from '../../core/chainfire/answers.ts';
import { WireError } from '../../core/wire/reader.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { version } from '../version.ts';
import { ClusterFile } from './cluster-file.ts';
import {
  checkClusterSettings,
  type ClusterPlace,
  findPlace,
  knownMembers,
  NoPlaceError,
} from './cluster-place.ts';
import { Introductions, NobodyAnswers } from './introductions.ts';
import { type LiveMember } from './live-member.ts';
import { newLogger } from './log.ts';
import { MemberDoor } from './member-door.ts';
import { type ProcessMessage } from './process-messages.ts';
import { type ChainfireSettings } from './settings.ts';
import { SlowRequestLog } from './slow-request-log.ts';
import { startMember } from './start-member.ts';
import { stopRequest } from './stop-request.ts';
import { StrangerLog } from './stranger-log.ts';
import { type TransportSecurity, transportSecurity } from './transport-security.ts';
import { tokenProvider } from './token-provider.ts';
import { boundYoungGeneration } from './young-generation.ts';

/** The process cannot start as it was told to, or on the data that it finds; trying again does not help. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** Above the largest request that is accepted: room for the message around it, as etcd leaves. */
const receiveReserveBytes = 512 * bytesPerKib;
const youngGenerationBytes = 16 * bytesPerMib;
/** Calls that are under way when the process stops have this long to end. */
const stopGraceMs = 2_000;

/**
 * Runs a member until it is asked to stop, or cannot go on.
 *
 * The order matters: the directory is locked and every port is taken before anything is written, so that a process that is
 * started twice, or in the wrong place, leaves no trace. Calls that come before the member is recovered are told so.
 *
 * @returns the exit code
 * @throws ConfigError, DataDirError or StartError when it must not start
 */
export async function serve(settings: ChainfireSettings): Promise<number> {
  checkClusterSettings(settings);
  if (settings.heartbeatIntervalMs * 3 > settings.electionTimeoutMs) {
    throw new ConfigError(
      `heartbeat_interval_ms is ${settings.heartbeatIntervalMs}, it must be at most a third of election_timeout_ms (${settings.electionTimeoutMs})`,
    );
  }
  const security = transportSecurity(settings);
  boundYoungGeneration(youngGenerationBytes);
  const tokens = tokenProvider(settings);
  const log = newLogger(settings);
  const stop = stopRequest();
  const directory = await DataDirectory.lock(settings.dataDir);
  try {
    const stopped = new AbortController();
    const finding = placeOf({ settings, directory, log, dial: security.dial, stopped: stopped.signal });
    const place = await Promise.race([finding, stop]);
    stopped.abort();
    if (typeof place === 'string') {
      log.info({ reason: place }, 'stopped before the cluster was found');
      return 0;
    }
    const own: PeerIdentity = {
      clusterId: place.clusterId,
      id: place.id,
      bootId: randomBytes(8).toString('hex'),
      address: place.address,
    };
    return await new ServingProcess({ settings, security, place, own, directory, tokens, log }).run(stop);
  } finally {
    await directory.release();
  }
}

interface PlaceParts {
  readonly settings: ChainfireSettings;
  readonly directory: DataDirectory;
  readonly log: Logger;
  readonly dial: Dial;
  readonly stopped: AbortSignal;
}

async function placeOf({ settings, directory, log, dial, stopped }: PlaceParts): Promise<ClusterPlace> {
  try {
    const introductions = new Introductions(dial, log, stopped);
    return await findPlace({ settings, directory, log, introductions });
  } catch (error) {
    if (error instanceof NoPlaceError) throw new StartError(error.message, { cause: error });
    if (!(error instanceof NobodyAnswers)) throw error;
    throw new ExitError(`photon chainfire serve: ${error.message}`, exitCodes.failed, { cause: error });
  }
}

interface ProcessParts {
  readonly settings: ChainfireSettings;
  readonly security: TransportSecurity;
  readonly place: ClusterPlace;
  readonly own: PeerIdentity;
  readonly directory: DataDirectory;
  readonly tokens: TokenProvider;
  readonly log: Logger;
}

const nothingTransferred = { receivedBytes: 0, sentBytes: 0 };

/** The parts of a running process, and the order in which they start and stop. */
class ServingProcess {
  readonly #parts: ProcessParts;
  readonly #door = new MemberDoor();
  readonly #health = new Health();
  readonly #metrics: ChainfireMetrics;
  readonly #slowRequests: SlowRequestLog;
  #member: LiveMember | undefined;
  #clients: GrpcServer | undefined;

  constructor(parts: ProcessParts) {
    this.#parts = parts;
    this.#slowRequests = new SlowRequestLog(parts.log, parts.settings.slowRequestMs);
    this.#metrics = new ChainfireMetrics({
      version,
      processMetrics: true,
      observe: () => this.#member?.observe(this.#clients?.transfer() ?? nothingTransferred),
    });
  }

  async run(stop: Promise<string>): Promise<number> {
    const { settings, own, directory, log } = this.#parts;
    const listeners = await this.#listen();
    let ended = false;
    try {
      const found = directory.claim({
        system: 'chainfire',
        clusterId: formatClusterId(own.clusterId),
        nodeId: own.id,
        name: settings.name,
      });
      const file = await this.#openClusterFile();
      const member = this.#startMember(file);
      this.#member = member;
      this.#door.open(member);
      const start = {
        cluster: formatClusterId(own.clusterId),
        node: own.id,
        boot: own.bootId,
        data: directory.path,
        found,
      };
      log.info(
        {
          ...start,
          version,
          client: formatAddress(settings.listenClient),
          peer: formatAddress(settings.listenPeer),
          metrics: formatAddress(settings.listenMetrics),
        },
        'started',
      );
      tellParent({ kind: 'listening' });
      const exitCode = await this.#serveUntil(stop, member, file);
      ended = exitCode === 0;
      return exitCode;
    } finally {
      this.#health.set(false);
      this.#door.close();
      await Promise.all(listeners.map((listener) => listener.stop()));
      await this.#member?.close();
      // Not behind a failure: the last line is the one that people and supervisors look at.
      if (ended) log.info('stopped');
    }
  }

  /** What the next start must know is kept before this one writes anything of the member. */
  async #openClusterFile(): Promise<ClusterFile> {
    const { place, own, directory, log, settings } = this.#parts;
    const { birth, join, hasStarted } = place;
    const clusterId = formatClusterId(own.clusterId);
    const members = ClusterFile.read(directory.path)?.members ?? knownMembers(place, settings.name);
    const record = { clusterId, nodeId: own.id, birth, join, hasStarted, members };
    const file = new ClusterFile(directory.path, record, (error) => {
      log.error({ err: error, dir: directory.path }, 'cannot keep who the members are');
    });
    await file.write();
    return file;
  }

  #startMember(clusterFile: ClusterFile): LiveMember {
    const { settings, security, place, own, directory, log } = this.#parts;
    try {
      const { dial } = security;
      return startMember({
        ...{ settings, place, own, directory, clusterFile, log, metrics: this.#metrics, dial },
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
      throw new StartError(`cannot open the data in ${directory.path}: ${error.message}`, { cause: error });
    }
  }

  /** Readiness is knowing a leader: it comes and goes, and the parent is told the first time. */
  async #serveUntil(stop: Promise<string>, member: LiveMember, file: ClusterFile): Promise<number> {
    const { log } = this.#parts;
    let told = false;
    member.onLeaderChanged = (leader, term) => {
      log.info({ leader, term }, leader === 0 ? 'leader lost' : 'leader known');
      this.#health.set(leader !== 0);
      if (leader === 0) return;
      // As etcd counts: a leader that is lost and found again is two sightings, its loss is none.
      this.#metrics.leaderChanged();
      if (told) return;
      told = true;
      tellParent({ kind: 'ready' });
    };
    member.start();
    const end = await Promise.race([
      stop.then((reason) => ({ reason, failure: undefined })),
      member.failed.then((failure) => ({ reason: undefined, failure })),
    ]);
    if (end.failure !== undefined) {
      log.fatal({ kind: end.failure.kind }, `the member cannot go on: ${end.failure.reason}`);
      if (end.failure.kind !== 'machineStopped') return exitCodes.failed;
      // The machine's own wish has one reason, that it was removed: to start it again does not help.
      file.change({ removed: end.failure.reason });
      return exitCodes.refused;
    }
    log.info({ reason: end.reason }, 'stopping');
    this.#health.set(false);
    await member.drain();
    return 0;
  }

  /** Takes every port, or none. */
  async #listen(): Promise<readonly { stop(): Promise<void> }[]> {
    const { settings, security, own, log } = this.#parts;
    const strangers = new StrangerLog(log);
    const open: { stop(): Promise<void> }[] = [];
    // A certificate that is shown is looked into by the listener: one that nobody vouches for is let in nowhere.
    const identification = { tokens: this.#parts.tokens, trustsCertificates: settings.clientCertAuth };
    const { tokens } = identification;
    const hooks: MountHooks = { ...this.#hooks(), identify: (shown) => identify(shown, identification) };
    try {
      const clients = await GrpcServer.listen({
        address: settings.listenClient,
        purpose: 'clients',
        services: [
          kvService(this.#door),
          watchService(this.#door),
          leaseService(this.#door),
          lockService(this.#door),
          electionService(this.#door),
          clusterService(this.#door),
          administered(maintenanceService(this.#door, this.#door), this.#door),
          authService(this.#door, { passwords: new Passwords(settings.authPasswordCost), tokens }),
          healthService(this.#health, [
            'etcdserverpb.KV',
            'etcdserverpb.Watch',
            'etcdserverpb.Lease',
            'v3lockpb.Lock',
            'v3electionpb.Election',
            'etcdserverpb.Cluster',
            'etcdserverpb.Maintenance',
            'etcdserverpb.Auth',
          ]),
        ],
        receiveBytesMax: settings.requestBytesMax + receiveReserveBytes,
        http: (services) => this.#http(services, hooks),
        tls: security.clients,
        onRefused: (remote, reason) => strangers.refused('clients', remote, reason),
        hooks,
      });
      this.#clients = clients;
      open.push({ stop: () => clients.stop(stopGraceMs) });
      const peers = await PeerServer.listen({
        address: settings.listenPeer,
        receiver: this.#door.peerReceiver(own),
        onDefect: (error) => hooks.onDefect('peers', error),
        tls: security.peers,
        onStranger: (remote, reason) => strangers.refused('peers', remote, reason),
      });
      open.push({ stop: () => peers.stop() });
      open.push(await MetricsServer.listen(settings.listenMetrics, this.#observed()));
      return open;
    } catch (error) {
      for (const listener of open) await listener.stop();
      throw new StartError((error as Error).message, { cause: error });
    }
  }

  /** What clients find over HTTP on their port. */
  #http(services: readonly Service[], hooks: MountHooks): RequestListener {
    const requestBytesMax = jsonBytesMax(this.#parts.settings.requestBytesMax + receiveReserveBytes);
    const gateway = new Gateway({ services, requestBytesMax, hooks });
    return clientHttp({ gateway, observed: this.#observed(), version: etcdApiVersion });
  }

  #observed(): ObservedProcess {
    const unready = (): string | undefined =>
      this.#health.serving ? undefined : 'the member knows no leader';
    return { scrape: () => this.#metrics.scrape(), unhealthy: unready, unready };
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

/** In base64, with room for what stands around it. */
function jsonBytesMax(bytes: number): number {
  return Math.ceil((bytes * 4) / 3) + bytesPerKib;
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

function tellParent(message: ProcessMessage): void {
  if (process.connected !== true) return;
  // A parent that went a moment ago: `disconnect` follows and stops this process in order. Without somebody to take it,
  // the failure would end it here.
  process.send?.(message, undefined, undefined, () => undefined);
}
