import { assert, unreachable } from '../../base/assert.ts';
import { groupId, type NodeId } from '../../base/ids.ts';
import { type Machine } from '../../base/machine.ts';
import { type CapturablePrng } from '../../base/prng.ts';
import { bytesPerMib } from '../../base/units.ts';
import { Backlog } from '../../raft/backlog.ts';
import { HandOver, type RefusedProposals } from '../../raft/hand-over.ts';
import { RaftNode } from '../../raft/node.ts';
import { SnapshotHolds } from '../../raft/snapshot-holds.ts';
import {
  type GroupMessage,
  type RaftNodeEffect,
  type RaftNodeEvent,
  type RaftRefusal,
  type RaftView,
  type SnapshotHeader,
} from '../../raft/types.ts';
import { type StorageBackend } from '../../storage/backend.ts';
import { type SegmentRepair } from '../../storage/segment-files.ts';
import { type BrokerEpoch } from '../types.ts';
import { applyEntry, type AppliedCommand } from './apply.ts';
import { type MetadataCommand } from './commands.ts';
import { Confirmations } from './confirmations.ts';
import { Controller } from './controller.ts';
import { Duties } from './duties.ts';
import { type MetadataChanges, type MetadataImage } from './image.ts';
import { type BrokerBeat, type MetadataMessage } from './messages.ts';
import { type MetadataOutcome } from './outcomes.ts';
import { OwnCommands } from './own-commands.ts';
import { Presence } from './presence.ts';
import { type MetadataConfig, type MetadataEffect, type MetadataEvent } from './replica-protocol.ts';
import { MetadataState } from './state.ts';

/** What the metadata of a broker is lent. */
export interface MetadataPorts {
  /** With `metadataTables`, and for nothing else: a snapshot replaces all of it. */
  readonly store: StorageBackend;
  /** Its files begin with `metadataLogPrefix`. */
  readonly segments: SegmentRepair;
}

export const metadataLogPrefix = '__meta/';
/** The one Raft group of a broker. */
export const metadataGroup = groupId(1);

/** Entries' bytes applied in one step: what a heartbeat may have to wait for. */
const applyBytesPerStep = bytesPerMib;
/** What a row of a batch counts for in the backlog beside its key and value. */
const rowOverheadBytes = 32;

/**
 * A broker's part of the cluster's metadata: a Raft group, the image that its log drives, this broker's own commands on their
 * way through it, and, where it leads, the controller's duties.
 *
 * Its broker steps it, translates its sync numbers, and asks it after each step what has changed.
 */
export class MetadataReplica implements Machine<MetadataEvent, MetadataEffect> {
  readonly #config: MetadataConfig;
  readonly #store: StorageBackend;
  readonly #raft: RaftNode;
  readonly #raftView: RaftView;
  readonly #state: MetadataState;
  readonly #backlog: Backlog;
  readonly #snapshotHolds: SnapshotHolds;
  readonly #commands: OwnCommands;
  readonly #confirmations: Confirmations;
  readonly #duties: Duties;
  readonly #controller: Controller;
  readonly #presence: Presence;
  readonly #handOver = new HandOver();
  #nowUs: number;
  #started = false;
  #effects: MetadataEffect[] = [];
  /** Entries may be there to be applied. */
  #mayTake = true;
  /** Raft has found a leader since commands that wait for one were last looked at. */
  #leaderFound = false;
  #compactedIndex = 0;
  #controllerLostUs: number;
  #stopped = false;
  /** Undefined: to be found out. */
  #deadlineUs: number | undefined;

  /**
   * The replica that the store and the log describe; a new one where both are empty.
   *
   * @throws DataLossError for one that has started before and has lost its log
   */
  static recover(
    ports: MetadataPorts,
    config: MetadataConfig,
    prng: CapturablePrng,
    nowUs: number,
  ): MetadataReplica {
    return new MetadataReplica(ports, config, prng, nowUs);
  }

