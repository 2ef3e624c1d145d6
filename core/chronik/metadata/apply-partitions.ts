import { refused } from '../../base/refusal.ts';
import { type NodeId } from '../../base/ids.ts';
import { type PartitionKey } from '../types.ts';
import { type CommandOf, type IsrMember, type PartitionAlteration } from './commands.ts';
import { settlePartition } from './election.ts';
import { type MetadataRefusal, type MetadataResults } from './outcomes.ts';
import { refuseBrokerEpoch, standingOf } from './refusals.ts';
import { type PartitionState } from './rows.ts';
import { type MetadataState } from './state.ts';

/**
 * A leader's wish for other in-sync sets (KIP-497), each looked at by itself: it is granted only to the leader, in the epoch that
 * it leads in, upon the partition as it is, and for members that are fit for it in the life that they have now (KIP-841, KIP-903).
 */
export function alterPartition(
  state: MetadataState,
  { broker, brokerEpoch, partitions }: CommandOf<'alterPartition'>,
): MetadataResults['alterPartition'] | MetadataRefusal {
  const refusal = refuseBrokerEpoch(state, broker, brokerEpoch);
  if (refusal !== undefined) return refusal;
  return {
    partitions: partitions.map((alteration) => {
      const { created, partition } = alteration;
      const key: PartitionKey = { created, partition };
      const own = alterOne(state, broker, alteration, key);
      return { created, partition, refusal: own, state: state.partition(key) };
    }),
  };
}

function alterOne(
  state: MetadataState,
  broker: NodeId,
  alteration: PartitionAlteration,
  key: PartitionKey,
): MetadataRefusal | undefined {
  const known = state.partition(key);
  if (known === undefined) {
    const message = `there is no partition ${key.partition} of a topic made at ${key.created}`;
    return refused('UNKNOWN_TOPIC_OR_PARTITION', message);
  }
  const refusal =
    refuseEpochs(known, broker, alteration) ?? refuseMembers(state, known, broker, alteration.isr);
  if (refusal !== undefined) return refusal;
  settlePartition(state, key, { isr: alteration.isr.map(({ broker: id }) => id as NodeId) });
  if (state.partition(key)?.leader === broker) return undefined;
  // It is about to stop, and now there is somebody who can lead in its place.
  return refused('NEW_LEADER_ELECTED', `the change is made, and broker ${broker} leads no longer`);
}

function refuseEpochs(
  known: PartitionState,
  broker: NodeId,
  { leaderEpoch, partitionEpoch }: PartitionAlteration,
): MetadataRefusal | undefined {
  if (leaderEpoch < known.leaderEpoch) {
    const message = `leader epoch ${leaderEpoch} is past: it is ${known.leaderEpoch} now`;
    return refused('FENCED_LEADER_EPOCH', message);
  }
  if (leaderEpoch > known.leaderEpoch) {
    const message = `leader epoch ${leaderEpoch} is not known: it is ${known.leaderEpoch} now`;
    return refused('UNKNOWN_LEADER_EPOCH', message);
  }
  if (known.leader !== broker) {
    return refused('INVALID_REQUEST', `broker ${broker} does not lead the partition, ${known.leader} does`);
  }
  if (partitionEpoch !== known.partitionEpoch) {
    const message = `partition epoch ${partitionEpoch} was given: it is ${known.partitionEpoch} now`;
    return refused('INVALID_UPDATE_VERSION', message);
  }
  return undefined;
}

function refuseMembers(
  state: MetadataState,
  known: PartitionState,
  leader: NodeId,
  members: readonly IsrMember[],
): MetadataRefusal | undefined {
  const ids = members.map(({ broker }) => broker);
  if (!ids.includes(leader) || new Set(ids).size < ids.length) {
    return refused(
      'INVALID_REQUEST',
      `an in-sync set holds its leader, and each member once, not ${ids.join(', ')}`,
    );
  }
  for (const { broker: id, brokerEpoch } of members) {
    if (!(known.replicas as readonly number[]).includes(id)) {
      const message = `broker ${id} is no replica; those are ${known.replicas.join(', ')}`;
      return refused('INVALID_REQUEST', message);
    }
    if ((known.isr as readonly number[]).includes(id)) continue;
    if (!state.isActive(id)) {
      return refused('INELIGIBLE_REPLICA', `broker ${id} ${standingOf(state.broker(id))}`);
    }
    const stale = refuseBrokerEpoch(state, id, brokerEpoch);
    if (stale !== undefined) return refused('INELIGIBLE_REPLICA', stale.message);
  }
  return undefined;
}
