import { type NodeId } from '../base/ids.ts';
import { enterJoint, isValidTarget, isVoter, sameConfiguration } from './configuration.ts';
import { type GroupState } from './group-state.ts';
import { appendConfiguration } from './leader-log.ts';
import { handOver } from './replication.ts';
import { type Configuration, type RaftMessage, type RaftRefusal } from './types.ts';

/**
 * Begins a change of the members (Raft §4.3), always through a joint configuration, also where one member comes or goes:
 * one way to do it, and any set of changes at once. The rest follows by itself as the entries commit (leader-log.ts).
 *
 * One change at a time, and none before the term's first commit: a predecessor's uncommitted change could otherwise come
 * to have no quorum in common with this one (the bug in single-server changes that was found in 2015).
 *
 * @returns why not, or undefined when the change is under way
 */
export function proposeConfiguration(state: GroupState, target: Configuration): RaftRefusal | undefined {
  if (state.role !== 'leader') return 'NOT_LEADER';
  if (!isValidTarget(target) || sameConfiguration(target, state.configuration))
    return 'INVALID_CONFIGURATION';
  if (!state.configurationSettled) return 'CONFIGURATION_IN_PROGRESS';
  if (!state.committedInTerm || state.transfer !== undefined) return 'BUSY';
  appendConfiguration(state, enterJoint(state.configuration, target));
  return undefined;
}

/**
 * Whoever was removed while it was down or cut off has not heard of it, and campaigns or asks: it is told, and nothing that
 * it says counts any more. Ids are never used again, so the notice can never be out of date.
 *
 * @returns true when the message is dealt with
 */
export function dismissRemoved(state: GroupState, from: NodeId, message: RaftMessage): boolean {
  if (message.kind !== 'voteRequest' && message.kind !== 'membershipQuery') return false;
  if (!state.isRemoved(from)) return message.kind === 'membershipQuery';
  state.send(from, { kind: 'removalNotice', term: state.term, index: state.appliedIndex });
  return true;
}

/** Hands the leadership over (dissertation §3.10): catch the other up while no proposals are taken, then tell it to campaign. */
export function transferLeadership(state: GroupState, to: NodeId): void {
  const progress = state.progress.get(to);
  if (state.role !== 'leader' || to === state.id || progress === undefined) return;
  if (state.transfer !== undefined || !isVoter(state.configuration, to)) return;
  state.transfer = { to, deadlineUs: state.nowUs + state.options.electionTimeoutUs };
  state.sendsDue = true;
  handOver(state, to, progress);
}
