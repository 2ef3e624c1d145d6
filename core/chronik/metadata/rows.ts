import {
  bool,
  bytes,
  enumeration,
  type Infer,
  message,
  nested,
  optional,
  repeated,
  text,
  uint64,
} from '../../wire/protobuf.ts';
import { brokerId, leaderId, real } from './row-fields.ts';

/**
 * What the cluster knows, as rows of the store. A row that is in memory is never changed but replaced: it may be kept, and
 * another object means that something in it has changed.
 */

/** Where a broker is reached by one kind of client. */
export const Endpoint = message('Endpoint', {
  /** Name of the listener: clients are told the endpoint of the listener that they came in by. */
  listener: text(1),
  host: text(2),
  port: uint64(3),
  /** Kafka's number of the security protocol: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL. */
  securityProtocol: enumeration(4),
});
export type Endpoint = Infer<typeof Endpoint>;

export const BrokerRow = message('Broker', {
  id: brokerId(1),
  /** Index of the entry that registered it. */
  epoch: uint64(2),
  /** Drawn by the broker at its start, 32 hex digits: another one is another life of it. */
  incarnation: text(3),
  endpoints: repeated(nested(4, () => Endpoint)),
  rack: optional(text(5)),
  /** Does not serve: it leads nothing, and is not taken into any in-sync set. */
  fenced: bool(6),
  /** Is about to stop: leads nothing that somebody else can lead, and is not taken into any in-sync set. */
  inControlledShutdown: bool(7),
});
export type BrokerState = Infer<typeof BrokerRow>;

export const TopicRow = message('Topic', {
  name: text(1),
  /** 32 hex digits. */
  id: text(2),
  /** Index of the entry that made it. */
  created: uint64(3),
});
export type TopicRow = Infer<typeof TopicRow>;

/**
 * Invariants: `isr` is not empty, is a part of `replicas`, and holds `leader` unless nobody leads. Of several members of it,
 * none is fenced. Epochs only rise.
 */
export const PartitionRow = message('Partition', {
  /** In the order of preference: the first is the preferred leader. */
  replicas: repeated(brokerId(1)),
  /** In the order of `replicas`. */
  isr: repeated(brokerId(2)),
  /** −1: nobody leads. */
  leader: leaderId(3),
  /** Rises whenever the leader changes, and when it leads in another life. */
  leaderEpoch: uint64(4),
  /** Rises with every change of the row. */
  partitionEpoch: uint64(5),
  /** Replicas that a reassignment brings in. */
  adding: repeated(brokerId(6)),
  /** Replicas that leave when the reassignment is complete. */
  removing: repeated(brokerId(7)),
  /** How often somebody was made the leader who was not in sync: what was acknowledged may have been lost with each. */
  uncleanElections: uint64(8),
});
export type PartitionState = Infer<typeof PartitionRow>;

export const ConfigEntry = message('ConfigEntry', { name: text(1), value: text(2) });
export type ConfigEntry = Infer<typeof ConfigEntry>;

/** What somebody has set for a topic or a broker, by name in ascending order. */
export const ConfigRow = message('Config', { entries: repeated(nested(1, () => ConfigEntry)) });

/** Numbers are Kafka's own (KIP-11, KIP-290). */
export const AclBinding = message('AclBinding', {
  resourceType: enumeration(1),
  resourceName: text(2),
  patternType: enumeration(3),
  /** `User:name`, or `User:*`. */
  principal: text(4),
  /** An address, or `*`. */
  host: text(5),
  operation: enumeration(6),
  permissionType: enumeration(7),
});
export type AclBinding = Infer<typeof AclBinding>;

/** What the server keeps of a password (RFC 5802): it proves nothing to anybody by itself. */
export const ScramCredential = message('ScramCredential', {
  user: text(1),
  /** 1 SCRAM-SHA-256, 2 SCRAM-SHA-512 (KIP-554). */
  mechanism: enumeration(2),
  iterations: uint64(3),
  salt: bytes(4),
  storedKey: bytes(5),
  serverKey: bytes(6),
});
export type ScramCredential = Infer<typeof ScramCredential>;

/** `user`, `client-id` or `ip` (KIP-546). */
export const QuotaEntityPart = message('QuotaEntityPart', {
  type: text(1),
  /** Undefined: whoever has no quota of his own. */
  name: optional(text(2)),
});
export type QuotaEntityPart = Infer<typeof QuotaEntityPart>;

export const QuotaValue = message('QuotaValue', { key: text(1), value: real(2) });
export type QuotaValue = Infer<typeof QuotaValue>;

export const QuotaRow = message('Quota', {
  /** In the order of their types. */
  entity: repeated(nested(1, () => QuotaEntityPart)),
  /** In the order of their keys. */
  values: repeated(nested(2, () => QuotaValue)),
});
export type QuotaState = Infer<typeof QuotaRow>;
