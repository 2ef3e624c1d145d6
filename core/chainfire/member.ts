import { assert, unreachable } from '../base/assert.ts';
import { groupId, type NodeId } from '../base/ids.ts';
import { type Machine } from '../base/machine.ts';
import { type Prng } from '../base/prng.ts';
import { bytesPerMib, usPerSecond } from '../base/units.ts';
import { membersOf } from '../raft/configuration.ts';
import { RaftNode } from '../raft/node.ts';
import {
  type Configuration,
  defaultRaftOptions,
  type RaftNodeEffect,
  type RaftNodeEvent,
  type RaftRefusal,
  type RaftView,
  type SnapshotHeader,
} from '../raft/types.ts';
import { type StorageBackend } from '../storage/backend.ts';
import { type SegmentRepair } from '../storage/segment-files.ts';
import { Answers } from './answers.ts';
import { type AppliedCommand, drawBoot, type Proposer, StateMachine } from './apply.ts';
import { Backlog } from './backlog.ts';
import { bytesRead } from './bytes-read.ts';
import { Command, isSerializable, type MemberAttributes, writesNothing } from './command.ts';
import { HashJobs } from './hash-jobs.ts';
import {
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
  type MemberRequest,
  type MemberResponse,
} from './member-protocol.ts';
import { initialConfigurationOf, MemberDirectory } from './members.ts';
import { compactionTurn, isCompacted } from './mvcc/compaction.ts';
import { currentTable, historyTable, indexTable, metaTable } from './mvcc/keys.ts';
import { readApplied } from './mvcc/meta.ts';
import { Mvcc } from './mvcc/mvcc.ts';
import { checkRevision } from './mvcc/range.ts';
import { type PendingProposal, Proposals } from './proposals.ts';
import { type PendingRead, Reads } from './reads.ts';
import { etcdRefusal } from './refusals.ts';
import { SnapshotHolds } from './snapshot-holds.ts';
import { createView, type MemberView } from './view.ts';
import { validate } from './validation.ts';

export type { MemberView } from './view.ts';

/** Tables of a member's store. */
export const memberTables: readonly string[] = [currentTable, historyTable, indexTable, metaTable];

/** Every setting that has a default. */
export const defaultMemberConfig: Omit<MemberConfig, 'clusterId' | 'id' | 'initialMembers' | 'clientUrls'> = {
  raft: defaultRaftOptions,
  requestBytesMax: 1.5 * bytesPerMib,
  txnOperationsMax: 128,
  pendingRequestsMax: 65_536,
  requestTimeoutUs: 7 * usPerSecond,
  storeBacklogBytesMax: 64 * bytesPerMib,
  trailingEntries: 5_000,
  compactionBatch: 1_000,
};

const group = groupId(1);
const segmentPrefix = 'log/';
/** Entries' bytes applied in one step: what a heartbeat may have to wait for. */
const applyBytesPerStep = bytesPerMib;
/** What reads answered in one step may look at; the last one may go beyond it. */
const answerBytesPerStep = bytesPerMib;
/** Election time-outs that a peer has to take up the log behind its snapshot, at least. */
const snapshotGraceElections = 5;

/** A request that waits for this member to have freed what a compaction released. */
interface PhysicalWait {
  readonly requestId: number;
  readonly response: MemberResponse;
}

/**
 * A member of a Chainfire cluster: a Raft group, the state machine that its log drives, and the requests that wait for
 * either.
 *
 * A write is checked, put into the log with its origin, and answered when this member applies it. A linearizable read asks
 * the leader how far it must wait, a serializable one waits for what was known to be committed when it came; both are then
 * answered from this member's store. Long work (applying, freeing, checksums) is cut into turns, so that heartbeats never
 * wait for it: while there is more, `deadlineUs` is now.
 */
