import {
  optional,
  type ProcessSchema,
  required,
  type Settings,
  withDefault,
} from '../../adapters/config/schema.ts';
import { address, bool, integer, namedAddresses, oneOf, path, text } from '../../adapters/config/values.ts';
import { logLevel, processName } from '../process/common-settings.ts';
import { bytesPerKib, bytesPerMib } from '../../core/base/units.ts';
import { advertisedAddresses, listeners } from './listener-setting.ts';

const kib = bytesPerKib;
const mib = bytesPerMib;
const dayMs = 86_400_000;
const longestMs = 36_500 * dayMs;
const bytesMax = 1_024 ** 5;

const places = {
  name: processName(
    "This broker's name, one of those in initial_cluster; its id, by which Kafka's clients know it, is its place among the names in order, from 1",
  ),
  dataDir: required(path(), 'Directory that holds everything this broker keeps; made when it does not exist'),
  initialCluster: required(
    namedAddresses(),
    'Every broker of the cluster and the address at which the others reach it (listen_peer there), this one included; the same on all brokers',
  ),
  initialClusterToken: withDefault(
    text({
      placeholder: '<token>',
      allowed: '1 to 128 printable ASCII characters',
      pattern: /^[\x21-\x7e]{1,128}$/,
    }),
    'photon',
    'Tells clusters with the same brokers apart: part of the cluster id, the same on all brokers',
  ),
  rack: optional(
    text({
      placeholder: '<rack>',
      allowed: '1 to 128 printable ASCII characters',
      pattern: /^[\x21-\x7e]{1,128}$/,
    }),
    'Where this broker stands: replicas of a partition are spread over racks (Kafka: broker.rack)',
  ),
  listenClient: withDefault(
    listeners(),
    [{ name: 'PLAINTEXT', protocol: 'PLAINTEXT', host: '127.0.0.1', port: 9092 }],
    "Listeners for clients of Kafka's protocol; a listener has the same name on every broker",
  ),
  advertisedClient: optional(
    advertisedAddresses(),
    "Where clients are told to find this broker, for each listener that is found elsewhere than it listens (Kafka: advertised.listeners); needed where a listener's host is 0.0.0.0 or [::]",
  ),
  listenPeer: withDefault(address(), { host: '127.0.0.1', port: 9091 }, 'Address for the other brokers'),
  listenMetrics: withDefault(
    address(),
    { host: '127.0.0.1', port: 19092 },
    'Address for /metrics, /health and /ready',
  ),
} as const;

const security = {
  certFile: optional(path(), 'Certificate that clients of tls and sasl_tls listeners are shown, in PEM'),
  keyFile: optional(path(), 'Private key of cert_file, in PEM'),
  trustedCaFile: optional(
    path(),
    "Authorities that may vouch for clients of tls listeners, in PEM: who shows a certificate of theirs is User: with the certificate's common name",
  ),
  clientCertAuth: withDefault(
    bool(),
    false,
    'Clients of tls listeners must show a certificate that an authority in trusted_ca_file vouches for (Kafka: ssl.client.auth=required)',
  ),
  saslUsersFile: optional(
    path(),
    'Users that may log in over SASL listeners, a line name:password each, beside those that the cluster knows: the first ones, who make the others. Read at the start',
  ),
  peerCertFile: optional(
    path(),
    'Certificate of this broker for the other brokers, in PEM, with the name photon://chronik/<name>; with peer_key_file and peer_trusted_ca_file brokers speak mutual TLS, and listen to no other',
  ),
  peerKeyFile: optional(path(), 'Private key of peer_cert_file, in PEM'),
  peerTrustedCaFile: optional(path(), 'Authorities that may vouch for brokers, in PEM'),
  authorization: withDefault(
    bool(),
    false,
    'Access-control lists decide what clients may do (Kafka: authorizer.class.name); without it everybody may do everything',
  ),
  superUsers: optional(
    text({
      placeholder: '<User:name,…>',
      allowed: 'a list User:name,User:name',
      pattern: /^User:[^,\s]+(?:,User:[^,\s]+)*$/,
    }),
    'Who may do everything, whatever the lists say (Kafka: super.users)',
  ),
  allowEveryoneIfNoAcl: withDefault(
    bool(),
    false,
    'What no access-control list speaks of is open to everybody (Kafka: allow.everyone.if.no.acl.found)',
  ),
} as const;

