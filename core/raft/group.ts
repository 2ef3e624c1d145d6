import { assert, unreachable } from '../base/assert.ts';
import { type StateForm } from '../base/capture.ts';
import { type NodeId } from '../base/ids.ts';
import {
  onElectionTimeout,
  onOwnVoteSynced,
  onQuorumCheck,
  onTimeoutNow,
  onVoteRequest,
  onVoteResponse,
} from './election.ts';
import { answerStaleLeader, onAppendRequest, onHeartbeatRequest, onSnapshotInstalled } from './follower.ts';
import { forwardProposals, onProposalForwarded, onProposalsRefused } from './forwarding.ts';
import { passGroupState } from './group-capture.ts';
import { type GroupState } from './group-state.ts';
import { hasPromisedPatience } from './lease.ts';
import { advanceCommit, takeProposals } from './leader-log.ts';
import { dismissRemoved, proposeConfiguration, transferLeadership } from './membership.ts';
import {
  finishRounds,
  onReadIndexRequest,
  onReadIndexResponse,
  readRequested,
  startRound,
  startRoundNow,
} from './read-index.ts';
import { endRepair } from './repair.ts';
import {
  onAppendResponse,
  onHeartbeatResponse,
  onSnapshotFailed,
  onSnapshotSent,
  sendAppends,
  sendHeartbeats,
} from './replication.ts';
import { becomeFollower, restartElectionTimer, roles } from './roles.ts';
import {
  type Configuration,
  type Entry,
  type LogIndex,
  type PeerView,
  type RaftMessage,
  type RaftRefusal,
  type RaftView,
  type Role,
  type SnapshotHeader,
  type Term,
} from './types.ts';

/**
 * One Raft group: hands events to the file that decides, and at the end of a step sees to what follows from them. The node
 * sets `state.nowUs` before it calls, and calls `settle` once for each group that a step has touched.
 */
export class RaftGroup {
  readonly #state: GroupState;
  readonly view: RaftView;
  // As `leaderChanged` last said.
  #saidTerm: Term;
  #saidRole: Role = 'follower';
  #saidLeader: NodeId | 0 = 0;

  constructor(state: GroupState) {
    this.#state = state;
    this.view = new GroupView(state);
    this.#saidTerm = state.term;
    restartElectionTimer(state);
    // Whoever decides alone has nobody to wait for, unless it may have promised to.
    const { voters, outgoing } = state.configuration;
    if (hasPromisedPatience(state)) return;
    if (outgoing.length === 0 && voters.length === 1 && voters[0] === state.id)
      state.electionDeadlineUs = state.nowUs;
  }

  get state(): GroupState {
    return this.#state;
  }

  get isLeader(): boolean {
    return this.#state.role === 'leader';
  }

  /** When `tick` must be called at the latest; heartbeats are the node's to time. */
  get deadlineUs(): number {
    const state = this.#state;
    if (state.role !== 'leader') return state.electionDeadlineUs;
    return Math.min(state.quorumCheckUs, state.transfer?.deadlineUs ?? Infinity);
  }

  tick(): void {
    const state = this.#state;
    if (state.role !== 'leader') {
      if (state.nowUs >= state.electionDeadlineUs) onElectionTimeout(state);
      return;
    }
    if (state.transfer !== undefined && state.nowUs >= state.transfer.deadlineUs) state.transfer = undefined;
    if (state.nowUs >= state.quorumCheckUs) onQuorumCheck(state);
  }