export class ChainfireMember implements Machine<MemberEvent, MemberEffect> {
  readonly #config: MemberConfig;
  readonly #store: StorageBackend;
  readonly #raft: RaftNode;
  readonly #raftView: RaftView;
  readonly #mvcc: Mvcc;
  readonly #state: StateMachine;
  readonly #backlog: Backlog;
  readonly #directory: MemberDirectory;
  readonly #answers: Answers;
  readonly #hashJobs: HashJobs;
  readonly #proposals = new Proposals();
  readonly #reads: Reads;
  readonly #proposer: Proposer;
  /** What this member tells the others of itself. */
  readonly #attributes: MemberAttributes;
  readonly #view: MemberView;
  readonly #snapshotHolds: SnapshotHolds;
  #physicalWaits: PhysicalWait[] = [];
  #seq = 0;
  #nowUs: number;
  #started = false;
  #effects: MemberEffect[] = [];
  /** Entries may be there to be applied. */
  #mayTake = true;
  /** Raft has found a leader since requests that wait for one were last looked at. */
  #leaderFound = false;
  /** Why the proposal that is being handed to Raft was not taken. */
  #proposalRefusal: RaftRefusal | undefined;
  /** No request has waited too long before this time; at times it is too early, never too late. */
  #expiryUs = Infinity;
  /** Everybody knows what this member tells of itself. */
  #published: boolean;
  /** When to say again who this member is, unless that has been applied. */
  #publishUs = 0;
  #compactedIndex = 0;
  #stopped = false;

  /** The member that the store and the log describe; a new one where both are empty. */
  static recover(
    ports: { readonly store: StorageBackend; readonly segments: SegmentRepair },
    config: MemberConfig,
    prng: Prng,
    nowUs: number,
  ): ChainfireMember {
    return new ChainfireMember(ports, config, prng, nowUs);
  }

