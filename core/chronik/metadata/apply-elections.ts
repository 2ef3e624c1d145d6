import { refused } from '../../base/refusal.ts';
import { noLeader, type PartitionKey } from '../types.ts';
import { type CommandOf, electionTypes, type NamedPartition } from './commands.ts';
import { settlePartition } from './election.ts';
import { type MetadataRefusal, type MetadataResults } from './outcomes.ts';
import { standingOf, unknownPartition, unknownTopic } from './refusals.ts';
import { type PartitionState } from './rows.ts';
import { type MetadataState } from './state.ts';

/**
 * Elections that somebody asks for (KIP-460). An unclean one is carried out whatever the topic's setting says, since it is asked for
 * by name; the partition remembers it all the same.
 */
export function electLeaders(
  state: MetadataState,
  { electionType, partitions, all }: CommandOf<'electLeaders'>,
): MetadataResults['electLeaders'] | MetadataRefusal {
  const types: readonly number[] = Object.values(electionTypes);
  if (!types.includes(electionType)) {
    return refused(
      'INVALID_REQUEST',
      `election type ${electionType} is neither 0 (preferred) nor 1 (unclean)`,
    );
  }
  const elected = (all ? everyPartition(state) : partitions).map((named) => {
    const key = keyOf(state, named);
    const refusal = 'kind' in key ? key : elect(state, key, electionType);
    return { topic: named.topic, partition: named.partition, refusal };
  });
  return {
    partitions: all ? elected.filter(({ refusal }) => refusal?.code !== 'ELECTION_NOT_NEEDED') : elected,
  };
}

/** @returns the partition that is named; a refusal where there is none */
export function keyOf(
  state: MetadataState,
  { topic: name, partition }: NamedPartition,
): PartitionKey | MetadataRefusal {
  const topic = state.topic(name);
  if (topic === undefined) return unknownTopic(name);
  if (topic.partitions[partition] === undefined) return unknownPartition(name, partition);
  return { created: topic.created, partition };
}

function elect(state: MetadataState, key: PartitionKey, electionType: number): MetadataRefusal | undefined {
  const before = state.partition(key);
  if (before === undefined) return undefined;
  return electionType === electionTypes.preferred
    ? electPreferred(state, key, before)
    : electUnclean(state, key, before);
}

function electPreferred(
  state: MetadataState,
  key: PartitionKey,
  { replicas, isr, leader }: PartitionState,
): MetadataRefusal | undefined {
  const [preferred] = replicas;
  if (preferred === undefined || leader === preferred) {
    return refused('ELECTION_NOT_NEEDED', `broker ${leader} leads already, and is preferred`);
  }
  if (!state.isActive(preferred) || !isr.includes(preferred)) {
    const problem = isr.includes(preferred) ? standingOf(state.broker(preferred)) : 'is not in sync';
    return refused('PREFERRED_LEADER_NOT_AVAILABLE', `broker ${preferred}, which is preferred, ${problem}`);
  }
  settlePartition(state, key, { preferred: true });
  return undefined;
}

function electUnclean(
  state: MetadataState,
  key: PartitionKey,
  { leader, replicas }: PartitionState,
): MetadataRefusal | undefined {
  if (leader !== noLeader) return refused('ELECTION_NOT_NEEDED', `broker ${leader} leads`);
  settlePartition(state, key, { unclean: true });
  if (state.partition(key)?.leader !== noLeader) return undefined;
  const standings = replicas.map((id) => `${id} ${standingOf(state.broker(id))}`).join(', ');
  return refused('ELIGIBLE_LEADERS_NOT_AVAILABLE', `no replica is active: ${standings}`);
}

function everyPartition(state: MetadataState): readonly NamedPartition[] {
  const named: NamedPartition[] = [];
  for (const { name, partitions } of state.topics()) {
    for (const partition of partitions.keys()) named.push({ topic: name, partition });
  }
  return named;
}
