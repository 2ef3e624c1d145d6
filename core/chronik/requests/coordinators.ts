import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import {
  type FindCoordinatorRequest,
  type FindCoordinatorResponse,
} from '../../wire/kafka/messages/group-membership.ts';
import { partitionOfGroup } from '../group/placement.ts';
import { offsetsTopic } from '../group/port.ts';
import { noLeader } from '../types.ts';
import { addressOf, leaderOf } from './cluster.ts';
import { errorNumber } from './errors.ts';
import { Gathering } from './gathering.ts';
import { transactionsTopic } from './internal-topics.ts';
import { type Arrival, type RequestContext } from './context.ts';
import { type TopicCreation } from './topic-creation.ts';

type Coordinator = FindCoordinatorResponse['coordinators'][number];

/** Kafka's numbers of what has a coordinator. */
const keyTypes = { group: 0, transaction: 1 } as const;
/** From this version on a request asks for several (KIP-699). */
const batchedFrom = 4;

/**
 * FindCoordinator: the leader of the partition that a group's or a transactional id's records are kept in. Whoever asks first
 * has the topic made that they are kept in.
 */
export function findCoordinator(
  context: RequestContext,
  creation: TopicCreation,
  arrival: Arrival<FindCoordinatorRequest>,
): void {
  const { body, version } = arrival;
  const keys = version >= batchedFrom ? body.coordinatorKeys : [body.key];
  const gathering = new Gathering<Coordinator>(keys.length, (found) => answer(context, arrival, found));
  keys.forEach((key, at) => {
    const settle = (coordinator: Coordinator): void => gathering.set(at, coordinator);
    look(context, creation, { arrival, key }, settle);
  });
}

function look(
  context: RequestContext,
  creation: TopicCreation,
  { arrival, key }: { readonly arrival: Arrival<FindCoordinatorRequest>; readonly key: string },
  settle: (coordinator: Coordinator) => void,
): void {
  const { body, client } = arrival;
  const { authorization, image } = context;
  const { keyType } = body;
  if (keyType !== keyTypes.group && keyType !== keyTypes.transaction) {
    const message = `${keyType} has no coordinator: 0 is a group, 1 a transactional id`;
    settle(failed(key, kafkaErrors.INVALID_REQUEST, message));
    return;
  }
  const isGroup = keyType === keyTypes.group;
  if (!authorization.allows(client, 'describe', isGroup ? 'group' : 'transactionalId', key)) {
    const errorCode = isGroup
      ? kafkaErrors.GROUP_AUTHORIZATION_FAILED
      : kafkaErrors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    settle(failed(key, errorCode, undefined));
    return;
  }
  const topic = isGroup ? offsetsTopic : transactionsTopic;
  if (image.topic(topic) !== undefined) {
    settle(coordinatorOf(context, { topic, key, listener: client.listener }));
    return;
  }
  creation.internal(topic, (outcome) => {
    const isThere = outcome.kind === 'done' || outcome.code === 'TOPIC_ALREADY_EXISTS';
    if (isThere) settle(coordinatorOf(context, { topic, key, listener: client.listener }));
    else settle(failed(key, kafkaErrors.COORDINATOR_NOT_AVAILABLE, outcome.message));
  });
}

function coordinatorOf(
  context: RequestContext,
  { topic, key, listener }: { readonly topic: string; readonly key: string; readonly listener: string },
): Coordinator {
  const { image } = context;
  const partitions = image.topic(topic)?.partitions ?? [];
  if (partitions.length === 0) return failed(key, kafkaErrors.COORDINATOR_NOT_AVAILABLE, undefined);
  const kept = partitions[partitionOfGroup(key, partitions.length)];
  const leader = kept === undefined ? noLeader : leaderOf(context, kept);
  const address = leader === noLeader ? undefined : addressOf(image, leader, listener);
  if (address === undefined) return failed(key, errorNumber('COORDINATOR_NOT_AVAILABLE'), undefined);
  const { nodeId, host, port } = address;
  return { key, nodeId, host, port, errorCode: kafkaErrors.NONE, errorMessage: undefined };
}

function failed(key: string, errorCode: number, errorMessage: string | undefined): Coordinator {
  return { key, nodeId: noLeader, host: '', port: -1, errorCode, errorMessage };
}

function answer(
  context: RequestContext,
  { requestId, version }: Arrival<FindCoordinatorRequest>,
  found: readonly Coordinator[],
): void {
  const none = { errorCode: 0, errorMessage: undefined, nodeId: 0, host: '', port: 0 };
  const [first] = found;
  const isBatched = version >= batchedFrom || first === undefined;
  const single = isBatched
    ? none
    : {
        errorCode: first.errorCode,
        errorMessage: first.errorMessage,
        nodeId: first.nodeId,
        host: first.host,
        port: first.port,
      };
  const coordinators = isBatched ? found : [];
  context.answer<'findCoordinator'>(requestId, { throttleTimeMs: 0, ...single, coordinators }, 0);
}