  /** The node's heartbeat: all groups that it leads at once, so that their messages travel together. */
  beat(): void {
    this.#state.heartbeatsDue = true;
    startRoundNow(this.#state);
  }

  synced(syncSeq: number): void {
    const state = this.#state;
    state.log.synced(syncSeq);
    if (state.role === 'leader') state.commitDue = true;
    onOwnVoteSynced(state, syncSeq);
  }

  received(from: NodeId, message: RaftMessage): void {
    const state = this.#state;
    if (message.kind === 'removalNotice') {
      state.outbox.emit({ kind: 'removed', group: state.group, by: from, index: message.index });
      return;
    }
    if (dismissRemoved(state, from, message) || message.kind === 'membershipQuery') return;
    if (message.kind === 'voteRequest') return onVoteRequest(state, from, message);
    if (message.kind === 'voteResponse') return onVoteResponse(state, from, message);
    if (message.term > state.term) becomeFollower(state, message.term, 0);
    if (message.term < state.term) {
      if (message.kind === 'appendRequest' || message.kind === 'heartbeatRequest') {
        answerStaleLeader(state, from, message);
      }
      return;
    }
    this.#receivedInTerm(from, message);
  }

  proposed(proposals: readonly Uint8Array[]): void {
    const state = this.#state;
    if (state.role === 'leader') {
      const rest = state.transfer === undefined ? takeProposals(state, proposals) : proposals;
      if (rest.length > 0) this.#refuse(rest, 'BUSY');
    } else if (state.leader === 0) {
      this.#refuse(proposals, 'NO_LEADER');
    } else {
      forwardProposals(state, state.leader, proposals);
    }
  }

  configurationProposed(configuration: Configuration): void {
    const code = proposeConfiguration(this.#state, configuration);
    if (code === undefined) return;
    this.#state.outbox.emit({ kind: 'configurationRefused', group: this.#state.group, code });
  }

  readRequested(context: number): void {
    readRequested(this.#state, context);
  }

  transferRequested(to: NodeId): void {
    transferLeadership(this.#state, to);
  }

  applied(index: LogIndex): void {
    const state = this.#state;
    assert(index >= state.appliedIndex && index <= state.takenIndex, 'what was taken is applied in order');
    state.appliedIndex = index;
    state.log.applied(index);
  }

  compacted(index: LogIndex): void {
    assert(index <= this.#state.appliedIndex, 'only what the store reflects is given up');
    this.#state.log.compact(index);
  }

  snapshotInstalled(from: NodeId, header: SnapshotHeader): void {
    onSnapshotInstalled(this.#state, from, header);
  }

  snapshotSent(to: NodeId): void {
    onSnapshotSent(this.#state, to);
  }

  snapshotFailed(to: NodeId): void {
    onSnapshotFailed(this.#state, to);
  }

  /** The next entries that are committed and durable here. */
  take(bytesMax: number): readonly Entry[] {
    const state = this.#state;
    const entries = state.log.entries(state.takenIndex + 1, this.#available, bytesMax);
    state.takenIndex += entries.length;
    return entries;
  }

  /** Says and sends what follows from the step, each thing once. */
  settle(): void {
    const state = this.#state;
    if (state.role === 'leader') this.#settleLeader();
    endRepair(state);
    if (this.#available > state.announcedIndex) {
      state.announcedIndex = this.#available;
      state.outbox.emit({ kind: 'committed', group: state.group });
    }
    const { term, role, leader } = state;
    if (term === this.#saidTerm && role === this.#saidRole && leader === this.#saidLeader) return;
    this.#saidTerm = term;
    this.#saidRole = role;
    this.#saidLeader = leader;
    state.outbox.emit({ kind: 'leaderChanged', group: state.group, term, role, leader });
  }

  passState(form: StateForm): void {
    form.fields('state', (fields) => {
      passGroupState(fields, this.#state);
    });
    this.#saidTerm = form.number('saidTerm', this.#saidTerm);
    this.#saidRole = form.choice('saidRole', this.#saidRole, roles);
    this.#saidLeader = form.number('saidLeader', this.#saidLeader);
  }

  get #available(): LogIndex {
    return Math.min(this.#state.commitIndex, this.#state.log.syncedIndex);
  }

  #settleLeader(): void {
    const state = this.#state;
    advanceCommit(state);
    finishRounds(state);
    startRound(state);
    // A single voter has its quorum at once.
    finishRounds(state);
    if (state.heartbeatsDue) sendHeartbeats(state);
    if (state.sendsDue) sendAppends(state);
    state.heartbeatsDue = false;
    state.sendsDue = false;
  }

  #receivedInTerm(
    from: NodeId,
    message: Exclude<
      RaftMessage,
      { kind: 'voteRequest' | 'voteResponse' | 'membershipQuery' | 'removalNotice' }
    >,
  ): void {
    const state = this.#state;
    switch (message.kind) {
      case 'appendRequest':
        return onAppendRequest(state, from, message);
      case 'heartbeatRequest':
        return onHeartbeatRequest(state, from, message);
      case 'appendResponse':
        return onAppendResponse(state, from, message);
      case 'heartbeatResponse':
        return onHeartbeatResponse(state, from, message);
      case 'timeoutNow':
        if (state.leader === from) onTimeoutNow(state);
        return;
      case 'proposalForwarded':
        return onProposalForwarded(state, from, message);
      case 'proposalsRefused':
        return onProposalsRefused(state, message);
      case 'readIndexRequest':
        return onReadIndexRequest(state, from, message);
      case 'readIndexResponse':
        return onReadIndexResponse(state, message);
      default:
        unreachable(message);
    }
  }

  #refuse(proposals: readonly Uint8Array[], code: RaftRefusal): void {
    this.#state.outbox.emit({ kind: 'proposalRefused', group: this.#state.group, proposals, code });
  }
}

/** A live view: every getter reads what is now. */
class GroupView implements RaftView {
  readonly #state: GroupState;

  constructor(state: GroupState) {
    this.#state = state;
  }

  get id(): NodeId {
    return this.#state.id;
  }
  get term(): Term {
    return this.#state.term;
  }
  get vote(): NodeId | 0 {
    return this.#state.hardState.vote;
  }
  get role(): Role {
    return this.#state.role;
  }
  get leader(): NodeId | 0 {
    return this.#state.leader;
  }
  get commitIndex(): LogIndex {
    return this.#state.commitIndex;
  }
  get firstIndex(): LogIndex {
    return this.#state.log.firstIndex;
  }
  get lastIndex(): LogIndex {
    return this.#state.log.lastIndex;
  }
  get syncedIndex(): LogIndex {
    return this.#state.log.syncedIndex;
  }
  get configuration(): Configuration {
    return this.#state.configuration;
  }
  get repairing(): boolean {
    return this.#state.repairing;
  }
  get configurationIndex(): LogIndex {
    return this.#state.log.configurationIndex;
  }
  get configurationSettled(): boolean {
    return this.#state.configurationSettled;
  }
  get hasListened(): boolean {
    const { nowUs, ledSinceUs, options } = this.#state;
    return nowUs - ledSinceUs >= options.electionTimeoutUs;
  }
  peer(id: NodeId): PeerView | undefined {
    const progress = this.#state.progress.get(id);
    if (progress === undefined || id === this.#state.id) return undefined;
    const { match, state, heardUs } = progress;
    const active = this.#state.nowUs - heardUs < this.#state.options.electionTimeoutUs;
    return { matchIndex: match, replicating: state === 'replicate', active };
  }
  termAt(index: LogIndex): Term | undefined {
    return this.#state.log.termAt(index);
  }
  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] {
    return this.#state.log.entries(from, to, bytesMax);
  }
}
