import { type NodeId } from '../../base/ids.ts';
import { refused } from '../../base/refusal.ts';
import { type PartitionKey } from '../types.ts';
import { keyOf } from './apply-elections.ts';
import { type CommandOf, type Reassignment } from './commands.ts';
import { isReassigned, settlePartition } from './election.ts';
import { type MetadataLimits } from './limits.ts';
import { type MetadataRefusal, type MetadataResults } from './outcomes.ts';
import { refuseReplicas } from './placement.ts';
import { type PartitionState } from './rows.ts';
import { type MetadataState } from './state.ts';

/**
 * Moves partitions to other brokers (KIP-455). Those that come in are replicas from now on; those that leave stay until all that
 * are to remain are in sync, and the change of the in-sync set that brings this about completes the move.
 */
export function alterReassignments(
  state: MetadataState,
  { partitions }: CommandOf<'alterReassignments'>,
  limits: MetadataLimits,
): MetadataResults['alterReassignments'] {
  return {
    partitions: partitions.map((reassignment) => {
      const { topic, partition } = reassignment;
      const key = keyOf(state, reassignment);
      const refusal = 'kind' in key ? key : reassign(state, key, reassignment, limits);
      return { topic, partition, refusal };
    }),
  };
}

function reassign(
  state: MetadataState,
  key: PartitionKey,
  { cancel, replicas: target }: Reassignment,
  limits: MetadataLimits,
): MetadataRefusal | undefined {
  const before = state.partition(key);
  if (before === undefined) return undefined;
  // As it would be without the move that is under way: what that one brings in is no part of it.
  const original = without(before.replicas, before.adding);
  if (cancel) {
    if (!isReassigned(before)) {
      return refused('NO_REASSIGNMENT_IN_PROGRESS', 'no reassignment of the partition is under way');
    }
    return move(state, key, before, { replicas: original, adding: [], removing: [] });
  }
  if (target.length > limits.replicationFactorMax) {
    const message = `a partition has ${limits.replicationFactorMax} replicas at most, not ${target.length}`;
    return refused('INVALID_REPLICATION_FACTOR', message);
  }
  const refusal = refuseReplicas(state, target);
  if (refusal !== undefined) return refusal;
  const wanted = target as readonly NodeId[];
  const removing = without(original, wanted);
  const replicas = [...wanted, ...removing];
  return move(state, key, before, { replicas, adding: without(wanted, original), removing });
}

/** Whoever is no replica any more leaves the in-sync set; somebody must stay in it, or what was acknowledged is lost. */
function move(
  state: MetadataState,
  key: PartitionKey,
  { isr: before }: PartitionState,
  moved: Pick<PartitionState, 'replicas' | 'adding' | 'removing'>,
): MetadataRefusal | undefined {
  const isr = before.filter((id) => moved.replicas.includes(id));
  if (isr.length === 0) {
    const message = `of the replicas ${moved.replicas.join(', ')} none is in sync; in sync are ${before.join(', ')}`;
    return refused('INVALID_REPLICA_ASSIGNMENT', message);
  }
  settlePartition(state, key, { ...moved, isr });
  return undefined;
}

function without(ids: readonly NodeId[], others: readonly NodeId[]): readonly NodeId[] {
  return ids.filter((id) => !others.includes(id));
}
