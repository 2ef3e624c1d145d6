import { type NodeId } from '../base/ids.ts';
import { enterJoint, isJoint, isValidTarget, isVoter, sameConfiguration } from './configuration.ts';
import { type GroupState } from './group-state.ts';
import { appendConfiguration } from './leader-log.ts';
import { handOver } from './replication.ts';
import { type Configuration, type RaftRefusal } from './types.ts';

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
  if (isJoint(state.configuration) || state.log.configurationIndex > state.commitIndex) {
    return 'CONFIGURATION_IN_PROGRESS';
  }
  if (!state.committedInTerm || state.transfer !== undefined) return 'BUSY';
  appendConfiguration(state, enterJoint(state.configuration, target));
  return undefined;
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