const topics = {
  autoCreateTopics: withDefault(
    bool(),
    true,
    'A client that asks for a topic that is not there makes it (Kafka: auto.create.topics.enable)',
  ),
  numPartitions: withDefault(
    integer({ min: 1, max: 10_000 }),
    1,
    'Partitions of a topic whose creator does not say (Kafka: num.partitions)',
  ),
  defaultReplicationFactor: withDefault(
    integer({ min: 1, max: 9 }),
    3,
    'Replicas of a partition whose creator does not say; fewer where the cluster has fewer brokers (Kafka: default.replication.factor)',
  ),
  minInsyncReplicas: withDefault(
    integer({ min: 1, max: 9 }),
    1,
    'Replicas that must hold a record before a producer that waits for all is answered, of a topic that does not say (Kafka: min.insync.replicas)',
  ),
  retentionMs: withDefault(
    integer({ min: -1, max: longestMs, unit: 'ms' }),
    7 * dayMs,
    'How long records are kept, of a topic that does not say; -1: for ever (Kafka: log.retention.ms)',
  ),
  retentionBytes: withDefault(
    integer({ min: -1, max: bytesMax, unit: 'bytes' }),
    -1,
    'Bytes that a partition keeps, of a topic that does not say; -1: without bound (Kafka: log.retention.bytes)',
  ),
  segmentBytes: withDefault(
    integer({ min: mib, max: 1_024 * mib, unit: 'bytes' }),
    1_024 * mib,
    "A file of a partition's log is closed at this size, of a topic that does not say (Kafka: log.segment.bytes)",
  ),
  segmentMs: withDefault(
    integer({ min: 1_000, max: longestMs, unit: 'ms' }),
    7 * dayMs,
    "A file of a partition's log is closed at this age, of a topic that does not say (Kafka: log.roll.ms)",
  ),
  messageBytesMax: withDefault(
    integer({ min: kib, max: 64 * mib, unit: 'bytes' }),
    mib + 12,
    'A larger batch of records is refused, of a topic that does not say (Kafka: message.max.bytes)',
  ),
  uncleanLeaderElection: withDefault(
    bool(),
    false,
    'A replica that may lack acknowledged records leads when no other is left, of a topic that does not say (Kafka: unclean.leader.election.enable)',
  ),
  internalTopicPartitions: withDefault(
    integer({ min: 1, max: 1_000 }),
    50,
    'Partitions of __consumer_offsets and __transaction_state; never changed once they are there (Kafka: offsets.topic.num.partitions)',
  ),
  internalTopicReplicationFactor: withDefault(
    integer({ min: 1, max: 9 }),
    3,
    'Replicas of those; fewer where the cluster has fewer brokers (Kafka: offsets.topic.replication.factor)',
  ),
} as const;

const durability = {
  flushPolicy: withDefault(
    oneOf(['always', 'interval', 'never']),
    'always',
    'When a record counts as written, of a topic whose flush.policy does not say. always: once the disk has it. interval, never: once the system has it, which writes it out within flush_interval_ms, or when it likes; a process that is killed loses nothing by it, and a machine that loses its power loses what it had acknowledged since: all of a partition where all its replicas do so at once (docs/running-chronik.md). The metadata is always on the disk',
  ),
  flushIntervalMs: withDefault(
    integer({ min: 100, max: 600_000, unit: 'ms' }),
    1_000,
    'Where flush_policy is interval: after how long what was written is brought to the disk, of a topic whose flush.ms does not say',
  ),
} as const;

