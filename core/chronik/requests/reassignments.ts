import { type NodeId } from '../../base/ids.ts';
import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import {
  type AlterPartitionReassignmentsRequest,
  type AlterPartitionReassignmentsResponse,
  type ElectLeadersRequest,
  type ElectLeadersResponse,
  type ListPartitionReassignmentsRequest,
  type ListPartitionReassignmentsResponse,
} from '../../wire/kafka/messages/cluster.ts';
import { createCommand, electionTypes } from '../metadata/commands.ts';
import { type ItemOutcome, type MetadataOutcome } from '../metadata/outcomes.ts';
import { type PartitionState } from '../metadata/rows.ts';
import { type Arrival, type RequestContext } from './context.ts';
import { type ErrorFields, errorOf, errorOfOutcome, noError } from './errors.ts';

const denied: ErrorFields = { errorCode: kafkaErrors.CLUSTER_AUTHORIZATION_FAILED, errorMessage: undefined };

/** AlterPartitionReassignments (KIP-455): who is to keep a partition, or, without replicas, that all stays as it is. */
export function alterPartitionReassignments(
  context: RequestContext,
  { requestId, body, client }: Arrival<AlterPartitionReassignmentsRequest>,
): void {
  const answer = (error: ErrorFields, responses: AlterPartitionReassignmentsResponse['responses']): void => {
    const whole = { throttleTimeMs: 0, ...error, responses };
    context.answer<'alterPartitionReassignments'>(requestId, whole, 0);
  };
  if (!context.authorization.allowsCluster(client, 'alter')) {
    answer(denied, []);
    return;
  }
  const partitions = body.topics.flatMap(({ name, partitions: named }) =>
    named.map(({ partitionIndex, replicas }) => ({
      topic: name,
      partition: partitionIndex,
      cancel: replicas === undefined,
      replicas: (replicas ?? []) as readonly NodeId[],
    })),
  );
  context.propose(createCommand('alterReassignments', { partitions }), (outcome) => {
    const items = itemsOf(outcome, 'alterReassignments');
    if (items === undefined) {
      answer(errorOfOutcome(outcome), []);
      return;
    }
    let at = -1;
    const responses = body.topics.map(({ name, partitions: named }) => ({
      name,
      partitions: named.map(({ partitionIndex }) => {
        at += 1;
        return { partitionIndex, ...errorOf(items[at]?.refusal) };
      }),
    }));
    answer(noError, responses);
  });
}

/** ListPartitionReassignments: those under way, of the partitions named or of all. */
export function listPartitionReassignments(
  context: RequestContext,
  { requestId, body, client }: Arrival<ListPartitionReassignmentsRequest>,
): void {
  const mayDescribe = context.authorization.allowsCluster(client, 'describe');
  const topics = mayDescribe ? reassignmentsUnderWay(context, body) : [];
  const answer = { throttleTimeMs: 0, ...(mayDescribe ? noError : denied), topics };
  context.answer<'listPartitionReassignments'>(requestId, answer, 0);
}

type Listed = ListPartitionReassignmentsResponse['topics'][number];

function reassignmentsUnderWay(
  { image }: RequestContext,
  body: ListPartitionReassignmentsRequest,
): readonly Listed[] {
  const wanted =
    body.topics ??
    [...image.topics()].map(({ name, partitions }) => ({
      name,
      partitionIndexes: partitions.map((_, index) => index),
    }));
  const topics: Listed[] = [];
  for (const { name, partitionIndexes } of wanted) {
    const states = image.topic(name)?.partitions ?? [];
    const partitions: Listed['partitions'][number][] = [];
    for (const partitionIndex of partitionIndexes) {
      const state = states[partitionIndex];
      if (state !== undefined && isMoving(state)) partitions.push(listed(partitionIndex, state));
    }
    if (partitions.length > 0) topics.push({ name, partitions });
  }
  return topics;
}

function isMoving({ adding, removing }: PartitionState): boolean {
  return adding.length > 0 || removing.length > 0;
}

function listed(
  partitionIndex: number,
  { replicas, adding, removing }: PartitionState,
): Listed['partitions'][number] {
  return { partitionIndex, replicas, addingReplicas: adding, removingReplicas: removing };
}

/** ElectLeaders (KIP-460): the preferred replica leads, or, where nobody in sync is left, whoever is there. */
export function electLeaders(
  context: RequestContext,
  { requestId, version, body, client }: Arrival<ElectLeadersRequest>,
): void {
  const { topicPartitions } = body;
  const answer = (
    { errorCode }: ErrorFields,
    replicaElectionResults: ElectLeadersResponse['replicaElectionResults'],
  ): void => {
    // Version 0 has no field for an error of the whole: it stands with each partition.
    const whole = { throttleTimeMs: 0, errorCode: version === 0 ? 0 : errorCode, replicaElectionResults };
    context.answer<'electLeaders'>(requestId, whole, 0);
  };
  const failAll = (error: ErrorFields): void => {
    const results = (topicPartitions ?? []).map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partitionId) => ({ partitionId, ...error })),
    }));
    answer(error, results);
  };
  if (!context.authorization.allowsCluster(client, 'alter')) {
    failAll(denied);
    return;
  }
  const partitions = (topicPartitions ?? []).flatMap(({ topic, partitions: named }) =>
    named.map((partition) => ({ topic, partition })),
  );
  const command = createCommand('electLeaders', {
    electionType: version === 0 ? electionTypes.preferred : body.electionType,
    partitions,
    all: topicPartitions === undefined,
  });
  context.propose(command, (outcome) => {
    const items = itemsOf(outcome, 'electLeaders');
    if (items === undefined) failAll(errorOfOutcome(outcome));
    else answer(noError, byTopic(items));
  });
}

type Elected = ItemOutcome & { readonly topic: string; readonly partition: number };

function byTopic(items: readonly Elected[]): ElectLeadersResponse['replicaElectionResults'] {
  const results = new Map<
    string,
    ElectLeadersResponse['replicaElectionResults'][number]['partitionResult'][number][]
  >();
  for (const { topic, partition, refusal } of items) {
    const result = { partitionId: partition, ...errorOf(refusal) };
    const known = results.get(topic);
    if (known === undefined) results.set(topic, [result]);
    else known.push(result);
  }
  return [...results].map(([topic, partitionResult]) => ({ topic, partitionResult }));
}

function itemsOf(
  outcome: MetadataOutcome,
  command: 'alterReassignments' | 'electLeaders',
): readonly Elected[] | undefined {
  if (outcome.kind !== 'done' || outcome.result.command !== command) return undefined;
  return outcome.result.partitions as readonly Elected[];
}