  private constructor(ports: MetadataPorts, config: MetadataConfig, prng: CapturablePrng, nowUs: number) {
    const initialConfiguration = { voters: config.initialBrokers, outgoing: [], learners: [] };
    this.#config = config;
    this.#store = ports.store;
    this.#nowUs = nowUs;
    this.#controllerLostUs = nowUs;
    this.#state = new MetadataState(ports.store, initialConfiguration);
    this.#backlog = new Backlog(config.storeBacklogBytesMax, this.#state.index);
    this.#snapshotHolds = new SnapshotHolds(config.raft.electionTimeoutUs);
    const { index, term, configuration } = this.#state;
    const group = {
      group: metadataGroup,
      initialConfiguration,
      applied: index === 0 ? undefined : { index, term, configuration },
      mustExist: config.hasStarted === true,
      contacts: config.initialBrokers,
    };
    const { id, raft: options } = config;
    const raftConfig = { id, options, segmentPrefix: metadataLogPrefix, groups: [group] };
    this.#raft = RaftNode.recover({ segments: ports.segments }, raftConfig, prng.fork('raft'), nowUs);
    this.#raftView = this.#raft.view(metadataGroup);
    this.#commands = new OwnCommands({
      broker: id,
      prng: prng.fork('commands'),
      pendingMax: config.commandsPendingMax,
      bytesMax: config.commandBytesMax,
      timeoutUs: config.commandTimeoutUs,
      repeatUs: config.raft.electionTimeoutUs,
      raft: this.#raftView,
      port: { handOver: this.#handToRaft.bind(this), answer: this.#answer.bind(this) },
    });
    this.#confirmations = new Confirmations({
      request: (context) => {
        this.#drive({ kind: 'readRequested', group: metadataGroup, context });
      },
      repeatUs: config.raft.electionTimeoutUs,
    });
    this.#duties = new Duties(this.propose.bind(this), config.beatIntervalUs);
    this.#controller = new Controller(this.#state, this.#duties, config);
    this.#presence = new Presence({
      config,
      state: this.#state,
      duties: this.#duties,
      raft: this.#raftView,
      prng: prng.fork('incarnation'),
      port: {
        beat: this.#beat.bind(this),
        transfer: (to) => this.#drive({ kind: 'transferRequested', group: metadataGroup, to }),
      },
    });
  }

  /** Live. */
  get image(): MetadataImage {
    return this.#state;
  }

  /** What steps have changed since the last call. The first call after the start says that all was replaced. */
  takeChanges(): MetadataChanges {
    return this.#state.changes.take();
  }

  /** This broker leads the metadata's group. */
  get isController(): boolean {
    return this.#controller.isActive;
  }

  /** Who leads the metadata's group, as far as this broker has heard. */
  get controller(): NodeId | undefined {
    const { leader } = this.#raftView;
    return leader === 0 ? undefined : leader;
  }

  /** Since when it has heard of none; `Infinity` while it knows one. */
  get controllerLostUs(): number {
    return this.#controllerLostUs;
  }

  /** Of this life of this broker; −1 until it has applied its own registration. */
  get brokerEpoch(): BrokerEpoch {
    return this.#presence.brokerEpoch;
  }

  /** For metrics and checkers. */
  get raft(): RaftView {
    return this.#raftView;
  }

  /** Commands of this broker that wait to be applied. */
  get commandsPending(): number {
    return this.#commands.size;
  }

  get deadlineUs(): number {
    if (!this.#started) return this.#nowUs;
    // Whoever composes this asks at each of its steps, most of which are none of this.
    this.#deadlineUs ??= Math.max(this.#nowUs, this.#nextDeadlineUs);
    return this.#deadlineUs;
  }

  /**
   * Puts a command on its way, whether this broker leads or not; an `outcome` effect with the same token follows, from the
   * next step at the earliest, which is due at once.
   *
   * @param token not negative, and of no other command that is on its way
   */
  propose(command: MetadataCommand, token: number): void {
    this.#deadlineUs = undefined;
    const refusal = this.#commands.add(command, token, this.#nowUs);
    if (refusal !== undefined) this.#answer(token, refusal);
  }

  /** Gives up waiting for an outcome; whether it will be done nobody knows. */
  cancel(token: number): void {
    this.#deadlineUs = undefined;
    this.#commands.cancel(token);
  }

  /**
   * Finds out whether what is applied here is what the cluster goes by: a `confirmed` effect with the number that is returned, or
   * a higher one, says that nothing that was decided before this call is missing. None comes while this broker is cut off.
   */
  confirm(): number {
    this.#deadlineUs = undefined;
    return this.#confirmations.ask();
  }

  /** This broker is to stop: others are to lead what it leads. Never taken back in its life. */
  beginShutdown(): void {
    this.#deadlineUs = undefined;
    this.#presence.beginShutdown();
  }

  /** After `beginShutdown`: there is nothing here any more that somebody else could lead, now or soon. */
  get mayStop(): boolean {
    return this.#presence.mayStop;
  }

  step(event: MetadataEvent, nowUs: number): readonly MetadataEffect[] {
    assert(nowUs >= this.#nowUs, 'time is monotonic');
    this.#nowUs = nowUs;
    this.#started = true;
    this.#deadlineUs = undefined;
    switch (event.kind) {
      case 'tick':
        this.#drive({ kind: 'tick' });
        break;
      case 'received':
        this.#onReceived(event.from, event.messages);
        break;
      case 'synced':
        this.#drive({ kind: 'synced', syncSeq: event.syncSeq });
        break;
      case 'stored':
        this.#backlog.stored(event.storeSeq);
        this.#cutLog();
        break;
      case 'snapshotReceived':
        this.#onSnapshotReceived(event.from, event.stageId, event.header);
        break;
      case 'snapshotSent':
        this.#snapshotHolds.sent(event.to, nowUs);
        this.#drive({ kind: 'snapshotSent', group: metadataGroup, to: event.to });
        break;
      case 'snapshotFailed':
        this.#snapshotHolds.failed(event.to);
        this.#drive({ kind: 'snapshotFailed', group: metadataGroup, to: event.to });
        break;
      default:
        unreachable(event);
    }
    this.#settle();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  get #nextDeadlineUs(): number {
    if (this.#hasWork) return this.#nowUs;
    if (this.#stopped) return this.#raft.deadlineUs;
    return Math.min(
      this.#raft.deadlineUs,
      this.#commands.dueUs,
      this.#confirmations.dueUs,
      this.#duties.dueUs,
      this.#controller.dueUs,
      this.#presence.dueUs,
    );
  }

  /** There is something to do now, whatever the time. */
  get #hasWork(): boolean {
    if (this.#effects.length > 0) return true;
    if (this.#stopped) return false;
    if (this.#leaderFound || this.#commands.hasGathered) return true;
    return this.#mayTake && !this.#backlog.isFull;
  }

  #onReceived(from: NodeId, messages: readonly MetadataMessage[]): void {
    const ofRaft: GroupMessage[] = [];
    for (const said of messages) {
      if (said.kind === 'raft') ofRaft.push(said.message);
      else this.#controller.heard(from, said.beat, this.#nowUs);
    }
    if (ofRaft.length > 0) this.#drive({ kind: 'received', from, messages: ofRaft });
  }

  /** Becomes what the snapshot is, unless this broker has come further meanwhile. */
  #onSnapshotReceived(from: NodeId, stageId: number, header: SnapshotHeader): void {
    if (header.group !== metadataGroup || header.index <= this.#state.index) {
      this.#store.discardStage(stageId);
      return;
    }
    this.#store.installStage(stageId);
    this.#state.reload();
    assert(
      this.#state.index === header.index && this.#state.term === header.term,
      'a snapshot is of the position that its header names',
    );
    this.#backlog.replaced(header.index);
    this.#commands.snapshotInstalled(header.term);
    this.#drive({ kind: 'snapshotInstalled', group: metadataGroup, from, header });
  }

  /** What follows from an event, in the order in which one thing can wait for another. */
  #settle(): void {
    if (this.#stopped) return;
    this.#applyTurn();
    this.#duties.expire(this.#nowUs);
    this.#presence.settle(this.#nowUs);
    this.#controller.settle(this.#nowUs);
    if (this.#leaderFound) {
      this.#leaderFound = false;
      this.#commands.leaderFound(this.#nowUs);
    }
    this.#commands.handOverGathered(this.#nowUs);
    this.#commands.repeat(this.#nowUs);
    this.#commands.expire(this.#nowUs);
    const number = this.#confirmations.settle(this.#nowUs, this.#state.index);
    if (number !== undefined) this.#effects.push({ kind: 'confirmed', number });
  }

  /** One turn of applying. The disk may be behind: then entries wait in the log, which is their place. */
  #applyTurn(): void {
    if (!this.#mayTake || this.#backlog.isFull) return;
    const entries = this.#raft.take(metadataGroup, applyBytesPerStep);
    const last = entries.at(-1);
    if (last === undefined) {
      this.#mayTake = false;
      return;
    }
    const termBefore = this.#state.term;
    const applied: AppliedCommand[] = [];
    for (const entry of entries) {
      const command = applyEntry(this.#state, entry, this.#config.limits);
      if (command !== undefined) applied.push(command);
    }
    this.#write();
    for (const command of applied) this.#commands.applied(command);
    this.#drive({ kind: 'applied', group: metadataGroup, index: last.index });
    if (last.term > termBefore) this.#commands.termApplied(last.term, this.#nowUs);
    const { commitIndex, syncedIndex } = this.#raftView;
    this.#mayTake = Math.min(commitIndex, syncedIndex) > this.#state.index;
  }

  /** One batch for what the entries of a turn have changed: the store shows the effects of whole entries. */
  #write(): void {
    const writes = this.#state.takeWrites();
    let bytes = 0;
    for (const { key, value } of writes) bytes += rowOverheadBytes + key.length + (value?.length ?? 0);
    this.#backlog.written(this.#store.write(writes), bytes, this.#state.index);
  }

  #beat(to: NodeId, beat: BrokerBeat): void {
    if (to === this.#config.id) this.#controller.heard(to, beat, this.#nowUs);
    else this.#effects.push({ kind: 'send', to, messages: [{ kind: 'brokerBeat', beat }], afterSyncSeq: 0 });
  }

  #answer(token: number, outcome: MetadataOutcome): void {
    if (token < 0) this.#duties.ended(token, outcome, this.#nowUs);
    else this.#effects.push({ kind: 'outcome', token, outcome });
  }

  #handToRaft(proposals: readonly Uint8Array[]): RefusedProposals | undefined {
    return this.#handOver.give(proposals, () =>
      this.#drive({ kind: 'proposed', group: metadataGroup, proposals }),
    );
  }

  #onProposalRefused(proposals: readonly Uint8Array[], code: RaftRefusal): void {
    if (this.#handOver.refused(proposals, code)) return;
    for (const bytes of proposals) this.#commands.refused(bytes);
  }

  /** Steps Raft and passes on what it says. Never steps it again from here: effects must leave in their order. */
  #drive(event: RaftNodeEvent): void {
    for (const effect of this.#raft.step(event, this.#nowUs)) this.#onRaftEffect(effect);
  }

  #onRaftEffect(effect: RaftNodeEffect): void {
    switch (effect.kind) {
      case 'persist':
      case 'removeSegments':
        this.#effects.push(effect);
        break;
      case 'send':
        this.#effects.push({
          ...effect,
          messages: effect.messages.map((message) => ({ kind: 'raft', message })),
        });
        break;
      case 'committed':
        this.#mayTake = true;
        break;
      case 'proposalRefused':
        this.#onProposalRefused(effect.proposals, effect.code);
        break;
      case 'leaderChanged':
        this.#onLeaderChanged(effect.leader, effect.role === 'leader');
        break;
      case 'snapshotNeeded':
        this.#sendSnapshot(effect.to);
        break;
      case 'removed':
        this.#stop(effect.by, effect.index);
        break;
      case 'readReady':
        this.#confirmations.ready(effect.context, effect.index);
        break;
      case 'readRefused':
        this.#confirmations.refused(effect.context);
        break;
      case 'configurationRefused':
        break;
      default:
        unreachable(effect);
    }
  }

  #onLeaderChanged(leader: NodeId | 0, isLeader: boolean): void {
    if (leader !== 0) this.#leaderFound = true;
    this.#controllerLostUs = leader === 0 ? Math.min(this.#controllerLostUs, this.#nowUs) : Infinity;
    if (isLeader === this.#controller.isActive) return;
    if (isLeader) this.#controller.begin(this.#nowUs);
    else this.#controller.end();
  }

  /** Whatever was applied is written, so that a view of now is the state at the applied index. */
  #sendSnapshot(to: NodeId): void {
    const { index, term, configuration } = this.#state;
    const header = { group: metadataGroup, leaderTerm: this.#raftView.term, index, term, configuration };
    this.#snapshotHolds.begun(to, index, this.#nowUs);
    this.#effects.push({ kind: 'sendSnapshot', to, viewId: this.#store.openView(), header });
  }

  /** What the disk has of the state, the log need not keep, but for brokers that are a little late. */
  #cutLog(): void {
    const index = this.#backlog.storedIndex - this.#config.trailingEntries;
    const cutIndex = Math.min(index, this.#snapshotHolds.cutMax(this.#nowUs));
    if (cutIndex <= this.#compactedIndex) return;
    this.#compactedIndex = cutIndex;
    this.#drive({ kind: 'compacted', group: metadataGroup, index: cutIndex });
  }

  #stop(by: NodeId, index: number): void {
    if (this.#stopped) return;
    this.#stopped = true;
    const who = `broker ${this.#config.id}`;
    const reason = `${who} was removed from the cluster by entry ${index} or before, as broker ${by} says`;
    this.#effects.push({ kind: 'stop', reason });
  }
}
