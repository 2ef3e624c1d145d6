import { type GroupId, groupId, type NodeId } from '../base/ids.ts';
import { type CapturablePrng } from '../base/prng.ts';
import { RaftNode, type RaftNodeConfig, type RaftPorts } from '../raft/node.ts';
import { type SegmentRepair } from '../storage/segment-files.ts';
import { type MemberConfig } from './member-protocol.ts';
import { initialConfigurationOf } from './members.ts';
import { type Replica } from './replica.ts';

/** The one group of a member. */
export const memberGroup = groupId(1);
export const memberLogPrefix = 'log/';

type Given = { readonly config: MemberConfig; readonly prng: CapturablePrng; readonly nowUs: number };

/**
 * The Raft node that the log describes, going on from what the store holds; with neither, one at the cluster's birth: an
 * initial member votes in it, one that joins waits for the leader that its addition tells of it.
 *
 * @throws DataLossError for a member that has started before and has lost its log
 */
export function recoverRaft(
  segments: SegmentRepair,
  replica: Pick<Replica, 'state' | 'membership'>,
  given: Given,
): RaftNode {
  const { ports, config } = raftParts(segments, replica, given.config);
  return RaftNode.recover(ports, config, given.prng, given.nowUs);
}

/** One that knows nothing, for `passState` to fill. */
export function blankRaft(
  segments: SegmentRepair,
  replica: Pick<Replica, 'state' | 'membership'>,
  given: Given,
): RaftNode {
  const { ports, config } = raftParts(segments, replica, given.config);
  return RaftNode.blank(ports, config, given.prng, given.nowUs);
}

function raftParts(
  segments: SegmentRepair,
  { state, membership }: Pick<Replica, 'state' | 'membership'>,
  memberConfig: MemberConfig,
): { readonly ports: RaftPorts; readonly config: RaftNodeConfig } {
  const { id, raft: options, initialMembers, contacts = [], hasStarted } = memberConfig;
  const { index, term, configuration } = state;
  const group = {
    group: memberGroup,
    initialConfiguration: initialConfigurationOf(initialMembers),
    applied: index === 0 ? undefined : { index, term, configuration },
    mustExist: hasStarted === true,
    contacts,
  };
  const isRemoved = (_: GroupId, other: NodeId): boolean => membership.isRemoved(other, state.configuration);
  return {
    ports: { segments, isRemoved },
    config: { id, options, segmentPrefix: memberLogPrefix, groups: [group] },
  };
}
