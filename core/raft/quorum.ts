import { type NodeId } from '../base/ids.ts';
import { type Configuration, type LogIndex } from './types.ts';

/**
 * Majorities, simple and joint. In a joint configuration every decision (commit, election, read round, check-quorum) needs
 * a majority of the new voters and one of the outgoing voters, counted apart (Raft §4.3); learners never count.
 */
export function majorityOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/** The highest index that is on a majority of each side; 0 without voters. */
export function quorumIndex(configuration: Configuration, matchOf: (id: NodeId) => LogIndex): LogIndex {
  const incoming = majorityIndex(configuration.voters, matchOf);
  if (configuration.outgoing.length === 0) return incoming;
  return Math.min(incoming, majorityIndex(configuration.outgoing, matchOf));
}

/** Whether the members for which `holds` is true are a quorum. */
export function isQuorum(configuration: Configuration, holds: (id: NodeId) => boolean): boolean {
  return (
    isMajority(configuration.voters, holds) &&
    (configuration.outgoing.length === 0 || isMajority(configuration.outgoing, holds))
  );
}

export type VoteOutcome = 'won' | 'lost' | 'pending';

/** Where an election stands. Lost: no votes still to come could win it. Votes of non-voters do not count. */
export function voteOutcome(configuration: Configuration, votes: ReadonlyMap<NodeId, boolean>): VoteOutcome {
  const incoming = sideOutcome(configuration.voters, votes);
  if (configuration.outgoing.length === 0) return incoming;
  const outgoing = sideOutcome(configuration.outgoing, votes);
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}

function majorityIndex(voters: readonly NodeId[], matchOf: (id: NodeId) => LogIndex): LogIndex {
  if (voters.length === 0) return 0;
  const matches: number[] = [];
  for (const voter of voters) matches.push(matchOf(voter));
  matches.sort((left, right) => right - left);
  return matches[majorityOf(voters.length) - 1] as number;
}

function isMajority(voters: readonly NodeId[], holds: (id: NodeId) => boolean): boolean {
  let count = 0;
  for (const voter of voters) if (holds(voter)) count += 1;
  return voters.length > 0 && count >= majorityOf(voters.length);
}

function sideOutcome(voters: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteOutcome {
  let granted = 0;
  let open = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === undefined) open += 1;
    else if (vote) granted += 1;
  }
  const needed = majorityOf(voters.length);
  if (voters.length > 0 && granted >= needed) return 'won';
  return granted + open < needed ? 'lost' : 'pending';
}
