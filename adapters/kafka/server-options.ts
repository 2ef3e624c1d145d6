import { type SecurityProtocol } from '../../core/chronik/broker-protocol.ts';
import { type SegmentReader } from '../../core/storage/segment-files.ts';
import { type Address } from '../config/address.ts';
import { type TlsMaterial } from '../tls/pem-files.ts';
import { type ClientSoftware } from './api-versions.ts';
import { type KafkaPort } from './port.ts';
import { type Credentials } from './sasl/credentials.ts';

/** One listener for clients. */
export interface KafkaListener {
  readonly name: string;
  readonly address: Address;
  readonly protocol: SecurityProtocol;
  /** For SSL and SASL_SSL. */
  readonly tls?: KafkaTls | undefined;
}

export interface KafkaTls {
  /** Asked before every handshake. */
  readonly material: () => TlsMaterial;
  readonly clientCertRequired: boolean;
}

/** Bounds of a connection, and of all of them. Names in Kafka's documentation beside each. */
export interface KafkaLimits {
  /** socket.request.max.bytes: a connection with a larger request is closed. */
  readonly requestBytesMax: number;
  /** max.connections */
  readonly connectionsMax: number;
  /** connections.max.idle.ms */
  readonly idleMs: number;
  /** Requests of a connection that are under way or whose answers wait for their turn; beyond it nothing is read of it. */
  readonly inFlightMax: number;
  /** Bytes of answers that a connection's client has not taken; beyond it nothing is read of it. */
  readonly unsentBytesMax: number;
}

/** What goes by, for logs and metrics. None of it may throw. */
export interface KafkaHooks {
  /** An answer is on its way, or there is none to be. */
  readonly onAnswered: (answered: AnsweredCall) => void;
  /** A client has said what it is. */
  readonly onSoftware: (software: ClientSoftware) => void;
  readonly onAuthenticationFailed: (failed: FailedAuthentication) => void;
  /** A client is shown out: what came cannot be read, or is not allowed here. */
  readonly onRefused: (remote: string, reason: string) => void;
  /** Something failed that is no refusal: a defect of this process, or of its disk. */
  readonly onDefect: (error: unknown) => void;
}

export interface AnsweredCall {
  readonly api: string;
  readonly version: number;
  readonly durationMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

export interface FailedAuthentication {
  readonly remote: string;
  readonly listener: string;
  readonly mechanism: string;
  readonly reason: string;
}

/** Since the process started, but for `connections`, which is now. */
export interface KafkaCounters {
  connections: number;
  connectionsAccepted: number;
  /** Closed at once, since there were too many. */
  connectionsRefused: number;
  authenticationsSucceeded: number;
  authenticationsFailed: number;
  receivedBytes: number;
  sentBytes: number;
}

export interface KafkaServerOptions {
  readonly listeners: readonly KafkaListener[];
  readonly port: KafkaPort;
  /** Where records lie that an answer only names. */
  readonly segments: Pick<SegmentReader, 'read'>;
  readonly credentials: Credentials;
  readonly limits: KafkaLimits;
  readonly hooks: KafkaHooks;
}
