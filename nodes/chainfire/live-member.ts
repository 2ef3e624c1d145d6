import { type OpenSnapshot } from '../../adapters/backup/open-snapshot.ts';
import { Cancellation, type CancelSignal } from '../../adapters/runner/cancellation.ts';
import { type MemberObservation, type TransferObservation } from '../../adapters/metrics/observation.ts';
import { type Address } from '../../adapters/config/address.ts';
import { type AddressBook } from '../../adapters/peer/address-book.ts';
import { type Enquiry } from '../../adapters/peer/protocol.ts';
import { type SocketPeerTransport } from '../../adapters/peer/transport.ts';
import { type DurableStore } from '../../adapters/runner/ports.ts';
import { type RunnerFailure, type StreamTypes } from '../../adapters/runner/protocol.ts';
import { type Runner } from '../../adapters/runner/runner.ts';
import { type StreamHandle, type StreamListener } from '../../adapters/runner/streams.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type AlarmMember, type Member, MoveLeaderRequest } from '../../core/chainfire/api/cluster.ts';
import { type WatchRequest, type WatchResponse } from '../../core/chainfire/api/watch.ts';
import { type Credential, processCredential } from '../../core/chainfire/auth/protocol.ts';
import {
  type MemberConfig,
  type MemberRefusal,
  type MemberRequest,
  type MemberResponse,
  type MemberStream,
} from '../../core/chainfire/member-protocol.ts';
import { type MemberView } from '../../core/chainfire/view.ts';
import { type GroupMessage, type SnapshotHeader } from '../../core/raft/types.ts';
import { type MemberUpkeep } from './member-upkeep.ts';
import { type ClusterFile } from './cluster-file.ts';
import { type MemberIntroducer } from './member-introducer.ts';

export interface MemberStreams extends StreamTypes {
  readonly opening: MemberStream;
  readonly request: WatchRequest;
  readonly item: WatchResponse;
  readonly refusal: MemberRefusal;
}

export type MemberRunner = Runner<MemberRequest, MemberResponse, GroupMessage, SnapshotHeader, MemberStreams>;

export interface LiveMemberParts {
  readonly machine: ChainfireMember;
  readonly config: Pick<MemberConfig, 'quotaBackendBytes'>;
  readonly runner: MemberRunner;
  readonly store: DurableStore;
  readonly closeSegments: () => void;
  readonly upkeep: MemberUpkeep;
  readonly transport: SocketPeerTransport<GroupMessage, SnapshotHeader>;
  readonly book: AddressBook;
  readonly introducer: MemberIntroducer;
  readonly clusterFile: ClusterFile;
  /** Resolves when the runner stops without being asked to. */
  readonly failed: Promise<RunnerFailure>;
  /** Undefined where nothing is recorded. */
  readonly recorder: { close(): Promise<void> } | undefined;
}

/** A successor that is here takes over within a few round trips. */
const handOverMs = 1_000;

/** A member with everything that it runs on. */
export class LiveMember {
  readonly store: DurableStore;
  readonly failed: Promise<RunnerFailure>;
  /** Called when another member leads, and with 0 when none is known to. */
  onLeaderChanged: (leader: NodeId | 0, term: number) => void = () => undefined;
  /** Called when what this member has applied of the members has changed. */
  onMembersChanged: (members: readonly Member[]) => void = () => undefined;
  readonly #parts: LiveMemberParts;
  #leader: NodeId | 0 = 0;
  #term = 0;

  constructor(parts: LiveMemberParts) {
    this.#parts = parts;
    this.store = parts.store;
    this.failed = parts.failed;
  }

  /** What is there to be seen of it, now. */
  get view(): MemberView {
    return this.#parts.machine.view;
  }

  start(): void {
    this.#parts.runner.start();
  }

  request(request: MemberRequest, signal: CancelSignal): Promise<MemberResponse> {
    return this.#parts.runner.request(request, signal);
  }

  /** @throws RunnerError when the machine cannot be asked */
  openStream(opening: MemberStream, listener: StreamListener<MemberStreams>): StreamHandle<WatchRequest> {
    return this.#parts.runner.openStream(opening, listener);
  }

  /** @throws StatusError when there is nothing to be had */
  openSnapshot(): OpenSnapshot {
    return this.#parts.upkeep.openSnapshot();
  }

  /** Rejects with a `StatusError`. */
  defragment(): Promise<void> {
    return this.#parts.upkeep.defragment();
  }

  received(from: NodeId, messages: readonly GroupMessage[]): void {
    this.#parts.runner.received(from, messages);
  }

