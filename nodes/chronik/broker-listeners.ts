import { type Logger } from 'pino';

import {
  type KafkaHooks,
  type KafkaLimits,
  type KafkaListener,
  type KafkaTls,
} from '../../adapters/kafka/server-options.ts';
import { KafkaServer } from '../../adapters/kafka/server.ts';
import { type Credentials, CredentialsInTurn } from '../../adapters/kafka/sasl/credentials.ts';
import { MetricsServer, type ObservedProcess } from '../../adapters/metrics/http-server.ts';
import { type PeerIdentity } from '../../adapters/peer/protocol.ts';
import { PeerServer } from '../../adapters/peer/server.ts';
import { bytesPerMib } from '../../core/base/units.ts';
import { type SecurityProtocol } from '../../core/chronik/broker-protocol.ts';
import { StrangerLog } from '../process/stranger-log.ts';
import { type TransportSecurity } from '../process/transport-security.ts';
import { type BrokerDoor } from './broker-door.ts';
import { type BrokerPlace } from './cluster.ts';
import { type ChronikSettings } from './settings.ts';

export interface BrokerListenersOptions {
  readonly settings: ChronikSettings;
  readonly security: TransportSecurity;
  readonly place: BrokerPlace;
  readonly own: PeerIdentity;
  /** Those of the users file; undefined: there is none. */
  readonly firstUsers: Credentials | undefined;
  readonly door: BrokerDoor;
  readonly observed: ObservedProcess;
  readonly hooks: KafkaHooks;
  readonly log: Logger;
}

/** Clients that pipeline have a handful under way; what is more waits in the socket. */
const inFlightMax = 64;
const unsentBytesMax = 16 * bytesPerMib;
/** Calls that are under way when the broker stops have this long to end. */
const stopGraceMs = 2_000;

/** The ports of a broker: all of them, or none. */
export class BrokerListeners {
  readonly clients: KafkaServer;
  readonly peers: PeerServer;
  readonly metrics: MetricsServer;

  /** @throws Error naming the address that cannot be listened on; then none is */
  static async listen(options: BrokerListenersOptions): Promise<BrokerListeners> {
    const { settings } = options;
    const open: { stop(graceMs: number): Promise<void> }[] = [];
    try {
      const clients = await listenForClients(options);
      open.push(clients);
      const peers = await listenForPeers(options);
      open.push(peers);
      const metrics = await MetricsServer.listen(settings.listenMetrics, options.observed);
      return new BrokerListeners(clients, peers, metrics);
    } catch (error) {
      for (const listener of open) await listener.stop(0);
      throw error;
    }
  }

  private constructor(clients: KafkaServer, peers: PeerServer, metrics: MetricsServer) {
    this.clients = clients;
    this.peers = peers;
    this.metrics = metrics;
  }

  async stop(): Promise<void> {
    await this.clients.stop(stopGraceMs);
    await Promise.all([this.peers.stop(), this.metrics.stop()]);
  }
}

function listenForClients(options: BrokerListenersOptions): Promise<KafkaServer> {
  const { settings, security, door, firstUsers, hooks } = options;
  const listeners = settings.listenClient.map(({ name, protocol, host, port }): KafkaListener => {
    return { name, protocol, address: { host, port }, tls: tlsOf(protocol, security) };
  });
  const limits: KafkaLimits = {
    requestBytesMax: settings.requestBytesMax,
    connectionsMax: settings.connectionsMax,
    idleMs: settings.connectionIdleMs,
    inFlightMax,
    unsentBytesMax,
  };
  return KafkaServer.listen({
    ...{ listeners, limits, hooks, port: door, segments: door },
    credentials: firstUsers === undefined ? door : new CredentialsInTurn([door, firstUsers]),
  });
}

/** Who logs in need not show a certificate, too. */
function tlsOf(protocol: SecurityProtocol, { clients }: TransportSecurity): KafkaTls | undefined {
  switch (protocol) {
    case 'SSL':
      return clients;
    case 'SASL_SSL':
      return clients && { ...clients, clientCertRequired: false };
    case 'PLAINTEXT':
    case 'SASL_PLAINTEXT':
      return undefined;
  }
}

function listenForPeers(options: BrokerListenersOptions): Promise<PeerServer> {
  const { settings, security, place, own, door, log } = options;
  const strangers = new StrangerLog(log);
  return PeerServer.listen({
    address: settings.listenPeer,
    receiver: door.receiver(own, place.brokers),
    onDefect: (error) => log.error({ err: error }, "a peer's message failed for a reason that is no refusal"),
    tls: security.peers,
    onStranger: (remote, reason) => strangers.refused('peers', remote, reason),
  });
}
