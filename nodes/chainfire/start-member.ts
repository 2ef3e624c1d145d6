import { randomBytes } from 'node:crypto';
import { type Logger } from 'pino';

import { type Address, formatAddress } from '../../adapters/config/address.ts';
import { type ChainfireMetrics } from '../../adapters/metrics/chainfire-metrics.ts';
import { AddressBook } from '../../adapters/peer/address-book.ts';
import { type Dial } from '../../adapters/peer/link.ts';
import { type PeerIdentity } from '../../adapters/peer/protocol.ts';
import { SocketPeerTransport } from '../../adapters/peer/transport.ts';
import { RecordedMachine } from '../../adapters/recorder/recorded-machine.ts';
import { defaultRunnerOptions, Runner } from '../../adapters/runner/runner.ts';
import { type RunnerFailure } from '../../adapters/runner/protocol.ts';
import { type Machine } from '../../core/base/machine.ts';
import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { defaultMemberConfig, memberTables } from '../../core/chainfire/member.ts';
import {
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
  type MemberRequest,
  type MemberResponse,
} from '../../core/chainfire/member-protocol.ts';
import { encodeGroupMessages, encodeSnapshotHeader } from '../../core/raft/message-codec.ts';
import { type GroupMessage, type SnapshotHeader } from '../../core/raft/types.ts';
import { autoCompactionOptions } from './auto-compaction.ts';
import { type ClusterFile } from './cluster-file.ts';
import { type ClusterPlace } from './cluster-place.ts';
import { LiveMember, type MemberStreams } from './live-member.ts';
import { MemberIntroducer } from './member-introducer.ts';
import { type MemberHome } from './member-home.ts';
import { memberBaseTables, openRecorder, recoverMember } from './member-recorder.ts';
import { MemberUpkeep } from './member-upkeep.ts';
import { Neighbours } from './neighbours.ts';
import { type ChainfireSettings } from './settings.ts';

export interface StartMemberOptions {
  readonly settings: ChainfireSettings;
  readonly place: ClusterPlace;
  readonly own: PeerIdentity;
  readonly home: MemberHome;
  readonly clusterFile: ClusterFile;
  readonly log: Logger;
  readonly metrics: ChainfireMetrics;
  /** How the other members are called. */
  readonly dial: Dial;
  /** Where clients find it; undefined: nowhere. */
  readonly clientAddress: Address | undefined;
}

/** Opens the disk, recovers the machine from it, and puts a runner under it; nothing is stepped before `start`. */
export function startMember(options: StartMemberOptions): LiveMember {
  const { settings, place, own, home, clusterFile, log, metrics, dial, clientAddress } = options;
  const { store, segments, closeSegments } = home.openDisk(memberTables);
  const config = memberConfig(settings, place, own, clientAddress);
  const seed = randomBytes(16).toString('hex');
  const nowUs = defaultRunnerOptions.clock();
  const recorder = openRecorder(settings, { own, config, seed, nowUs, log });
  const machine = recoverMember({ store, segments }, { config, seed, nowUs }, recorder);
  // Only now, with nothing left that can refuse: a link calls its peer until it is closed, and keeps the process running.
  const book = new AddressBook(own.id, place.contacts);
  const transport = new SocketPeerTransport<GroupMessage, SnapshotHeader>({
    own,
    addressesOf: (id) => book.addressesOf(id),
    nameOf: (id) => book.nameOf(id),
    codec: { encode: encodeGroupMessages, sizeOf: messageBytes, encodeHeader: encodeSnapshotHeader },
    onConnected: (to) => log.info({ peer: to }, 'peer connected'),
    onDisconnected: (to, reason) => log.warn({ peer: to, reason }, 'peer not reachable'),
    onGivenUp: (to) => book.forget(to),
    dial,
  });
  const neighbours = new Neighbours({
    ...{ view: machine.view, book, transport, clusterFile, log },
    onChanged: (members) => member.onMembersChanged(members),
  });
  let fail: (failure: RunnerFailure) => void = () => undefined;
  const failed = new Promise<RunnerFailure>((resolve) => {
    fail = resolve;
  });
  const stepped =
    recorder === undefined
      ? machine
      : new RecordedMachine(machine, recorder, { store, tables: memberBaseTables });
  const watched = new WatchedMember(stepped, (nowUs) => {
    member.watchLeader();
    neighbours.look(nowUs);
  });
  const runner = new Runner<MemberRequest, MemberResponse, GroupMessage, SnapshotHeader, MemberStreams>(
    watched,
    { store, segments, transport },
    {
      onStop: fail,
      onSync: (round) => {
        metrics.syncEnded(round.durationUs / usPerSecond);
        // From here on an empty log is a lost one.
        if (!clusterFile.record.hasStarted) clusterFile.change({ hasStarted: true });
      },
    },
  );
  const upkeep = new MemberUpkeep(store, own, settings.name);
  const member = new LiveMember({
    machine,
    config,
    runner,
    store,
    closeSegments,
    upkeep,
    transport,
    book,
    introducer: new MemberIntroducer(place, machine.view, runner),
    clusterFile,
    failed,
    recorder,
  });
  return member;
}