  private constructor(
    ports: { readonly store: StorageBackend; readonly segments: SegmentRepair },
    config: MemberConfig,
    prng: Prng,
    nowUs: number,
  ) {
    this.#config = config;
    this.#store = ports.store;
    this.#nowUs = nowUs;
    const initialConfiguration = initialConfigurationOf(config.initialMembers);
    this.#mvcc = new Mvcc(ports.store);
    this.#directory = new MemberDirectory(config.initialMembers, ports.store);
    this.#backlog = new Backlog(config.storeBacklogBytesMax, readApplied(ports.store).index);
    this.#state = new StateMachine({
      mvcc: this.#mvcc,
      backlog: this.#backlog,
      directory: this.#directory,
      initialConfiguration,
      // Leases do not exist yet.
      leaseExists: () => false,
    });
    const { index, term, configuration } = this.#state;
    this.#raft = RaftNode.recover(
      { segments: ports.segments },
      {
        id: config.id,
        options: config.raft,
        segmentPrefix,
        groups: [
          { group, initialConfiguration, applied: index === 0 ? undefined : { index, term, configuration } },
        ],
      },
      prng.fork('raft'),
      nowUs,
    );
    this.#raftView = this.#raft.view(group);
    this.#answers = new Answers({
      config,
      mvcc: this.#mvcc,
      state: this.#state,
      directory: this.#directory,
      raft: this.#raftView,
    });
    this.#hashJobs = new HashJobs(this.#mvcc, this.#answers);
    this.#snapshotHolds = new SnapshotHolds(snapshotGraceElections * config.raft.electionTimeoutUs);
    this.#reads = new Reads(Math.ceil(config.raft.electionTimeoutUs / 2));
    this.#proposer = { member: config.id, boot: drawBoot(prng.fork('boot')) };
    const own = this.#directory.initial(config.id);
    this.#attributes = {
      id: config.id,
      name: own?.name ?? '',
      peerUrls: own?.peerUrls ?? [],
      clientUrls: config.clientUrls,
    };
    this.#published = this.#directory.hasPublished(this.#attributes);
    this.#view = createView({
      raft: this.#raftView,
      mvcc: this.#mvcc,
      state: this.#state,
      backlog: this.#backlog,
      directory: this.#directory,
      pendingRequests: () => this.#pendingRequests,
    });
  }

  get view(): MemberView {
    return this.#view;
  }

  get deadlineUs(): number {
    if (!this.#started || this.#hasWork) return this.#nowUs;
    return Math.min(this.#raft.deadlineUs, this.#expiryUs, this.#reads.askUs, this.#publishDueUs);
  }

  step(event: MemberEvent, nowUs: number): readonly MemberEffect[] {
    this.#nowUs = nowUs;
    this.#started = true;
    switch (event.kind) {
      case 'tick':
        this.#onTick();
        break;
      case 'received':
        this.#drive({ kind: 'received', from: event.from, messages: event.messages });
        break;
      case 'synced':
        this.#drive({ kind: 'synced', syncSeq: event.syncSeq });
        break;
      case 'stored':
        this.#onStored(event.storeSeq);
        break;
      case 'requested':
        this.#onRequested(event.requestId, event.request);
        break;
      case 'cancelled':
        this.#onCancelled(event.requestId);
        break;
      case 'snapshotReceived':
        this.#onSnapshotReceived(event.from, event.stageId, event.header);
        break;
      case 'snapshotSent':
        this.#snapshotHolds.sent(event.to, nowUs);
        this.#drive({ kind: 'snapshotSent', group, to: event.to });
        break;
      case 'snapshotFailed':
        this.#snapshotHolds.failed(event.to);
        this.#drive({ kind: 'snapshotFailed', group, to: event.to });
        break;
      default:
        unreachable(event);
    }
    this.#settle();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** There is something to do now, whatever the time. */
  get #hasWork(): boolean {
    if (this.#stopped) return false;
    if (this.#leaderFound || !this.#hashJobs.isEmpty || this.#reads.hasReady(this.#state.index)) return true;
    return !this.#backlog.isFull && (this.#mayTake || !isCompacted(this.#mvcc));
  }

  get #publishDueUs(): number {
    return this.#published || this.#stopped || this.#raftView.leader === 0 ? Infinity : this.#publishUs;
  }

  get #pendingRequests(): number {
    return this.#proposals.size + this.#reads.size + this.#hashJobs.size + this.#physicalWaits.length;
  }

  #onTick(): void {
    this.#drive({ kind: 'tick' });
    this.#freeTurn();
    const hashed = this.#hashJobs.advance();
    if (hashed !== undefined) this.#reply(hashed.requestId, hashed.response);
  }

  #onStored(storeSeq: number): void {
    this.#backlog.stored(storeSeq);
    this.#cutLog();
  }

  #onRequested(requestId: number, request: MemberRequest): void {
    if (this.#stopped) return this.#reply(requestId, etcdRefusal('STOPPED'));
    const refusal = validate(request, this.#config);
    if (refusal !== undefined) return this.#reply(requestId, refusal);
    if (request.kind === 'status') return this.#reply(requestId, this.#answers.read(request));
    if (this.#pendingRequests >= this.#config.pendingRequestsMax) {
      return this.#reply(requestId, etcdRefusal('TOO_MANY_REQUESTS'));
    }
    switch (request.kind) {
      case 'range':
        return this.#read(requestId, request, request.request.serializable);
      case 'txn':
        if (writesNothing(request.request))
          return this.#read(requestId, request, isSerializable(request.request));
        return this.#propose(requestId, request);
      case 'put':
      case 'deleteRange':
      case 'compact':
        return this.#propose(requestId, request);
      case 'memberList':
        return this.#read(requestId, request, !request.request.linearizable);
      case 'hash':
      case 'hashKv':
        return this.#read(requestId, request, true);
      default:
        unreachable(request);
    }
  }

  #onCancelled(requestId: number): void {
    this.#proposals.cancel(requestId);
    this.#reads.cancel(requestId);
    this.#hashJobs.cancel(requestId);
    this.#physicalWaits = this.#physicalWaits.filter((wait) => wait.requestId !== requestId);
  }

  /** Becomes what the snapshot is, unless this member has come further meanwhile. */
  #onSnapshotReceived(from: NodeId, stageId: number, header: SnapshotHeader): void {
    if (header.group !== group || header.index <= this.#state.index) {
      this.#store.discardStage(stageId);
      return;
    }
    const configurationBefore = this.#state.configuration;
    this.#store.installStage(stageId);
    this.#state.reload();
    assert(
      this.#state.index === header.index && this.#state.term === header.term,
      'a snapshot is of the position that its header names',
    );
    this.#backlog.replaced(header.index);
    // Their entries may be among those that the snapshot stands for, where nobody can see them any more.
    for (const { requestId } of this.#proposals.takePossiblyUpTo(header.term)) {
      this.#reply(requestId, etcdRefusal('LEADER_CHANGED'));
    }
    this.#drive({ kind: 'snapshotInstalled', group, from, header });
    this.#noteApplied(configurationBefore);
  }

  /** What follows from an event, in the order in which one thing can wait for another. */
  #settle(): void {
    if (this.#leaderFound) {
      this.#leaderFound = false;
      this.#reads.leaderFound();
      for (const proposal of this.#proposals.waiting()) this.#handOver(proposal);
    }
    if (this.#publishDueUs <= this.#nowUs) this.#publish();
    const context = this.#reads.ask(this.#nowUs);
    if (context !== undefined) this.#drive({ kind: 'readRequested', group, context });
    this.#applyTurn();
    this.#answerReads();
    if (this.#expiryUs <= this.#nowUs) this.#expire();
  }

  /** Steps Raft and passes on what it says. Never steps it again from here: effects must leave in their order. */
  #drive(event: RaftNodeEvent): void {
    for (const effect of this.#raft.step(event, this.#nowUs)) this.#onRaftEffect(effect);
  }

  #onRaftEffect(effect: RaftNodeEffect): void {
    switch (effect.kind) {
      case 'persist':
      case 'send':
      case 'removeSegments':
        this.#effects.push(effect);
        break;
      case 'committed':
        this.#mayTake = true;
        break;
      case 'readReady':
        this.#reads.confirmed(effect.context, effect.index);
        break;
      case 'readRefused':
        this.#reads.refused(effect.context, this.#nowUs);
        break;
      case 'proposalRefused':
        this.#proposalRefusal = effect.code;
        break;
      case 'configurationRefused':
        break;
      case 'leaderChanged':
        if (effect.leader !== 0) this.#leaderFound = true;
        break;
      case 'snapshotNeeded':
        this.#sendSnapshot(effect.to);
        break;
      default:
        unreachable(effect);
    }
  }

  /** Whatever was applied is written, so that a view of now is the state at the applied index. */
  #sendSnapshot(to: NodeId): void {
    const { index, term, configuration } = this.#state;
    const header = { group, leaderTerm: this.#raftView.term, index, term, configuration };
    this.#snapshotHolds.begun(to, index, this.#nowUs);
    this.#effects.push({ kind: 'sendSnapshot', to, viewId: this.#store.openView(), header });
  }

  #propose(
    requestId: number,
    request: Extract<MemberRequest, { kind: 'put' | 'deleteRange' | 'txn' | 'compact' }>,
  ): void {
    const bytes = this.#encode({
      put: request.kind === 'put' ? request.request : undefined,
      deleteRange: request.kind === 'deleteRange' ? request.request : undefined,
      txn: request.kind === 'txn' ? request.request : undefined,
      compact: request.kind === 'compact' ? request.request : undefined,
      publishMember: undefined,
    });
    if (bytes.length > this.#config.requestBytesMax) {
      return this.#reply(requestId, etcdRefusal('REQUEST_TOO_LARGE'));
    }
    const proposal: PendingProposal = {
      requestId,
      seq: this.#seq,
      bytes,
      physical: request.kind === 'compact' && request.request.physical,
      deadlineUs: this.#deadlineOfRequest(),
      proposedTerm: 0,
    };
    this.#proposals.add(proposal);
    this.#handOver(proposal);
  }

  /** A command of this member, under the next number. */
  #encode(command: Omit<Command, 'member' | 'boot' | 'seq'>): Uint8Array {
    const { member, boot } = this.#proposer;
    this.#seq += 1;
    const { put, deleteRange, txn, compact, publishMember } = command;
    return Command.encode({ member, boot, seq: this.#seq, put, deleteRange, txn, compact, publishMember });
  }

  /** Gives a proposal to Raft. Where there is no leader it waits for one, and is surely not done as long as it does. */
  #handOver(proposal: PendingProposal): void {
    this.#proposalRefusal = undefined;
    this.#drive({ kind: 'proposed', group, proposals: [proposal.bytes] });
    const refusal: RaftRefusal | undefined = this.#proposalRefusal;
    proposal.proposedTerm = refusal === undefined ? this.#raftView.term : 0;
    if (refusal !== 'BUSY') return;
    this.#proposals.take(proposal.seq);
    this.#reply(proposal.requestId, etcdRefusal('TOO_MANY_REQUESTS'));
  }

  /** Lost or refused ones are said again. */
  #publish(): void {
    this.#publishUs = this.#nowUs + this.#config.requestTimeoutUs;
    const bytes = this.#encode({
      put: undefined,
      deleteRange: undefined,
      txn: undefined,
      compact: undefined,
      publishMember: this.#attributes,
    });
    this.#drive({ kind: 'proposed', group, proposals: [bytes] });
  }

  #read(requestId: number, request: MemberRequest, serializable: boolean): void {
    const read: PendingRead = { requestId, request, deadlineUs: this.#deadlineOfRequest() };
    const { commitIndex } = this.#raftView;
    if (!serializable) this.#reads.addLinearizable(read);
    else if (commitIndex > this.#state.index) this.#reads.addAtIndex(read, commitIndex);
    else this.#answer(read);
  }

  /** One turn of answering: reads of a whole key space may be ready by the dozen, all confirmed by one word of the leader. */
  #answerReads(): void {
    for (let bytes = 0; bytes < answerBytesPerStep;) {
      const read = this.#reads.takeReady(this.#state.index);
      if (read === undefined) return;
      bytes += this.#answer(read);
    }
  }

  /** @returns about how many bytes were looked at */
  #answer(read: PendingRead): number {
    const { requestId, request } = read;
    if (request.kind === 'hash' || request.kind === 'hashKv') {
      this.#startHash(requestId, request);
      return 0;
    }
    const response = this.#answers.read(request);
    this.#reply(requestId, response);
    return bytesRead(response);
  }

  #startHash(requestId: number, request: Extract<MemberRequest, { kind: 'hash' | 'hashKv' }>): void {
    if (this.#hashJobs.isFull) return this.#reply(requestId, etcdRefusal('TOO_MANY_REQUESTS'));
    if (request.kind === 'hash') return this.#hashJobs.addHash(requestId);
    const refusal = checkRevision(this.#mvcc, request.request.revision);
    if (refusal !== undefined) return this.#reply(requestId, etcdRefusal(refusal));
    this.#hashJobs.addHashKv(requestId, request.request.revision);
  }

  /** One turn of applying. The disk may be behind: then entries wait in the log, which is their place. */
  #applyTurn(): void {
    if (!this.#mayTake || this.#backlog.isFull || this.#stopped) return;
    const entries = this.#raft.take(group, applyBytesPerStep);
    const last = entries.at(-1);
    if (last === undefined) {
      this.#mayTake = false;
      return;
    }
    const { configuration: configurationBefore, term: termBefore } = this.#state;
    for (const applied of this.#state.apply(entries, this.#proposer)) this.#onApplied(applied);
    this.#drive({ kind: 'applied', group, index: last.index });
    if (last.term > termBefore) this.#proposeOvertaken(last.term);
    const { commitIndex, syncedIndex } = this.#raftView;
    this.#mayTake = Math.min(commitIndex, syncedIndex) > this.#state.index;
    this.#noteApplied(configurationBefore);
  }

  /** What was lost with an earlier leader is surely not done: the client need not learn that the leader changed. */
  #proposeOvertaken(term: number): void {
    for (const proposal of this.#proposals.overtakenBy(term)) this.#handOver(proposal);
  }

  #onApplied({ seq, response }: AppliedCommand): void {
    const proposal = this.#proposals.take(seq);
    if (proposal === undefined) return;
    const { requestId } = proposal;
    const completed = this.#answers.complete(response);
    if (proposal.physical && completed.kind === 'compact') {
      this.#physicalWaits.push({ requestId, response: completed });
    } else {
      this.#reply(requestId, completed);
    }
  }

  /** After the state moved: whether everybody knows this member, and whether it still is one. */
  #noteApplied(configurationBefore: Configuration): void {
    this.#published = this.#directory.hasPublished(this.#attributes);
    const { configuration, index } = this.#state;
    if (configuration === configurationBefore || membersOf(configuration).includes(this.#config.id)) return;
    this.#stopped = true;
    this.#effects.push({
      kind: 'stop',
      reason: `member ${this.#config.id} was removed from the cluster by entry ${index} or before; its data is of no use to it any more`,
    });
  }

  /** One turn of freeing what compaction released. */
  #freeTurn(): void {
    if (this.#backlog.isFull || this.#stopped) return;
    const batch = compactionTurn(this.#mvcc, this.#config.compactionBatch);
    if (batch !== undefined) {
      let bytes = 0;
      for (const { key } of batch) bytes += key.length;
      this.#backlog.written(this.#store.write(batch), bytes, this.#state.index);
    }
    if (this.#physicalWaits.length === 0 || !isCompacted(this.#mvcc)) return;
    for (const { requestId, response } of this.#physicalWaits) this.#reply(requestId, response);
    this.#physicalWaits = [];
  }

  /** What the disk has of the state, the log need not keep, but for followers that are a little late. */
  #cutLog(): void {
    const index = this.#backlog.storedIndex - this.#config.trailingEntries;
    const cutIndex = Math.min(index, this.#snapshotHolds.cutMax(this.#nowUs));
    if (cutIndex <= this.#compactedIndex) return;
    this.#compactedIndex = cutIndex;
    this.#drive({ kind: 'compacted', group, index: cutIndex });
  }

  #deadlineOfRequest(): number {
    const deadlineUs = this.#nowUs + this.#config.requestTimeoutUs;
    if (deadlineUs < this.#expiryUs) this.#expiryUs = deadlineUs;
    return deadlineUs;
  }

  #expire(): void {
    for (const { requestId, proposedTerm } of this.#proposals.expired(this.#nowUs)) {
      this.#reply(requestId, etcdRefusal(proposedTerm > 0 ? 'TIMEOUT' : 'NO_LEADER'));
    }
    const readRefusal = this.#raftView.leader === 0 ? 'NO_LEADER' : 'TIMEOUT';
    for (const { requestId } of this.#reads.expired(this.#nowUs)) {
      this.#reply(requestId, etcdRefusal(readRefusal));
    }
    this.#expiryUs = Math.min(this.#proposals.earliestDeadlineUs(), this.#reads.earliestDeadlineUs());
  }

  #reply(requestId: number, response: MemberResponse): void {
    // Nothing is held back for the disk: entries are applied only once this member's own log has them.
    this.#effects.push({ kind: 'reply', requestId, response, afterSyncSeq: 0 });
  }
}
