import { present } from '../../base/assert.ts';
import { type NodeId } from '../../base/ids.ts';
import { noLeader, type PartitionKey } from '../types.ts';
import { type PartitionState } from './rows.ts';
import { type MetadataState } from './state.ts';

/** What a change of a partition asks for; what is not given stays. */
export interface PartitionWish {
  readonly replicas?: readonly NodeId[];
  readonly isr?: readonly NodeId[];
  readonly adding?: readonly NodeId[];
  readonly removing?: readonly NodeId[];
  /** The preferred leader is to lead if it can, whoever does now. */
  readonly preferred?: boolean;
  /** Somebody who is not in sync may lead if nobody else can, whatever the topic's setting says. */
  readonly unclean?: boolean;
}

/**
 * Brings a partition to what is wished for and to what brokers are fit for now, and elects a leader where that is needed:
 *
 * 1. A reassignment whose every target replica is in sync is complete.
 * 2. Who is fenced or about to stop leaves the in-sync set, as long as others remain in it: the last one stays, whatever it is,
 *    since nobody else surely has all that was acknowledged.
 * 3. The leader stays while it is in sync and unfenced; else the first replica that is leads, in the order of assignment.
 * 4. Where nobody in sync can lead, nobody does: unless the topic allows an unclean election. Then the first active replica leads
 *    and is alone in sync, and the partition remembers that it happened.
 *
 * @returns whether anything has changed
 */
export function settlePartition(state: MetadataState, key: PartitionKey, wish: PartitionWish = {}): boolean {
  const before = state.partition(key);
  if (before === undefined) return false;
  const after = settled(state, before, wish, () => {
    const topic = state.topicByCreated(key.created);
    return wish.unclean === true || (topic !== undefined && state.topicConfig(topic).uncleanLeaderElection);
  });
  if (samePartition(before, after)) return false;
  const leaderEpoch = before.leaderEpoch + (after.leader === before.leader ? 0 : 1);
  state.putPartition(key, { ...after, leaderEpoch, partitionEpoch: before.partitionEpoch + 1 });
  return true;
}

/** A partition as it is made: whoever is active is in sync, since there is nothing to have. */
export function newPartition(state: MetadataState, replicas: readonly NodeId[]): PartitionState {
  const isr = replicas.filter((id) => state.isActive(id));
  const leader = present(isr[0], 'a partition is placed on an active broker');
  const epochs = { leaderEpoch: 0, partitionEpoch: 0, uncleanElections: 0 };
  return { replicas, isr, leader, adding: [], removing: [], ...epochs };
}

/**
 * Looks again at the partitions that a broker's standing may matter to, since it has changed: those that it is in sync in, and
 * those that it keeps and nobody leads.
 */
export function settlePartitionsOf(state: MetadataState, id: NodeId): void {
  for (const { created, partitions } of state.topics()) {
    for (let partition = 0; partition < partitions.length; partition += 1) {
      const { leader, isr, replicas } = partitions[partition] as PartitionState;
      const matters = leader === noLeader ? replicas.includes(id) : isr.includes(id);
      if (matters) settlePartition(state, { created, partition });
    }
  }
}

/** As it is while nothing else is wanted of it: with the replicas that the reassignment under way leads to. */
export function targetReplicas({ replicas, removing }: PartitionState): readonly NodeId[] {
  return removing.length === 0 ? replicas : replicas.filter((id) => !removing.includes(id));
}

export function isReassigned({ adding, removing }: PartitionState): boolean {
  return adding.length > 0 || removing.length > 0;
}

function settled(
  state: MetadataState,
  before: PartitionState,
  wish: PartitionWish,
  allowsUnclean: () => boolean,
): PartitionState {
  const wished: PartitionState = {
    ...before,
    replicas: wish.replicas ?? before.replicas,
    isr: wish.isr ?? before.isr,
    adding: wish.adding ?? before.adding,
    removing: wish.removing ?? before.removing,
  };
  const whole = completed(wished);
  const isr = fitMembers(state, whole);
  const leader = leaderAmong(state, { ...whole, isr }, wish.preferred === true);
  if (leader !== noLeader) return { ...whole, isr, leader };
  const substitute = allowsUnclean() ? whole.replicas.find((id) => state.isActive(id)) : undefined;
  if (substitute === undefined) return { ...whole, isr, leader: noLeader };
  const uncleanElections = whole.uncleanElections + 1;
  return { ...whole, isr: [substitute], leader: substitute, uncleanElections };
}

function completed(partition: PartitionState): PartitionState {
  if (!isReassigned(partition)) return inOrder(partition);
  const target = targetReplicas(partition);
  if (!target.every((id) => partition.isr.includes(id))) return inOrder(partition);
  return { ...partition, replicas: target, isr: target, adding: [], removing: [] };
}

function inOrder(partition: PartitionState): PartitionState {
  return { ...partition, isr: partition.replicas.filter((id) => partition.isr.includes(id)) };
}

function fitMembers(state: MetadataState, { isr }: PartitionState): readonly NodeId[] {
  const active = isr.filter((id) => state.isActive(id));
  if (active.length > 0) return active;
  const unfenced = isr.filter((id) => isUnfenced(state, id));
  return unfenced.length > 0 ? unfenced : isr;
}

function leaderAmong(
  state: MetadataState,
  { isr, leader, replicas }: PartitionState,
  preferred: boolean,
): NodeId | typeof noLeader {
  const able = isr.filter((id) => isUnfenced(state, id));
  const [first] = replicas;
  if (preferred && first !== undefined && able.includes(first)) return first;
  if (leader !== noLeader && able.includes(leader)) return leader;
  return able[0] ?? noLeader;
}

function isUnfenced(state: MetadataState, id: NodeId): boolean {
  return state.broker(id)?.fenced === false;
}

function samePartition(left: PartitionState, right: PartitionState): boolean {
  return (
    left.leader === right.leader &&
    left.uncleanElections === right.uncleanElections &&
    sameIds(left.replicas, right.replicas) &&
    sameIds(left.isr, right.isr) &&
    sameIds(left.adding, right.adding) &&
    sameIds(left.removing, right.removing)
  );
}

function sameIds(left: readonly NodeId[], right: readonly NodeId[]): boolean {
  return left.length === right.length && left.every((id, at) => id === right[at]);
}
