import { type GroupId, groupId, type NodeId } from '../base/ids.ts';
import { type CapturablePrng } from '../base/prng.ts';
import { RaftNode } from '../raft/node.ts';
import { type SegmentRepair } from '../storage/segment-files.ts';
import { type MemberConfig } from './member-protocol.ts';
import { initialConfigurationOf } from './members.ts';
import { type Replica } from './replica.ts';

/** The one group of a member. */
export const memberGroup = groupId(1);
const segmentPrefix = 'log/';

/**
 * The Raft node that the log describes, going on from what the store holds; with neither, one at the cluster's birth: an
 * initial member votes in it, one that joins waits for the leader that its addition tells of it.
 *
 * @throws DataLossError for a member that has started before and has lost its log
 */
export function recoverRaft(
  segments: SegmentRepair,
  { state, membership }: Pick<Replica, 'state' | 'membership'>,
  given: { readonly config: MemberConfig; readonly prng: CapturablePrng; readonly nowUs: number },
): RaftNode {
  const { id, raft: options, initialMembers, join, hasStarted } = given.config;
  const { index, term, configuration } = state;
  const group = {
    group: memberGroup,
    initialConfiguration: initialConfigurationOf(initialMembers),
    applied: index === 0 ? undefined : { index, term, configuration },
    mustExist: hasStarted === true,
    contacts: join?.contacts ?? [],
  };
  const isRemoved = (_: GroupId, other: NodeId): boolean => membership.isRemoved(other, state.configuration);
  const config = { id, options, segmentPrefix, groups: [group] };
  return RaftNode.recover({ segments, isRemoved }, config, given.prng, given.nowUs);
}
