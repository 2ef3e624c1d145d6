import { type NodeId } from '../base/ids.ts';
import { isVoter, membersOf, votersOf } from './configuration.ts';
import { assert } from '../base/assert.ts';
import { type GroupState } from './group-state.ts';
import { configurationChanged, leaderAppend } from './leader-log.ts';
import { hasPromisedPatience } from './lease.ts';
import { isQuorum, voteOutcome } from './quorum.ts';
import { becomeFollower, changeLeader, restartElectionTimer } from './roles.ts';
import { noBytes } from '../base/bytes.ts';
import { type RaftMessage } from './types.ts';

type VoteRequest = Extract<RaftMessage, { kind: 'voteRequest' }>;
type VoteResponse = Extract<RaftMessage, { kind: 'voteResponse' }>;

/** Nobody was heard for an election timeout: ask whether a campaign could succeed before disturbing anyone (§9.6). */
export function onElectionTimeout(state: GroupState): void {
  restartElectionTimer(state);
  if (!mayCampaign(state)) {
    // Not knowing a leader, this member must not send anyone to it either.
    becomeFollower(state, state.term, 0);
    askWhetherMember(state, { apartFrom: [] });
    return;
  }
  state.role = 'preCandidate';
  changeLeader(state, 0);
  state.votes.clear();
  requestVotes(state, { preVote: true, transfer: false });
  // The voters that it knows may all have left since, and only those that came later can tell it.
  askWhetherMember(state, { apartFrom: votersOf(state.configuration) });
  recordVote(state, state.id, true);
}

/**
 * Without a leader: whoever was removed while it was down or cut off, or was to be added and never was, learns it from those
 * that have applied it. Those whose vote it asks for tell it when they are asked.
 */
function askWhetherMember(state: GroupState, options: { readonly apartFrom: Iterable<NodeId> }): void {
  const asked = new Set([...membersOf(state.configuration), ...state.contacts]);
  asked.delete(state.id);
  for (const member of options.apartFrom) asked.delete(member);
  for (const member of asked) state.send(member, { kind: 'membershipQuery', term: state.term });
}

/** The leader hands over (dissertation §3.10): campaign without asking first, and the others need not be impatient. */
export function onTimeoutNow(state: GroupState): void {
  if (state.role === 'follower' && mayCampaign(state)) campaign(state, { transfer: true });
}

export function onVoteRequest(state: GroupState, from: NodeId, message: VoteRequest): void {
  // Leader stickiness (dissertation §4.2.3): while a leader is heard, others' impatience moves neither vote nor term.
  const patient = !message.transfer && hasPromisedPatience(state);
  if (message.term > state.term && !message.transfer && (patient || hearsLeader(state))) return;
  if (!message.preVote && message.term > state.term) becomeFollower(state, message.term, 0);
  const granted =
    message.term >= state.term &&
    !state.repairing &&
    !patient &&
    isFree(state, from, message) &&
    isUpToDate(state, message);
  if (!granted) {
    state.send(from, { kind: 'voteResponse', term: state.term, preVote: message.preVote, granted: false });
    return;
  }
  const response: VoteResponse = {
    kind: 'voteResponse',
    term: message.term,
    preVote: message.preVote,
    granted: true,
  };
  if (message.preVote) {
    state.send(from, response);
    return;
  }
  if (state.hardState.vote === 0) state.saveVote(state.term, from);
  state.electionDeadlineUs = state.nowUs + state.electionTimeoutUs;
  state.sendDurable(from, response);
}

export function onVoteResponse(state: GroupState, from: NodeId, message: VoteResponse): void {
  // A granted pre-vote names the term that would be campaigned for; every other answer names its sender's own.
  const promised = message.preVote && message.granted;
  if (message.term > state.term && !promised) return becomeFollower(state, message.term, 0);
  if (message.preVote) {
    if (state.role !== 'preCandidate' || (promised && message.term !== state.term + 1)) return;
  } else if (state.role !== 'candidate' || message.term !== state.term) {
    return;
  }
  if (!state.votes.has(from)) recordVote(state, from, message.granted);
}

