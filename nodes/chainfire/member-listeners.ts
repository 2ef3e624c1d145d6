import { type RequestListener } from 'node:http';
import { type Logger } from 'pino';

import { AuthorizedMember } from '../../adapters/auth/authorized-member.ts';
import { type RequestAuthorizer } from '../../adapters/auth/authorizer.ts';
import { identify } from '../../adapters/auth/identify.ts';
import { Passwords } from '../../adapters/auth/passwords.ts';
import { type TokenProvider } from '../../adapters/auth/token-provider.ts';
import { type Address } from '../../adapters/config/address.ts';
import { clientHttp } from '../../adapters/gateway/client-http.ts';
import { Gateway } from '../../adapters/gateway/gateway.ts';
import { type MountHooks } from '../../adapters/grpc/mount.ts';
import { GrpcServer } from '../../adapters/grpc/server.ts';
import { type Service } from '../../adapters/grpc/service.ts';
import { administered } from '../../adapters/grpc/services/administered.ts';
import { authService } from '../../adapters/grpc/services/auth.ts';
import { clusterService } from '../../adapters/grpc/services/cluster.ts';
import { electionService } from '../../adapters/grpc/services/election.ts';
import { type Health, healthService } from '../../adapters/grpc/services/health.ts';
import { kvService } from '../../adapters/grpc/services/kv.ts';
import { leaseService } from '../../adapters/grpc/services/lease.ts';
import { lockService } from '../../adapters/grpc/services/lock.ts';
import { maintenanceService } from '../../adapters/grpc/services/maintenance.ts';
import { namespacesService } from '../../adapters/grpc/services/namespaces.ts';
import { type MemberPort } from '../../adapters/grpc/services/member-port.ts';
import { watchService } from '../../adapters/grpc/services/watch.ts';
import { MetricsServer, type ObservedProcess } from '../../adapters/metrics/http-server.ts';
import { type TransferObservation } from '../../adapters/metrics/observation.ts';
import { type PeerIdentity } from '../../adapters/peer/protocol.ts';
import { PeerServer } from '../../adapters/peer/server.ts';
import { bytesPerKib } from '../../core/base/units.ts';
import { etcdApiVersion } from '../../core/chainfire/answers.ts';
import { type MemberDoor } from './member-door.ts';
import { type ChainfireSettings } from './settings.ts';
import { StrangerLog } from '../process/stranger-log.ts';
import { type TransportSecurity } from '../process/transport-security.ts';

/** Where a member listens; undefined: nowhere. */
export interface MemberPorts {
  readonly clients: Address | undefined;
  readonly peers: Address | undefined;
  readonly metrics: Address | undefined;
}

export interface MemberListenersOptions {
  readonly ports: MemberPorts;
  readonly settings: ChainfireSettings;
  readonly security: TransportSecurity;
  readonly own: PeerIdentity;
  readonly tokens: TokenProvider;
  /** Undefined: users and roles decide alone. */
  readonly authorizer: RequestAuthorizer | undefined;
  readonly door: MemberDoor;
  readonly health: Health;
  readonly observed: ObservedProcess;
  readonly hooks: MountHooks;
  readonly log: Logger;
}

/** Above the largest request that is accepted: room for the message around it, as etcd leaves. */
const receiveReserveBytes = 512 * bytesPerKib;
/** Calls that are under way when the member stops have this long to end. */
const stopGraceMs = 2_000;

const nothingTransferred: TransferObservation = { receivedBytes: 0, sentBytes: 0 };

/** The ports of a member: all of them, or none. */
export class MemberListeners {
  /** As they are: a port 0 that was asked for is the one that was had. */
  readonly ports: MemberPorts;
  readonly #clients: GrpcServer | undefined;
  readonly #open: readonly { stop(): Promise<void> }[];

