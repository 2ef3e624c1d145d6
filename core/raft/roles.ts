import { assert } from '../base/assert.ts';
import { type NodeId } from '../base/ids.ts';
import { type GroupState } from './group-state.ts';
import { dropForwardedReads, dropLeaderReads } from './read-index.ts';
import { type Role, type Term } from './types.ts';

export const roles: readonly Role[] = ['follower', 'preCandidate', 'candidate', 'leader'];

/** Draws a new election timeout, uniform in [T, 2T), and starts it (Raft §5.2). */
export function restartElectionTimer(state: GroupState): void {
  state.electionTimeoutUs =
    state.options.electionTimeoutUs + state.prng.below(state.options.electionTimeoutUs);
  state.electionDeadlineUs = state.nowUs + state.electionTimeoutUs;
}

/** A leader of the current term was heard. */
export function leaderHeard(state: GroupState): void {
  state.leaderHeardUs = state.nowUs;
  state.electionDeadlineUs = state.nowUs + state.electionTimeoutUs;
}

/**
 * Follows `leader` (0: nobody yet) in `term`, which is the current one or later. A later term forgets the vote; the new
 * term is written, but what was said before it stays valid, so only votes and acknowledgements in it wait for the disk.
 */
export function becomeFollower(state: GroupState, term: Term, leader: NodeId | 0): void {
  assert(term >= state.term, 'a term never falls');
  assert(
    state.leader === 0 || leader === 0 || leader === state.leader || term > state.term,
    'a term has one leader',
  );
  const newTerm = term > state.term;
  if (newTerm) state.saveVote(term, 0);
  if (state.role === 'leader') dropLeadership(state);
  if (newTerm || state.role !== 'follower') restartElectionTimer(state);
  state.role = 'follower';
  state.votes.clear();
  changeLeader(state, leader);
}

/** Whom this member follows; what the former leader was asked is given up. */
export function changeLeader(state: GroupState, leader: NodeId | 0): void {
  if (state.leader !== leader) {
    dropForwardedReads(state);
    state.forwardedBatches.clear();
  }
  state.leader = leader;
}

function dropLeadership(state: GroupState): void {
  dropLeaderReads(state);
  state.progress = new Map();
  state.peers = [];
  state.quorumCheckUs = Infinity;
  state.ledSinceUs = Infinity;
  state.transfer = undefined;
  state.uncommitted.length = 0;
  state.uncommittedBytes = 0;
  state.sendsDue = false;
  state.heartbeatsDue = false;
  state.commitDue = false;
}