  snapshotReceived(from: NodeId, stageId: number, header: SnapshotHeader): void {
    this.#parts.runner.snapshotReceived(from, stageId, header);
  }

  /** A node calls, and says where it is. @throws PeerRefusal when too many call that are no members */
  admits(id: NodeId, address: Address | undefined): boolean {
    this.#parts.book.called(id, address);
    this.#parts.transport.called(id);
    return true;
  }

  /** Who a caller is, before it is asked what it wants. */
  identify(by: Credential | undefined): { readonly user: string } | MemberRefusal {
    return this.#parts.machine.view.callers.identify(by);
  }

  leaseKeys(id: bigint): readonly string[] {
    return this.#parts.machine.view.leaseKeys(id);
  }

  nameOf(id: NodeId): string | undefined {
    return this.#parts.book.nameOf(id);
  }

  knows(id: NodeId): boolean {
    return this.#parts.book.knows(id);
  }

  /** The cluster and its members, for one that is to join it. Rejects with a PeerRefusal when nobody can say now. */
  introduce(purpose: Enquiry): Promise<Uint8Array> {
    return this.#parts.introducer.introduce(purpose);
  }

  /** To be called after steps: tells whether somebody else leads than before. */
  watchLeader(): void {
    const { leader, term } = this.#parts.machine.view.raft;
    if (leader === this.#leader && (leader === 0 || term === this.#term)) return;
    this.#leader = leader;
    this.#term = term;
    this.onLeaderChanged(leader, term);
  }

  /** Those that are raised in the cluster, as far as this member has heard. */
  alarms(): readonly AlarmMember[] {
    return this.#parts.machine.view.alarms();
  }

  observe(clients: TransferObservation): MemberObservation {
    const view = this.#parts.machine.view;
    const { raft } = view;
    const counters = this.#parts.transport.counters();
    return {
      memberId: String(raft.id),
      hasLeader: raft.leader !== 0,
      isLeader: raft.role === 'leader',
      isLearner: view.isLearner,
      repairing: raft.repairing,
      term: raft.term,
      commitIndex: raft.commitIndex,
      appliedIndex: view.appliedIndex,
      syncedIndex: raft.syncedIndex,
      storedIndex: view.storedIndex,
      firstIndex: raft.firstIndex,
      lastIndex: raft.lastIndex,
      revision: view.revision,
      compactRevision: view.compactRevision,
      pendingRequests: view.pendingRequests,
      storedBytes: view.storedBytes,
      liveBytes: view.liveBytes,
      quotaBackendBytes: this.#parts.config.quotaBackendBytes,
      alarms: view.alarms(),
      leaseCount: view.leaseCount,
      watches: view.watches,
      applied: view.applied,
      namespaces: view.namespaces(),
      runner: this.#parts.runner.counters,
      clients,
      peers: [...counters].map(([id, link]) => ({
        peer: this.#parts.book.nameOf(id) ?? String(id),
        connected: this.#parts.transport.connected(id),
        ...link,
      })),
    };
  }

  /** Hands the leadership over, lets what is under way end, and syncs. */
  async drain(): Promise<void> {
    await this.#handOver();
    await this.#parts.runner.stop();
  }

  /** A leader that goes without a word is missed for an election time-out; one that names its successor is not. */
  async #handOver(): Promise<void> {
    const target = this.#successor();
    if (target === undefined) return;
    const patience = new Cancellation();
    const timer = setTimeout(() => patience.abort(new Error('the other has not taken over')), handOverMs);
    try {
      const request = MoveLeaderRequest.create({ targetId: BigInt(target) });
      await this.#parts.runner.request({ kind: 'moveLeader', request, by: processCredential }, patience);
    } catch {
      // Nobody took over in time, or the node has failed meanwhile: then the others elect.
    } finally {
      clearTimeout(timer);
    }
  }

  /** Of the voters that are here, the one that holds most of the log; undefined where this member does not lead. */
  #successor(): NodeId | undefined {
    const { raft } = this.#parts.machine.view;
    let best: { readonly id: NodeId; readonly matchIndex: number } | undefined;
    for (const id of raft.configuration.voters) {
      const peer = raft.peer(id);
      if (id === raft.id || peer?.active !== true || !peer.replicating) continue;
      if (best === undefined || peer.matchIndex > best.matchIndex) best = { id, matchIndex: peer.matchIndex };
    }
    return best?.id;
  }

  /** After the sockets are closed: nothing calls in any more. */
  async close(): Promise<void> {
    await this.#parts.runner.stop();
    this.#parts.transport.close();
    await this.#parts.store.close();
    this.#parts.closeSegments();
    await this.#parts.clusterFile.close();
    await this.#parts.recorder?.close();
  }
}
