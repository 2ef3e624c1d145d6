import {
  optional,
  type ProcessSchema,
  required,
  type Settings,
  withDefault,
} from '../../adapters/config/schema.ts';
import { address, bool, integer, namedAddresses, oneOf, path, text } from '../../adapters/config/values.ts';
import { logLevel, processName } from '../process/common-settings.ts';
import { jwtMethods } from '../../adapters/auth/jwt.ts';
import { defaultRecorderOptions } from '../../adapters/recorder/recorder.ts';
import { bytesPerKib, bytesPerMib, usPerMs } from '../../core/base/units.ts';
import { defaultMemberConfig } from '../../core/chainfire/member.ts';
import { discoverySettings } from './discovery-settings.ts';
import { retention } from './retention.ts';

const kib = bytesPerKib;
const mib = bytesPerMib;
const raft = defaultMemberConfig.raft;

const settings = {
  name: processName("This member's name, one of those in initial_cluster where that is given"),
  dataDir: required(path(), 'Directory that holds everything this member keeps; made when it does not exist'),
  listenClient: withDefault(
    address(),
    { host: '127.0.0.1', port: 2379 },
    "Address for clients: etcd's gRPC services",
  ),
  listenPeer: withDefault(address(), { host: '127.0.0.1', port: 2380 }, 'Address for the other members'),
  advertiseClient: optional(
    address(),
    'Address that the member list gives to clients; listen_client when it is not given',
  ),
  listenMetrics: withDefault(
    address(),
    { host: '127.0.0.1', port: 12379 },
    'Address for /metrics, /health and /ready',
  ),
  initialCluster: optional(
    namedAddresses(),
    'Every member that the cluster begins with and the address at which the others reach it, this one included; the same on all members. Where initial_cluster_state is existing: this member and others that the cluster has by now. Needed at the first start; later the data directory knows the cluster',
  ),
  initialClusterState: withDefault(
    oneOf(['new', 'existing']),
    'new',
    'new: the cluster begins with the members of initial_cluster. existing: it runs already, and this member was added to it (etcdctl member add) or comes back to it',
  ),
  initialClusterToken: withDefault(
    text({
      placeholder: '<token>',
      allowed: '1 to 128 printable ASCII characters',
      pattern: /^[\x21-\x7e]{1,128}$/,
    }),
    'photon',
    'Tells clusters with the same members apart: part of the cluster id, the same on all members',
  ),
  ...discoverySettings,
  certFile: optional(
    path(),
    'Certificate that clients are shown, in PEM; with key_file the client port speaks TLS and nothing else',
  ),
  keyFile: optional(path(), 'Private key of cert_file, in PEM'),
  trustedCaFile: optional(
    path(),
    'Authorities that may vouch for clients, in PEM: a certificate that a client shows must be of one of them',
  ),
  clientCertAuth: withDefault(
    bool(),
    false,
    'Clients must show a certificate that an authority in trusted_ca_file vouches for',
  ),
  peerCertFile: optional(
    path(),
    'Certificate of this member for the other members, in PEM, with the name photon://chainfire/<name>; with peer_key_file and peer_trusted_ca_file members speak mutual TLS, and listen to no other',
  ),
  peerKeyFile: optional(path(), 'Private key of peer_cert_file, in PEM'),
  peerTrustedCaFile: optional(path(), 'Authorities that may vouch for members, in PEM'),
  logLevel,
  electionTimeoutMs: withDefault(
    integer({ min: 10, max: 60_000, unit: 'ms' }),
    raft.electionTimeoutUs / usPerMs,
    'A follower that hears nothing from its leader for this long, and up to twice as long, stands for election',
  ),
  heartbeatIntervalMs: withDefault(
    integer({ min: 1, max: 10_000, unit: 'ms' }),
    raft.heartbeatIntervalUs / usPerMs,
    'How often a leader speaks to its followers; at most a third of election_timeout_ms',
  ),
  requestTimeoutMs: withDefault(
    integer({ min: 100, max: 600_000, unit: 'ms' }),
    defaultMemberConfig.requestTimeoutUs / usPerMs,
    'A request that waits longer for the log is answered "request timed out": its outcome is unknown',
  ),
  requestBytesMax: withDefault(
    integer({ min: kib, max: 16 * mib, unit: 'bytes' }),
    defaultMemberConfig.requestBytesMax,
    'A larger request is refused',
  ),
  txnOperationsMax: withDefault(
    integer({ min: 1, max: 65_536 }),
    defaultMemberConfig.txnOperationsMax,
    'A transaction with more compares or operations in a branch is refused',
  ),
  pendingRequestsMax: withDefault(
    integer({ min: 1, max: 1_048_576 }),
    defaultMemberConfig.pendingRequestsMax,
    'Requests that wait for the log or for a read index; further ones are refused as too many',
  ),
  storeBacklogBytesMax: withDefault(
    integer({ min: mib, max: 4_096 * mib, unit: 'bytes' }),
    defaultMemberConfig.storeBacklogBytesMax,
    'Bytes written to the store and not yet on disk; at this bound the member stops applying until the disk catches up',
  ),
  quotaBackendBytes: withDefault(
    integer({ min: -1, max: 1_024 ** 5, unit: 'bytes' }),
    0,
    "Bytes of the store (dbSize of its status) at which the member raises the alarm NOSPACE, upon which the cluster refuses puts: 0 is 8 GiB (etcd's 0 is 2 GiB), -1 none; any size up to 1 PiB may be given (docs/alarms.md)",
  ),
  corruptionCheckIntervalMs: withDefault(
    integer({ min: 0, max: 2_678_400_000, unit: 'ms' }),
    0,
    "How often the leader has all members compare what they hold, and raise the alarm CORRUPT for one that differs; 0: never (etcd: experimental-corrupt-check-time). It is the leader's setting that counts (docs/alarms.md)",
  ),
  initialCorruptionCheck: withDefault(
    bool(),
    false,
    'Have the members compare what they hold once this one has started and caught up (etcd: experimental-initial-corrupt-check)',
  ),
  trailingEntries: withDefault(
    integer({ min: 0, max: 10_000_000 }),
    defaultMemberConfig.trailingEntries,
    'Log entries kept behind what the store holds durably, so that a follower that is a little late needs no snapshot',
  ),
  autoCompactionMode: withDefault(
    oneOf(['periodic', 'revision']),
    'periodic',
    'What auto_compaction_retention counts: periodic: time, revision: revisions',
  ),
  autoCompactionRetention: withDefault(
    retention(),
    '0',
    'How much of the history is kept; what is older is compacted, once in that time or once an hour. 0: nothing is compacted by itself; the same on all members',
  ),
  autoCompactionIntervalMs: withDefault(
    integer({ min: 100, max: 86_400_000, unit: 'ms' }),
    300_000,
    'Where auto_compaction_mode is revision: how often what is older is compacted',
  ),
  compactionBatchLimit: withDefault(
    integer({ min: 1, max: 100_000 }),
    defaultMemberConfig.compactionBatch,
    'Records that are looked at in one turn of freeing what a compaction released: what a request may have to wait for',
  ),
  compactionSleepIntervalMs: withDefault(
    integer({ min: 0, max: 60_000, unit: 'ms' }),
    defaultMemberConfig.compactionPauseUs / usPerMs,
    'Time between two such turns',
  ),
  segmentBytesMax: withDefault(
    integer({ min: 64 * kib, max: 1_024 * mib, unit: 'bytes' }),
    raft.segmentBytesMax,
    'A file of the log is closed at this size',
  ),
  clockDriftPpmMax: withDefault(
    integer({ min: 0, max: 100_000, unit: 'millionths' }),
    defaultMemberConfig.clockDriftPpmMax,
    "How much faster or slower than another a member's clock may run: leases last this much longer than they say, so that none ends early",
  ),
  linearizableReads: withDefault(
    oneOf(['quorum', 'lease']),
    'quorum',
    'What tells a leader that nobody has replaced it: each time a quorum, or else promises that members have made, which are right only while no clock drifts beyond clock_drift_ppm_max or stands still (docs/leases-and-watches.md); the same on all members',
  ),
  leasesMax: withDefault(
    integer({ min: 1, max: 10_000_000 }),
    defaultMemberConfig.leasesMax,
    'Leases at once; further ones are refused',
  ),
  streamsMax: withDefault(
    integer({ min: 1, max: 1_048_576 }),
    defaultMemberConfig.streamsMax,
    'Streams of watches at once; further ones are refused as too many requests',
  ),
  watchesPerStreamMax: withDefault(
    integer({ min: 1, max: 1_048_576 }),
    defaultMemberConfig.watchesPerStreamMax,
    'Watches of one stream; further ones are refused',
  ),
  streamBytesMax: withDefault(
    integer({ min: 64 * kib, max: 1_024 * mib, unit: 'bytes' }),
    defaultMemberConfig.streamBytesMax,
    'Bytes that may wait for a client that reads its watches too slowly; its watches go on from history as it reads',
  ),
  watchFragmentBytes: withDefault(
    integer({ min: kib, max: 16 * mib, unit: 'bytes' }),
    defaultMemberConfig.watchFragmentBytes,
    'Events of one revision that come to more are split for watches that allow it',
  ),
  watchProgressIntervalMs: withDefault(
    integer({ min: 100, max: 86_400_000, unit: 'ms' }),
    defaultMemberConfig.watchProgressIntervalUs / usPerMs,
    'How often a watch that asked for it is told that nothing has happened',
  ),
  authToken: withDefault(
    oneOf(['simple', 'jwt']),
    'simple',
    'Tokens for users: simple ones, which members learn of from the log, or JSON Web Tokens, signed by auth_jwt_key (docs/authentication.md); the same on all members',
  ),
  authTokenTtlMs: withDefault(
    integer({ min: 100, max: 604_800_000, unit: 'ms' }),
    defaultMemberConfig.authTokenTtlUs / usPerMs,
    'A simple token ends when it was not used for so long, a signed one so long after it was made',
  ),
  authJwtMethod: withDefault(
    oneOf(jwtMethods),
    'RS256',
    'How JSON Web Tokens are signed: RS256 by RSA, HS256 by a shared secret',
  ),
  authJwtKey: optional(
    path(),
    'File with the key of JSON Web Tokens: for RS256 a PEM, with a public key alone the member verifies tokens and makes none; for HS256 at least 32 secret bytes',
  ),
  authPasswordCost: withDefault(
    integer({ min: 10, max: 18 }),
    14,
    'How hard passwords are to guess from their hashes: scrypt with 2 to the power of so many blocks; each step more takes twice the time and memory',
  ),
  slowRequestMs: withDefault(
    integer({ min: 0, max: 600_000, unit: 'ms' }),
    100,
    'A request that takes longer is logged as a warning, at most 10 a second; 0 logs none',
  ),
  logCacheBytesMax: withDefault(
    integer({ min: mib, max: 4_096 * mib, unit: 'bytes' }),
    raft.cacheBytesMax,
    'Recent log entries kept in memory; older ones are read from the log',
  ),
  record: optional(
    path(),
    'Directory for a recording of whatever this member is given, which `photon sim replay --recording` runs again (docs/flight-recorder.md); it holds keys and values. Not given: nothing is recorded',
  ),
  recordSegmentBytesMax: withDefault(
    integer({ min: mib, max: 1_024 * mib, unit: 'bytes' }),
    defaultRecorderOptions.segmentBytesMax,
    'A file of the recording is closed at this size, and the next begins with the state of the member',
  ),
  recordSegmentsMax: withDefault(
    integer({ min: 2, max: 1_024 }),
    defaultRecorderOptions.segmentsMax,
    'The recording is kept below this many times record_segment_bytes_max: its oldest files are removed',
  ),
} as const;

export const chainfireSchema: ProcessSchema<typeof settings> = {
  command: 'photon chainfire serve',
  environmentPrefix: 'PHOTON_CHAINFIRE',
  settings,
};

export type ChainfireSettings = Settings<typeof settings>;