  /** @throws Error naming the address that cannot be listened on; then none is */
  static async listen(options: MemberListenersOptions): Promise<MemberListeners> {
    const { clients: forClients, peers: forPeers, metrics: forMetrics } = options.ports;
    const strangers = new StrangerLog(options.log);
    const open: { stop(): Promise<void> }[] = [];
    try {
      const clients = forClients && (await listenForClients(forClients, options, strangers));
      if (clients !== undefined) open.push({ stop: () => clients.stop(stopGraceMs) });
      const peers = forPeers && (await listenForPeers(forPeers, options, strangers));
      if (peers !== undefined) open.push(peers);
      const metrics = forMetrics && (await MetricsServer.listen(forMetrics, options.observed));
      if (metrics !== undefined) open.push(metrics);
      const ports = { clients: clients?.address, peers: peers?.address, metrics: metrics?.address };
      return new MemberListeners(ports, clients, open);
    } catch (error) {
      for (const listener of open) await listener.stop();
      throw error;
    }
  }

  private constructor(
    ports: MemberPorts,
    clients: GrpcServer | undefined,
    open: readonly { stop(): Promise<void> }[],
  ) {
    this.ports = ports;
    this.#clients = clients;
    this.#open = open;
  }

  /** Bytes of clients so far. */
  transfer(): TransferObservation {
    return this.#clients?.transfer() ?? nothingTransferred;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#open.map((listener) => listener.stop()));
  }
}

function listenForClients(
  address: Address,
  options: MemberListenersOptions,
  strangers: StrangerLog,
): Promise<GrpcServer> {
  const { settings, security, tokens, door, health } = options;
  // A certificate that is shown is looked into by the listener: one that nobody vouches for is let in nowhere.
  const identification = { tokens, trustsCertificates: settings.clientCertAuth };
  const hooks: MountHooks = { ...options.hooks, identify: (shown) => identify(shown, identification) };
  const member = memberFor(options);
  return GrpcServer.listen({
    address,
    purpose: 'clients',
    services: [
      kvService(member),
      watchService(member),
      leaseService(member),
      lockService(member),
      electionService(member),
      clusterService(member),
      namespacesService(member),
      administered(maintenanceService(member, door), member),
      authService(member, { passwords: new Passwords(settings.authPasswordCost), tokens }),
      healthService(health, [
        'etcdserverpb.KV',
        'etcdserverpb.Watch',
        'etcdserverpb.Lease',
        'v3lockpb.Lock',
        'v3electionpb.Election',
        'etcdserverpb.Cluster',
        'etcdserverpb.Maintenance',
        'etcdserverpb.Auth',
        'photon.chainfire.v1.Namespaces',
      ]),
    ],
    receiveBytesMax: settings.requestBytesMax + receiveReserveBytes,
    http: (services) => http(services, options, hooks),
    tls: security.clients,
    onRefused: (remote, reason) => strangers.refused('clients', remote, reason),
    hooks,
  });
}

/** The member as its clients may use it. */
function memberFor({ authorizer, door, settings, log }: MemberListenersOptions): MemberPort {
  if (authorizer === undefined) return door;
  return new AuthorizedMember(door, {
    authorizer,
    acquaintance: door,
    timeoutMs: settings.requestTimeoutMs,
    pendingMax: settings.pendingRequestsMax,
    onFailed: (error) => log.error({ err: error }, 'the authorizer has failed: what it was asked is refused'),
  });
}

/** What clients find over HTTP on their port. */
function http(
  services: readonly Service[],
  { settings, observed }: MemberListenersOptions,
  hooks: MountHooks,
): RequestListener {
  const requestBytesMax = jsonBytesMax(settings.requestBytesMax + receiveReserveBytes);
  const gateway = new Gateway({ services, requestBytesMax, hooks });
  return clientHttp({ gateway, observed, version: etcdApiVersion });
}

function listenForPeers(
  address: Address,
  { door, own, hooks, security }: MemberListenersOptions,
  strangers: StrangerLog,
): Promise<PeerServer> {
  return PeerServer.listen({
    address,
    receiver: door.peerReceiver(own),
    onDefect: (error) => hooks.onDefect('peers', error),
    tls: security.peers,
    onStranger: (remote, reason) => strangers.refused('peers', remote, reason),
  });
}

/** In base64, with room for what stands around it. */
function jsonBytesMax(bytes: number): number {
  return Math.ceil((bytes * 4) / 3) + bytesPerKib;
}
