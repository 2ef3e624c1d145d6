import { refused } from '../../base/refusal.ts';
import { type CommandOf } from './commands.ts';
import { refuseTopicConfigs } from './apply-configs.ts';
import { brokerConfigDefinition } from './config-schema.ts';
import { newPartition } from './election.ts';
import { type TopicState } from './image.ts';
import { type MetadataLimits } from './limits.ts';
import { type MetadataRefusal, type MetadataResults } from './outcomes.ts';
import { placeAssigned, placeReplicas, type Placement } from './placement.ts';
import { shown, unknownTopic } from './refusals.ts';
import { type MetadataState } from './state.ts';

const topicNamePattern = /^[a-zA-Z0-9._-]{1,249}$/;
const topicIdPattern = /^[0-9a-f]{32}$/;
const noTopicId = '0'.repeat(32);
/** In a request: whatever the brokers say. */
const unspecified = -1;

/** Kafka's rule. @returns a refusal that says it */
export function refuseTopicName(name: string): MetadataRefusal | undefined {
  if (topicNamePattern.test(name) && name !== '.' && name !== '..') return undefined;
  return refused(
    'INVALID_TOPIC_EXCEPTION',
    `Topic name ${shown(name)} is illegal: 1 to 249 of the characters a-z A-Z 0-9 . _ -, and not . or ..`,
  );
}

export function createTopic(
  state: MetadataState,
  command: CommandOf<'createTopic'>,
  limits: MetadataLimits,
): MetadataResults['createTopic'] | MetadataRefusal {
  const { name, id, configs, validateOnly } = command;
  const refusal = refuseTopic(state, command, limits);
  if (refusal !== undefined) return refusal;
  const placement = topicPlacement(state, command, limits);
  if ('kind' in placement) return placement;
  const configRefusal = refuseTopicConfigs(configs, limits);
  if (configRefusal !== undefined) return configRefusal;
  const partitionCount = placement.length;
  const result = { name, id, partitionCount, replicationFactor: placement[0]?.length ?? 0 };
  if (validateOnly) return result;
  const created = state.index;
  state.addTopic({ name, id, created });
  addPartitions(state, created, 0, placement);
  if (configs.length > 0) {
    state.putTopicConfigs(created, new Map(configs.map((entry) => [entry.name, entry.value])));
  }
  return result;
}

export function deleteTopic(
  state: MetadataState,
  { name, id }: CommandOf<'deleteTopic'>,
): MetadataResults['deleteTopic'] | MetadataRefusal {
  const topic = name === undefined ? state.topicById(id) : state.topic(name);
  if (topic === undefined) {
    return name === undefined
      ? refused('UNKNOWN_TOPIC_ID', `there is no topic of id ${shown(id)}`)
      : unknownTopic(name);
  }
  state.removeTopic(topic.created);
  return { name: topic.name, id: topic.id };
}

export function createPartitions(
  state: MetadataState,
  { topic: name, count, assignments, validateOnly }: CommandOf<'createPartitions'>,
  limits: MetadataLimits,
): MetadataResults['createPartitions'] | MetadataRefusal {
  const topic = state.topic(name);
  if (topic === undefined) return unknownTopic(name);
  const first = topic.partitions.length;
  if (count <= first) {
    return refused('INVALID_PARTITIONS', `topic ${name} has ${first} partitions; ${count} is not more`);
  }
  const refusal = refuseCount(state, count, count - first, limits);
  if (refusal !== undefined) return refusal;
  if (assignments.length > 0 && assignments.length !== count - first) {
    const message = `${count - first} partitions would be new, but ${assignments.length} are assigned`;
    return refused('INVALID_REPLICA_ASSIGNMENT', message);
  }
  const factor = replicationFactorOf(topic);
  const placement =
    assignments.length > 0
      ? placeAssigned(state, assignments, { first, factor })
      : placeReplicas(state, { count: count - first, factor });
  if ('kind' in placement) return placement;
  if (!validateOnly) addPartitions(state, topic.created, first, placement);
  return { partitionCount: count };
}

function refuseTopic(
  state: MetadataState,
  { name, id }: CommandOf<'createTopic'>,
  limits: MetadataLimits,
): MetadataRefusal | undefined {
  const refusal = refuseTopicName(name);
  if (refusal !== undefined) return refusal;
  if (state.topic(name) !== undefined) {
    return refused('TOPIC_ALREADY_EXISTS', `Topic '${name}' already exists.`);
  }
  if (!topicIdPattern.test(id) || id === noTopicId || state.topicById(id) !== undefined) {
    return refused('INVALID_REQUEST', `topic id ${shown(id)} is not 32 hex digits that no other topic has`);
  }
  if (state.topicCount >= limits.topicsMax) {
    return refused('POLICY_VIOLATION', `a cluster has ${limits.topicsMax} topics at most`);
  }
  return undefined;
}

function topicPlacement(
  state: MetadataState,
  { partitionCount, replicationFactor, assignments }: CommandOf<'createTopic'>,
  limits: MetadataLimits,
): Placement | MetadataRefusal {
  if (assignments.length > 0) {
    if (partitionCount !== unspecified || replicationFactor !== unspecified) {
      const message =
        'where replicas are assigned, the number of partitions and the replication factor are -1 both';
      return refused('INVALID_REQUEST', message);
    }
    const refusal = refuseCount(state, assignments.length, assignments.length, limits);
    if (refusal !== undefined) return refusal;
    const placement = placeAssigned(state, assignments, { first: 0, factor: undefined });
    if ('kind' in placement) return placement;
    return refuseFactor(placement[0]?.length ?? 0, limits) ?? placement;
  }
  const count = partitionCount === unspecified ? brokerInteger(state, 'num.partitions') : partitionCount;
  const factor =
    replicationFactor === unspecified
      ? brokerInteger(state, 'default.replication.factor')
      : replicationFactor;
  const refusal = refuseCount(state, count, count, limits) ?? refuseFactor(factor, limits);
  return refusal ?? placeReplicas(state, { count, factor });
}

function refuseCount(
  state: MetadataState,
  count: number,
  added: number,
  limits: MetadataLimits,
): MetadataRefusal | undefined {
  const { partitionsPerTopicMax, partitionsMax } = limits;
  if (count < 1 || count > partitionsPerTopicMax) {
    return refused(
      'INVALID_PARTITIONS',
      `a topic has 1 to ${partitionsPerTopicMax} partitions, not ${count}`,
    );
  }
  if (state.partitionCount + added > partitionsMax) {
    const message = `a cluster has ${partitionsMax} partitions at most; there are ${state.partitionCount}`;
    return refused('POLICY_VIOLATION', message);
  }
  return undefined;
}

function refuseFactor(factor: number, { replicationFactorMax }: MetadataLimits): MetadataRefusal | undefined {
  if (factor >= 1 && factor <= replicationFactorMax) return undefined;
  const message = `the replication factor is 1 to ${replicationFactorMax}, not ${factor}`;
  return refused('INVALID_REPLICATION_FACTOR', message);
}

function brokerInteger(state: MetadataState, name: string): number {
  return Number(state.brokerConfigs('').get(name) ?? brokerConfigDefinition(name)?.default);
}

/** While replicas are on their way from broker to broker a partition has more of them. */
function replicationFactorOf({ partitions }: TopicState): number {
  const [first] = partitions;
  return first === undefined ? 1 : first.replicas.length - first.removing.length;
}

function addPartitions(state: MetadataState, created: number, first: number, placement: Placement): void {
  for (const [at, replicas] of placement.entries()) {
    const partition = newPartition(state, replicas);
    state.putPartition({ created, partition: first + at }, partition);
  }
}
