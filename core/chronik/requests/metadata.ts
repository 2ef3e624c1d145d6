import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import { type MetadataRequest, type MetadataResponse } from '../../wire/kafka/messages/metadata.ts';
import { zeroUuid } from '../../wire/kafka/types.ts';
import { type TopicState } from '../metadata/image.ts';
import { type PartitionState } from '../metadata/rows.ts';
import { noLeader } from '../types.ts';
import { clusterName } from '../metadata/acl-numbers.ts';
import {
  addressOf,
  clusterIdText,
  controllerId,
  leaderOf,
  operationsNotAsked,
  servingBrokers,
} from './cluster.ts';
import { isInternalTopic } from './internal-topics.ts';
import { type Arrival, type RequestContext } from './context.ts';
import { type TopicCreation } from './topic-creation.ts';

type TopicResponse = MetadataResponse['topics'][number];
type PartitionResponse = TopicResponse['partitions'][number];

/** A topic that was asked for: by name, or by id. */
interface Wanted {
  readonly name: string | undefined;
  readonly id: string;
}

/**
 * Metadata: who is there, and who leads what, as this broker has applied it. A topic that is not there is made where the
 * settings and the client allow it; then the answer waits for it, so that the client need not ask again.
 *
 * Source: KIP-4, KIP-112 (offline replicas), KIP-430 (authorized operations), KIP-516 (topic ids).
 */
export function metadata(
  context: RequestContext,
  creation: TopicCreation,
  arrival: Arrival<MetadataRequest>,
): void {
  const { body, version } = arrival;
  // Version 0 has no null: an empty list asks for every topic there, for none later.
  const isAll = body.topics === undefined || (version === 0 && body.topics.length === 0);
  if (isAll) {
    answer(context, arrival, undefined);
    return;
  }
  const wanted = (body.topics ?? []).map(({ name, topicId }): Wanted => ({ name, id: topicId }));
  const missing = wanted.filter((one) => mayCreate(context, arrival, one));
  let left = missing.length;
  if (left === 0) {
    answer(context, arrival, wanted);
    return;
  }
  for (const { name } of missing) {
    creation.byDefault(name ?? '', () => {
      left -= 1;
      if (left === 0) answer(context, arrival, wanted);
    });
  }
}

function mayCreate(
  { config, image, authorization }: RequestContext,
  { body, client }: Arrival<MetadataRequest>,
  { name }: Wanted,
): boolean {
  if (!body.allowAutoTopicCreation || !config.settings.autoCreateTopics) return false;
  if (name === undefined || isInternalTopic(name) || image.topic(name) !== undefined) return false;
  if (!authorization.allows(client, 'describe', 'topic', name)) return false;
  return (
    isTopicName(name) &&
    (authorization.allowsCluster(client, 'create') || authorization.allows(client, 'create', 'topic', name))
  );
}

/** What is allowed, the metadata decides; this only keeps what can never be from being tried. */
export function isTopicName(name: string): boolean {
  return /^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..';
}

function answer(
  context: RequestContext,
  { requestId, body, client, version }: Arrival<MetadataRequest>,
  wanted: readonly Wanted[] | undefined,
): void {
  const { image, authorization } = context;
  const view: View = { context, listener: client.listener, version };
  const topics: TopicResponse[] = [];
  const withOperations = (topic: TopicResponse): TopicResponse => {
    if (!body.includeTopicAuthorizedOperations || topic.errorCode !== kafkaErrors.NONE) return topic;
    const bits = authorization.operationBits(client, 'topic', topic.name ?? '');
    return { ...topic, topicAuthorizedOperations: bits };
  };
  if (wanted === undefined) {
    for (const topic of image.topics()) {
      if (!authorization.allows(client, 'describe', 'topic', topic.name)) continue;
      topics.push(withOperations(topicResponse(view, topic)));
    }
  } else {
    for (const one of wanted) topics.push(withOperations(wantedResponse(view, client, one)));
  }
  const asksForCluster = body.includeClusterAuthorizedOperations;
  context.answer<'metadata'>(
    requestId,
    {
      throttleTimeMs: 0,
      brokers: servingBrokers(image, client.listener),
      clusterId: clusterIdText(context.config.clusterId),
      controllerId: controllerId(context),
      topics,
      clusterAuthorizedOperations: asksForCluster
        ? authorization.operationBits(client, 'cluster', clusterName)
        : operationsNotAsked,
    },
    0,
  );
}

interface View {
  readonly context: RequestContext;
  readonly listener: string;
  readonly version: number;
}

function wantedResponse(
  view: View,
  client: Arrival<MetadataRequest>['client'],
  { name, id }: Wanted,
): TopicResponse {
  const { image, authorization } = view.context;
  const isById = name === undefined;
  const topic = isById ? image.topicById(id) : image.topic(name);
  const known = name ?? topic?.name;
  if (known !== undefined && !authorization.allows(client, 'describe', 'topic', known)) {
    // Who may not see a topic must not learn by its id that there is one.
    return isById
      ? errorResponse(undefined, id, kafkaErrors.UNKNOWN_TOPIC_ID)
      : errorResponse(known, zeroUuid, kafkaErrors.TOPIC_AUTHORIZATION_FAILED);
  }
  if (topic !== undefined) return topicResponse(view, topic);
  if (isById) {
    // Below version 12 the answer cannot be without a name.
    const nameOfNone = view.version >= 12 ? undefined : '';
    return errorResponse(nameOfNone, id, kafkaErrors.UNKNOWN_TOPIC_ID);
  }
  return errorResponse(
    name,
    zeroUuid,
    isTopicName(name) ? kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION : kafkaErrors.INVALID_TOPIC_EXCEPTION,
  );
}

function errorResponse(name: string | undefined, topicId: string, errorCode: number): TopicResponse {
  return {
    errorCode,
    name,
    topicId,
    isInternal: false,
    partitions: [],
    topicAuthorizedOperations: operationsNotAsked,
  };
}

function topicResponse(view: View, topic: TopicState): TopicResponse {
  return {
    errorCode: kafkaErrors.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions: topic.partitions.map((partition, index) => partitionResponse(view, partition, index)),
    topicAuthorizedOperations: operationsNotAsked,
  };
}

function partitionResponse(
  { context, listener }: View,
  partition: PartitionState,
  partitionIndex: number,
): PartitionResponse {
  const { image } = context;
  const { replicas, isr, leaderEpoch } = partition;
  const leader = leaderOf(context, partition);
  const hasLeader = leader !== noLeader;
  const isReachable = hasLeader && addressOf(image, leader, listener) !== undefined;
  return {
    errorCode: isReachable
      ? kafkaErrors.NONE
      : hasLeader
        ? kafkaErrors.LISTENER_NOT_FOUND
        : kafkaErrors.LEADER_NOT_AVAILABLE,
    partitionIndex,
    leaderId: isReachable ? leader : noLeader,
    leaderEpoch,
    replicaNodes: replicas,
    isrNodes: isr,
    offlineReplicas: replicas.filter((id) => image.broker(id)?.fenced !== false),
  };
}
