import { assert, unreachable } from '../base/assert.ts';
import { type Capturable, type Captured, type Stateful, type StateForm } from '../base/capture.ts';
import { captureState, restoreState } from '../base/capture-forms.ts';
import { type NodeId } from '../base/ids.ts';
import { type Machine } from '../base/machine.ts';
import { type CapturablePrng } from '../base/prng.ts';
import { bytesPerMib } from '../base/units.ts';
import { HandOver, type RefusedProposals } from '../raft/hand-over.ts';
import { type RaftNode } from '../raft/node.ts';
import {
  type Configuration,
  type RaftNodeEffect,
  type RaftNodeEvent,
  type RaftRefusal,
  type RaftView,
  type SnapshotHeader,
} from '../raft/types.ts';
import { type StorageBackend } from '../storage/backend.ts';
import { type CorruptionChecks } from './alarm/corruption-checks.ts';
import { type Quota } from './alarm/quota.ts';
import { type StateMachine } from './apply.ts';
import { type AutoCompaction } from './auto-compaction.ts';
import { type Backlog } from '../raft/backlog.ts';
import { type LeaderMoves } from './leader-moves.ts';
import { type Leases } from './lease/leases.ts';
import { assembleMember, type MemberBeginning, type MemberParts, type MemberPorts } from './member-parts.ts';
import {
  type MemberConfig,
  type MemberEffect,
  type MemberEvent,
  type MemberResponse,
  type MemberStream,
} from './member-protocol.ts';
import { type Membership } from './membership.ts';
import { type Mvcc } from './mvcc/mvcc.ts';
import { type Publication } from './publication.ts';
import { type Queries } from './queries.ts';
import { type Reconfigurer } from './reconfigurer.ts';
import { blankRaft, memberGroup as group, recoverRaft } from './recover-raft.ts';
import { etcdRefusal } from './refusals.ts';
import { type Requests } from './requests.ts';
import { type SnapshotHolds } from '../raft/snapshot-holds.ts';
import { createView, type MemberView } from './view.ts';
import { type WatchHub } from './watch/hub.ts';
import { type Writes } from './writes.ts';

export type { MemberView } from './view.ts';
export { defaultMemberConfig } from './settings.ts';
export { memberTables } from './tables.ts';

/** Entries' bytes applied in one step: what a heartbeat may have to wait for. */
const applyBytesPerStep = bytesPerMib;

/**
 * A member of a Chainfire cluster: a Raft group, the state machine that its log drives, and the requests that wait for
 * either.
 *
 * A write is checked, put into the log with its origin, and answered when this member applies it. A linearizable read asks
 * the leader how far it must wait, a serializable one waits for what was known to be committed when it came; both are then
 * answered from this member's store. Long work (applying, freeing, checksums) is cut into turns, so that heartbeats never
 * wait for it: while there is more, `deadlineUs` is now.
 */
export class ChainfireMember implements Machine<MemberEvent, MemberEffect>, Capturable, Stateful {
  readonly #config: MemberConfig;
  readonly #store: StorageBackend;
  readonly #parts: MemberParts;
  readonly #raft: RaftNode;
  readonly #raftView: RaftView;
  readonly #mvcc: Mvcc;
  readonly #state: StateMachine;
  readonly #backlog: Backlog;
  readonly #proposer: { readonly member: NodeId; boot: number };
  readonly #requests: Requests;
  readonly #writes: Writes;
  readonly #queries: Queries;
  readonly #leases: Leases;
  readonly #quota: Quota;
  readonly #corruptionChecks: CorruptionChecks;
  readonly #watches: WatchHub;
  readonly #publication: Publication;
  readonly #membership: Membership;
  readonly #reconfigurer: Reconfigurer;
  readonly #leaderMoves: LeaderMoves;
  readonly #view: MemberView;
  readonly #snapshotHolds: SnapshotHolds;
  readonly #autoCompaction: AutoCompaction;
  readonly #handOver = new HandOver();
  #nowUs: number;
  #started = false;
  /** What the wall clock showed last. Invariant: nothing here decides by it. */
  #wallClockUs: number | undefined;
  #effects: MemberEffect[] = [];
  /** Entries may be there to be applied. */
  #mayTake = true;
  /** Raft has found a leader since requests that wait for one were last looked at. */
  #leaderFound = false;
  #compactedIndex = 0;
  #stopped = false;