/** Stands for the address of a member without a port for clients: one that has none at all has never started. */
const noClientPort: Address = { host: 'no-client-port.invalid', port: 0 };

function memberConfig(
  settings: ChainfireSettings,
  place: ClusterPlace,
  own: PeerIdentity,
  clientAddress: Address = noClientPort,
): MemberConfig {
  return {
    ...defaultMemberConfig,
    clusterId: own.clusterId,
    id: own.id,
    initialMembers: place.birth,
    join: place.join,
    contacts: place.contacts.map(({ id }) => id),
    hasStarted: place.hasStarted,
    clientUrls: [
      `${settings.certFile === undefined ? 'http' : 'https'}://${formatAddress(settings.advertiseClient ?? clientAddress)}`,
    ],
    requestBytesMax: settings.requestBytesMax,
    txnOperationsMax: settings.txnOperationsMax,
    pendingRequestsMax: settings.pendingRequestsMax,
    requestTimeoutUs: settings.requestTimeoutMs * usPerMs,
    storeBacklogBytesMax: settings.storeBacklogBytesMax,
    quotaBackendBytes: quotaOf(settings.quotaBackendBytes),
    corruptionCheckIntervalUs: settings.corruptionCheckIntervalMs * usPerMs,
    initialCorruptionCheck: settings.initialCorruptionCheck,
    trailingEntries: settings.trailingEntries,
    compactionBatch: settings.compactionBatchLimit,
    compactionPauseUs: settings.compactionSleepIntervalMs * usPerMs,
    autoCompaction: autoCompactionOptions(settings),
    clockDriftPpmMax: settings.clockDriftPpmMax,
    leasesMax: settings.leasesMax,
    streamsMax: settings.streamsMax,
    watchesPerStreamMax: settings.watchesPerStreamMax,
    streamBytesMax: settings.streamBytesMax,
    watchFragmentBytes: settings.watchFragmentBytes,
    watchProgressIntervalUs: settings.watchProgressIntervalMs * usPerMs,
    authTokenTtlUs: settings.authTokenTtlMs * usPerMs,
    raft: {
      ...defaultMemberConfig.raft,
      electionTimeoutUs: settings.electionTimeoutMs * usPerMs,
      leaseReads:
        settings.linearizableReads === 'lease' ? { clockDriftPpmMax: settings.clockDriftPpmMax } : undefined,
      heartbeatIntervalUs: settings.heartbeatIntervalMs * usPerMs,
      segmentBytesMax: settings.segmentBytesMax,
      cacheBytesMax: settings.logCacheBytesMax,
    },
  };
}

/** @param setting as etcd says it: 0 for the default, a negative one for none */
function quotaOf(setting: number): number {
  if (setting < 0) return 0;
  return setting === 0 ? defaultMemberConfig.quotaBackendBytes : setting;
}

/** Beside the entries a message is a few small integers. */
const messageOverheadBytes = 64;

function messageBytes({ message }: GroupMessage): number {
  switch (message.kind) {
    case 'appendRequest':
      return message.entries.reduce(
        (sum, entry) => sum + entry.data.length + messageOverheadBytes,
        messageOverheadBytes,
      );
    case 'proposalForwarded':
      return message.proposals.reduce((sum, proposal) => sum + proposal.length, messageOverheadBytes);
    default:
      return messageOverheadBytes;
  }
}

/** The machine as it is, with a word after every step that may have changed who leads, or who the members are. */
class WatchedMember implements Machine<MemberEvent, MemberEffect> {
  readonly #member: Machine<MemberEvent, MemberEffect>;
  readonly #afterStep: (nowUs: number) => void;

  constructor(member: Machine<MemberEvent, MemberEffect>, afterStep: (nowUs: number) => void) {
    this.#member = member;
    this.#afterStep = afterStep;
  }

  get deadlineUs(): number {
    return this.#member.deadlineUs;
  }

  step(event: MemberEvent, nowUs: number): readonly MemberEffect[] {
    const effects = this.#member.step(event, nowUs);
    if (mayChangeLeader(event)) this.#afterStep(nowUs);
    return effects;
  }
}

/** What clients say never does; to look behind every request costs. */
function mayChangeLeader(event: MemberEvent): boolean {
  switch (event.kind) {
    case 'requested':
    case 'cancelled':
    case 'streamOpened':
    case 'streamReceived':
    case 'streamDrained':
    case 'streamClosed':
      return false;
    default:
      return true;
  }
}