const times = {
  replicaLagTimeMaxMs: withDefault(
    integer({ min: 500, max: 600_000, unit: 'ms' }),
    10_000,
    'A replica that was not caught up for this long leaves the in-sync set (Kafka: replica.lag.time.max.ms; 30000 there)',
  ),
  brokerSessionTimeoutMs: withDefault(
    integer({ min: 500, max: 600_000, unit: 'ms' }),
    9_000,
    'A broker that the controller has not heard of for this long leads nothing any more (Kafka: broker.session.timeout.ms)',
  ),
  groupInitialRebalanceDelayMs: withDefault(
    integer({ min: 0, max: 60_000, unit: 'ms' }),
    3_000,
    'How long the first rebalance of an empty group waits for more members (Kafka: group.initial.rebalance.delay.ms)',
  ),
  groupSessionTimeoutMsMin: withDefault(
    integer({ min: 1, max: 600_000, unit: 'ms' }),
    6_000,
    'A member of a group may not ask to be given up sooner than this after it was last heard of (Kafka: group.min.session.timeout.ms)',
  ),
  groupSessionTimeoutMsMax: withDefault(
    integer({ min: 1, max: 86_400_000, unit: 'ms' }),
    1_800_000,
    'Nor later than this (Kafka: group.max.session.timeout.ms)',
  ),
  groupMembersMax: withDefault(
    integer({ min: 1, max: 100_000 }),
    10_000,
    'Members of a group; further ones are refused (Kafka: group.max.size, which has no bound there)',
  ),
  offsetsRetentionMs: withDefault(
    integer({ min: 1_000, max: longestMs, unit: 'ms' }),
    7 * dayMs,
    'How long the offsets of a group are kept after its last member has gone (Kafka: offsets.retention.minutes)',
  ),
  electionTimeoutMs: withDefault(
    integer({ min: 10, max: 60_000, unit: 'ms' }),
    1_000,
    'A broker that hears nothing from the controller for this long, and up to twice as long, stands for election as the next',
  ),
  heartbeatIntervalMs: withDefault(
    integer({ min: 1, max: 10_000, unit: 'ms' }),
    100,
    'How often the controller speaks to the other brokers; at most a third of election_timeout_ms',
  ),
  shutdownTimeoutMs: withDefault(
    integer({ min: 0, max: 600_000, unit: 'ms' }),
    5_000,
    'How long a broker that stops waits for the others to lead in its place',
  ),
} as const;

const bounds = {
  requestBytesMax: withDefault(
    integer({ min: mib, max: 1_024 * mib, unit: 'bytes' }),
    100 * mib,
    'A connection with a larger request is closed (Kafka: socket.request.max.bytes)',
  ),
  fetchBytesMax: withDefault(
    integer({ min: kib, max: 1_024 * mib, unit: 'bytes' }),
    55 * mib,
    'An answer to a fetch holds no more, whatever the client asks for, or one batch (Kafka: fetch.max.bytes)',
  ),
  connectionsMax: withDefault(
    integer({ min: 1, max: 1_048_576 }),
    10_000,
    'Connections of clients at once; further ones are closed (Kafka: max.connections)',
  ),
  connectionIdleMs: withDefault(
    integer({ min: 1_000, max: dayMs, unit: 'ms' }),
    600_000,
    'A connection that has said nothing for this long, and waits for nothing, is closed (Kafka: connections.max.idle.ms)',
  ),
  waitingRequestsMax: withDefault(
    integer({ min: 1, max: 1_048_576 }),
    16_384,
    'Requests that wait for replicas, for data or for the metadata; further ones are refused',
  ),
} as const;

const settings = {
  ...places,
  ...security,
  ...topics,
  ...durability,
  ...times,
  ...bounds,
  logLevel,
} as const;

export const chronikSchema: ProcessSchema<typeof settings> = {
  command: 'photon chronik serve',
  environmentPrefix: 'PHOTON_CHRONIK',
  settings,
};

export type ChronikSettings = Settings<typeof settings>;