  /** The member that the store and the log describe; a new one where both are empty. */
  static recover(
    ports: MemberPorts,
    config: MemberConfig,
    prng: CapturablePrng,
    nowUs: number,
  ): ChainfireMember {
    return new ChainfireMember(ports, config, { prng, nowUs, raftOf: recoverRaft });
  }

  /**
   * The member that was captured, over ports that show what they showed then, go on with the numbers of batches and views,
   * and have its views open; writes nothing. What it then does is what the first one would have done.
   *
   * @param prng any of the kind that the first one was given: its streams are part of what was captured
   * @throws InvariantError naming what is not as it was captured
   */
  static restore(
    ports: MemberPorts,
    config: MemberConfig,
    prng: CapturablePrng,
    captured: Captured,
    nowUs: number,
  ): ChainfireMember {
    const member = new ChainfireMember(ports, config, { prng, nowUs, raftOf: blankRaft });
    restoreState(member, captured);
    assert(nowUs >= member.#nowUs, 'time is monotonic');
    return member;
  }

  private constructor(ports: MemberPorts, config: MemberConfig, given: MemberBeginning) {
    const port = {
      proposeAll: this.#handToRaft.bind(this),
      transfer: (to: NodeId) => this.#drive({ kind: 'transferRequested', group, to }),
      reply: this.#reply.bind(this),
    };
    const { parts, replica, raftView, proposer } = assembleMember(ports, config, { ...given, port });
    this.#config = config;
    this.#store = ports.store;
    this.#nowUs = given.nowUs;
    this.#parts = parts;
    this.#raft = parts.raft;
    this.#raftView = raftView;
    this.#mvcc = parts.mvcc;
    this.#state = parts.state;
    this.#backlog = parts.backlog;
    this.#proposer = proposer;
    this.#requests = parts.requests;
    this.#writes = parts.writes;
    this.#queries = parts.queries;
    this.#leases = parts.leases;
    this.#quota = parts.quota;
    this.#corruptionChecks = parts.corruptionChecks;
    this.#watches = parts.watches;
    this.#publication = parts.publication;
    this.#membership = replica.membership;
    this.#reconfigurer = parts.reconfigurer;
    this.#leaderMoves = parts.leaderMoves;
    this.#snapshotHolds = parts.snapshotHolds;
    this.#autoCompaction = parts.autoCompaction;
    this.#view = createView({
      ...replica,
      config,
      raft: raftView,
      nowUs: () => this.#nowUs,
      wallClockUs: () => this.#wallClockUs,
      pendingRequests: () => parts.requests.pending,
      watches: parts.watches,
      callers: parts.auth,
    });
  }

  get view(): MemberView {
    return this.#view;
  }

  get deadlineUs(): number {
    if (!this.#started || this.#hasWork) return this.#nowUs;
    const leasesUs = this.#stopped
      ? Infinity
      : Math.min(this.#leases.dueUs, this.#parts.namespaceTurns.dueUs);
    return Math.min(
      this.#raft.deadlineUs,
      this.#requests.dueUs,
      this.#queries.askUs,
      this.#publishDueUs,
      this.#stopped ? Infinity : this.#reconfigurer.dueUs,
      leasesUs,
      this.#stopped ? Infinity : this.#quota.dueUs,
      this.#stopped ? Infinity : this.#corruptionChecks.dueUs,
      this.#stopped ? Infinity : this.#autoCompaction.dueUs,
      this.#stopped ? Infinity : this.#parts.freeing.dueUs,
      this.#watches.deadlineUs,
    );
  }

  step(event: MemberEvent, nowUs: number): readonly MemberEffect[] {
    this.#nowUs = nowUs;
    this.#started = true;
    switch (event.kind) {
      case 'tick':
        this.#onTick();
        break;
      case 'wallClock':
        this.#wallClockUs = event.wallUs;
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
        if (this.#stopped) this.#reply(event.requestId, etcdRefusal('STOPPED'));
        else this.#requests.requested(event.requestId, event.request, nowUs);
        break;
      case 'cancelled':
        this.#requests.cancel(event.requestId);
        break;
      case 'streamOpened':
        this.#onStreamOpened(event.streamId, event.stream);
        break;
      case 'streamReceived':
        this.#watches.received(event.streamId, event.request, nowUs);
        break;
      case 'streamDrained':
        this.#watches.drained(event.streamId, event.bytes);
        break;
      case 'streamClosed':
        this.#watches.closed(event.streamId);
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

  /** Between two steps. */
  capture(): Captured {
    return captureState(this);
  }

  passState(form: StateForm): void {
    const isBetween = this.#effects.length === 0 && !this.#handOver.isUnderWay;
    assert(isBetween, 'a member is captured between two steps');
    form.same('id', this.#config.id);
    this.#proposer.boot = form.number('boot', this.#proposer.boot);
    for (const [name, part] of Object.entries(this.#parts)) form.part(name, part);
    this.#nowUs = form.number('nowUs', this.#nowUs);
    this.#started = form.flag('started', this.#started);
    this.#wallClockUs = form.optional('wallClock', this.#wallClockUs, 0, (fields, us) =>
      fields.number('us', us),
    );
    this.#mayTake = form.flag('mayTake', this.#mayTake);
    this.#leaderFound = form.flag('leaderFound', this.#leaderFound);
    this.#compactedIndex = form.number('compactedIndex', this.#compactedIndex);
    this.#stopped = form.flag('stopped', this.#stopped);
  }

  /** There is something to do now, whatever the time. */
  get #hasWork(): boolean {
    if (this.#stopped) return false;
    if (this.#leaderFound || this.#writes.hasGathered) return true;
    if (this.#queries.hasWork || this.#watches.hasWork) return true;
    return !this.#backlog.isFull && this.#mayTake;
  }

  get #publishDueUs(): number {
    return this.#stopped || this.#raftView.leader === 0 ? Infinity : this.#publication.dueUs;
  }

  #onTick(): void {
    this.#writes.tick();
    this.#drive({ kind: 'tick' });
    this.#freeTurn();
    this.#queries.hashTurn();
    this.#watches.turn(this.#nowUs);
  }

  #onStored(storeSeq: number): void {
    this.#backlog.stored(storeSeq);
    this.#cutLog();
  }

  #onStreamOpened(streamId: number, stream: MemberStream): void {
    if (!this.#stopped) return this.#watches.opened(streamId, stream);
    this.#effects.push({ kind: 'endStream', streamId, refusal: etcdRefusal('STOPPED') });
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
    this.#watches.replaced(this.#nowUs);
    this.#leases.tableMoved(this.#nowUs);
    this.#writes.snapshotInstalled(header.term);
    this.#drive({ kind: 'snapshotInstalled', group, from, header });
    this.#noteApplied(configurationBefore);
  }

  /** What follows from an event, in the order in which one thing can wait for another. */
  #settle(): void {
    if (this.#leaderFound) {
      this.#leaderFound = false;
      this.#queries.leaderFound();
      this.#writes.leaderFound();
      this.#leases.leaderFound();
    }
    if (this.#publishDueUs <= this.#nowUs) this.#writes.publish(this.#publication.take(this.#nowUs));
    const context = this.#queries.ask(this.#nowUs);
    if (context !== undefined) this.#drive({ kind: 'readRequested', group, context });
    this.#applyTurn();
    if (!this.#stopped) {
      this.#leases.settle(this.#nowUs);
      this.#quota.settle(this.#nowUs);
      this.#corruptionChecks.settle(this.#nowUs);
      this.#autoCompaction.settle(this.#nowUs);
      this.#parts.namespaceTurns.settle(this.#nowUs);
    }
    if (!this.#stopped && this.#reconfigurer.dueUs <= this.#nowUs) this.#reconfigure();
    this.#leaderMoves.settle();
    this.#queries.answerTurn(this.#nowUs);
    this.#requests.expire(this.#nowUs);
    this.#watches.settle(this.#raftView.leader !== 0, this.#nowUs);
    this.#passOnWatches();
  }

  #reconfigure(): void {
    const step = this.#reconfigurer.look(this.#nowUs);
    if (step === undefined) return;
    if (step.kind === 'propose') {
      // Refused while another change is under way: it is proposed again at the next look.
      this.#drive({ kind: 'configurationProposed', group, configuration: step.configuration });
      return;
    }
    const { change, refusal } = step;
    const { term } = this.#raftView;
    if (this.#writes.refuseChange({ index: change.index, term, refusal })) {
      this.#reconfigurer.refusalTaken(change);
    }
  }

  #passOnWatches(): void {
    for (const effect of this.#watches.takeEffects()) this.#effects.push(effect);
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
        this.#queries.confirmed(effect.context, effect.index);
        break;
      case 'readRefused':
        this.#queries.refused(effect.context, this.#nowUs);
        break;
      case 'proposalRefused':
        this.#onProposalRefused(effect.proposals, effect.code);
        break;
      case 'configurationRefused':
        break;
      case 'leaderChanged':
        if (effect.leader !== 0) this.#leaderFound = true;
        break;
      case 'snapshotNeeded':
        this.#sendSnapshot(effect.to);
        break;
      case 'removed':
        this.#stop(`by entry ${effect.index} or before, as member ${effect.by} says`);
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

  #handToRaft(proposals: readonly Uint8Array[]): RefusedProposals | undefined {
    return this.#handOver.give(proposals, () => this.#drive({ kind: 'proposed', group, proposals }));
  }

  #onProposalRefused(proposals: readonly Uint8Array[], code: RaftRefusal): void {
    if (this.#handOver.refused(proposals, code)) return;
    for (const bytes of proposals) this.#writes.refused(bytes);
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
    this.#mvcc.captureChanges(this.#watches.wantsChanges);
    const own = this.#state.apply(entries, this.#proposer);
    this.#watches.published(this.#mvcc.takeChanges(), this.#nowUs);
    this.#leases.tableMoved(this.#nowUs);
    for (const applied of own) {
      const { seq } = applied;
      if (this.#leases.applied(seq) || this.#parts.namespaceTurns.applied(seq)) continue;
      this.#writes.applied(applied);
    }
    this.#drive({ kind: 'applied', group, index: last.index });
    if (last.term > termBefore) this.#writes.termApplied(last.term);
    const { commitIndex, syncedIndex } = this.#raftView;
    this.#mayTake = Math.min(commitIndex, syncedIndex) > this.#state.index;
    this.#noteApplied(configurationBefore);
  }

  /** After the state moved: whether everybody knows this member, and whether it still is one. */
  #noteApplied(configurationBefore: Configuration): void {
    this.#publication.look();
    const { configuration, index } = this.#state;
    if (configuration === configurationBefore) return;
    // One that joins reads of the members before its time, itself not among them.
    if (!this.#membership.isRemoved(this.#config.id, configuration)) return;
    this.#stop(`by entry ${index} or before`);
  }

  /** This member was removed: it says so, and does nothing any more. */
  #stop(how: string): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#watches.stop(etcdRefusal('STOPPED'));
    this.#passOnWatches();
    const reason = `member ${this.#config.id} was removed from the cluster ${how}; its data is of no use to it any more`;
    this.#effects.push({ kind: 'stop', reason });
  }

  /** One turn of freeing what compaction released. */
  #freeTurn(): void {
    if (this.#stopped) return;
    this.#parts.freeing.turn(this.#nowUs);
    if (this.#writes.waitsForFreeing && this.#parts.freeing.isDone) this.#writes.freed();
  }

  /** What the disk has of the state, the log need not keep, but for followers that are a little late. */
  #cutLog(): void {
    const index = this.#backlog.storedIndex - this.#config.trailingEntries;
    const cutIndex = Math.min(index, this.#snapshotHolds.cutMax(this.#nowUs));
    if (cutIndex <= this.#compactedIndex) return;
    this.#compactedIndex = cutIndex;
    this.#drive({ kind: 'compacted', group, index: cutIndex });
  }

  #reply(requestId: number, response: MemberResponse): void {
    // Nothing is held back for the disk: entries are applied only once this member's own log has them.
    this.#effects.push({ kind: 'reply', requestId, response, afterSyncSeq: 0 });
  }
}