/** A candidate's own vote counts once it is durable, like everybody else's. */
export function onOwnVoteSynced(state: GroupState, syncSeq: number): void {
  if (state.role !== 'candidate' || syncSeq < state.ownVoteSyncSeq || state.votes.has(state.id)) return;
  recordVote(state, state.id, true);
}

/** A leader that has not heard a quorum for an election timeout has been replaced for all it knows (check-quorum, §6.2). */
export function onQuorumCheck(state: GroupState): void {
  if (!isQuorum(state.configuration, state.isActive)) return becomeFollower(state, state.term, 0);
  state.quorumCheckUs = state.nowUs + state.options.electionTimeoutUs;
  const settled = state.log.configurationIndex <= state.commitIndex;
  for (const peer of state.peers) {
    const progress = state.progressOf(peer);
    progress.active = false;
    if (progress.farewells === 0 || !settled) continue;
    progress.farewells -= 1;
    if (progress.farewells === 0) state.forget(peer);
  }
}

/**
 * A repairing member may hold less than it has acknowledged: elected, it could lack what is committed. A learner has no say.
 *
 * Whoever is left out by a configuration that it does not know to be committed still campaigns (dissertation §4.2.2): the
 * others may need what it alone holds, and grant nobody their vote who holds less.
 */
function mayCampaign(state: GroupState): boolean {
  if (state.repairing) return false;
  return (
    isVoter(state.configuration, state.id) || isVoter(state.log.configurationAt(state.commitIndex), state.id)
  );
}

function campaign(state: GroupState, options: { readonly transfer: boolean }): void {
  assert(options.transfer || !hasPromisedPatience(state), 'a vote for oneself breaks no promise either');
  state.saveVote(state.term + 1, state.id);
  state.role = 'candidate';
  state.ownVoteSyncSeq = state.log.journal.writeSeq;
  changeLeader(state, 0);
  state.votes.clear();
  restartElectionTimer(state);
  requestVotes(state, { preVote: false, transfer: options.transfer });
}

function requestVotes(
  state: GroupState,
  options: { readonly preVote: boolean; readonly transfer: boolean },
): void {
  const { log } = state;
  const request: VoteRequest = {
    kind: 'voteRequest',
    term: options.preVote ? state.term + 1 : state.term,
    lastIndex: log.lastIndex,
    lastTerm: log.lastTerm,
    ...options,
  };
  for (const voter of votersOf(state.configuration)) {
    if (voter === state.id) continue;
    if (options.preVote) state.send(voter, request);
    else state.sendDurable(voter, request);
  }
}

function recordVote(state: GroupState, from: NodeId, granted: boolean): void {
  state.votes.set(from, granted);
  const outcome = voteOutcome(state.configuration, state.votes);
  if (outcome === 'lost') becomeFollower(state, state.term, 0);
  else if (outcome === 'won' && state.role === 'preCandidate') campaign(state, { transfer: false });
  else if (outcome === 'won') becomeLeader(state);
}

function becomeLeader(state: GroupState): void {
  state.role = 'leader';
  changeLeader(state, state.id);
  state.progress = new Map();
  state.alignProgress();
  state.votes.clear();
  state.leaseForfeited = false;
  state.ledSinceUs = state.nowUs;
  state.quorumCheckUs = state.nowUs + state.options.electionTimeoutUs;
  // Committing this entry commits everything before it (§5.4.2), and only then is the commit index current (§6.4).
  leaderAppend(state, 'empty', [noBytes]);
  configurationChanged(state);
}

function hearsLeader(state: GroupState): boolean {
  if (state.role === 'leader') return true;
  return state.leader !== 0 && state.nowUs - state.leaderHeardUs < state.options.electionTimeoutUs;
}

/** One vote a term (§5.2), none against a leader that is known. A pre-vote promises nothing, so it may be given often. */
function isFree(state: GroupState, from: NodeId, message: VoteRequest): boolean {
  if (message.preVote && message.term > state.term) return true;
  const { vote } = state.hardState;
  return vote === from || (vote === 0 && state.leader === 0);
}

/** The candidate's log is at least as up-to-date as ours (§5.4.1). */
function isUpToDate(state: GroupState, message: VoteRequest): boolean {
  const { lastIndex, lastTerm } = state.log;
  return message.lastTerm > lastTerm || (message.lastTerm === lastTerm && message.lastIndex >= lastIndex);
}
