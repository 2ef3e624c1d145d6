import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import {
  type CreatePartitionsRequest,
  type CreatePartitionsResponse,
  type CreateTopicsRequest,
  type CreateTopicsResponse,
  type DeleteTopicsRequest,
  type DeleteTopicsResponse,
} from '../../wire/kafka/messages/topics.ts';
import { zeroUuid } from '../../wire/kafka/types.ts';
import { configSources } from '../configs.ts';
import { createCommand } from '../metadata/commands.ts';
import { topicConfigDefinitions } from '../metadata/config-schema.ts';
import { type MetadataOutcome } from '../metadata/outcomes.ts';
import { type Arrival, type RequestContext } from './context.ts';
import { errorOf, type ErrorFields, errorOfOutcome } from './errors.ts';
import { Gathering } from './gathering.ts';
import { configsByDefault, countsByDefault, drawTopicId } from './topic-creation.ts';

type Created = CreateTopicsResponse['topics'][number];
type NewTopic = CreateTopicsRequest['topics'][number];

/** CreateTopics (KIP-4): each by itself; what they have in common is only their request. */
export function createTopics(context: RequestContext, arrival: Arrival<CreateTopicsRequest>): void {
  const { requestId, body, client } = arrival;
  const { authorization } = context;
  const mayCreateAll = authorization.allowsCluster(client, 'create');
  const twice = namedTwice(body.topics.map(({ name }) => name));
  const gathering = new Gathering<Created>(body.topics.length, (topics) => {
    context.answer<'createTopics'>(requestId, { throttleTimeMs: 0, topics }, 0);
  });
  body.topics.forEach((topic, at) => {
    const { name } = topic;
    if (!mayCreateAll && !authorization.allows(client, 'create', 'topic', name)) {
      gathering.set(at, notCreated(name, refusal('TOPIC_AUTHORIZATION_FAILED', undefined)));
    } else if (twice.has(name)) {
      gathering.set(
        at,
        notCreated(name, refusal('INVALID_REQUEST', `${name} is named twice in this request`)),
      );
    } else {
      const command = createTopicCommand(context, topic, body.validateOnly);
      context.propose(command, (outcome) => gathering.set(at, created(context, { name, arrival, outcome })));
    }
  });
}

function createTopicCommand(
  context: RequestContext,
  { name, numPartitions, replicationFactor, assignments, configs }: NewTopic,
  validateOnly: boolean,
): ReturnType<typeof createCommand<'createTopic'>> {
  const counts = { partitionCount: numPartitions, replicationFactor };
  return createCommand('createTopic', {
    name,
    id: drawTopicId(context.prng),
    // Where replicas are assigned, their lists say it all.
    ...(assignments.length > 0 ? counts : countsByDefault(context, counts)),
    assignments: assignments.map(({ partitionIndex, brokerIds }) => ({
      partition: partitionIndex,
      brokers: brokerIds as readonly number[] as never,
    })),
    configs: configsByDefault(
      context,
      configs.map(({ name: key, value }) => ({ name: key, value: value ?? '' })),
    ),
    validateOnly,
  });
}

function created(
  context: RequestContext,
  given: {
    readonly name: string;
    readonly arrival: Arrival<CreateTopicsRequest>;
    readonly outcome: MetadataOutcome;
  },
): Created {
  const { name, arrival, outcome } = given;
  if (outcome.kind !== 'done') return notCreated(name, errorOf(outcome));
  if (outcome.result.command !== 'createTopic')
    return notCreated(name, refusal('UNKNOWN_SERVER_ERROR', undefined));
  const { id, partitionCount, replicationFactor } = outcome.result;
  const mayDescribe = context.authorization.allows(arrival.client, 'describeConfigs', 'topic', name);
  return {
    name,
    topicId: arrival.body.validateOnly ? zeroUuid : id,
    errorCode: kafkaErrors.NONE,
    errorMessage: undefined,
    topicConfigErrorCode: mayDescribe ? kafkaErrors.NONE : kafkaErrors.TOPIC_AUTHORIZATION_FAILED,
    numPartitions: mayDescribe ? partitionCount : -1,
    replicationFactor: mayDescribe ? replicationFactor : -1,
    configs: mayDescribe ? configsOf(context, name) : undefined,
  };
}

/** Empty for one that was only validated, and is not there. */
function configsOf({ configs, image }: RequestContext, name: string): Created['configs'] {
  const topic = image.topic(name);
  if (topic === undefined) return [];
  return topicConfigDefinitions.map((definition) => {
    const [inForce] = configs.layersOfTopic(topic, definition);
    return {
      name: definition.name,
      value: inForce?.value ?? definition.default,
      readOnly: false,
      configSource: configSources[inForce?.source ?? 'default'],
      isSensitive: false,
    };
  });
}

function notCreated(name: string, error: ErrorFields): Created {
  return {
    name,
    topicId: zeroUuid,
    ...error,
    topicConfigErrorCode: kafkaErrors.NONE,
    numPartitions: -1,
    replicationFactor: -1,
    configs: undefined,
  };
}

type Deleted = DeleteTopicsResponse['responses'][number];
/** From this version on topics may be named by id (KIP-516). */
const byIdFrom = 6;

/** DeleteTopics: by name, or by id. */
export function deleteTopics(context: RequestContext, arrival: Arrival<DeleteTopicsRequest>): void {
  const { requestId, version, body } = arrival;
  const wanted =
    version >= byIdFrom
      ? body.topics
      : body.topicNames.map((name) => ({ name: name as string | undefined, topicId: zeroUuid }));
  const gathering = new Gathering<Deleted>(wanted.length, (responses) => {
    context.answer<'deleteTopics'>(requestId, { throttleTimeMs: 0, responses }, 0);
  });
  wanted.forEach(({ name, topicId }, at) => {
    const refused = deleteRefusal(context, arrival, { name, topicId });
    if (refused !== undefined) {
      gathering.set(at, { name, topicId, ...refused });
      return;
    }
    const known = name ?? context.image.topicById(topicId)?.name;
    context.propose(createCommand('deleteTopic', { name, id: topicId }), (outcome) =>
      gathering.set(at, { name: known, topicId: deletedId(outcome, topicId), ...errorOfOutcome(outcome) }),
    );
  });
}

function deleteRefusal(
  { authorization, image }: RequestContext,
  { client }: Arrival<DeleteTopicsRequest>,
  { name, topicId }: { readonly name: string | undefined; readonly topicId: string },
): ErrorFields | undefined {
  if (name !== undefined && topicId !== zeroUuid) {
    return refusal('INVALID_REQUEST', 'a topic is named by its name or by its id, not by both');
  }
  const known = name ?? image.topicById(topicId)?.name;
  if (known === undefined) return refusal('UNKNOWN_TOPIC_ID', `there is no topic with the id ${topicId}`);
  if (authorization.allows(client, 'delete', 'topic', known)) return undefined;
  // Who may not see a topic must not learn by its id that there is one.
  const mayDescribe = authorization.allows(client, 'describe', 'topic', known);
  if (name === undefined && !mayDescribe) {
    return refusal('UNKNOWN_TOPIC_ID', `there is no topic with the id ${topicId}`);
  }
  return refusal('TOPIC_AUTHORIZATION_FAILED', undefined);
}

function deletedId(outcome: MetadataOutcome, asked: string): string {
  return outcome.kind === 'done' && outcome.result.command === 'deleteTopic' ? outcome.result.id : asked;
}

type Enlarged = CreatePartitionsResponse['results'][number];

/** CreatePartitions (KIP-195): a topic's partitions become more, never fewer. */
export function createPartitions(
  context: RequestContext,
  { requestId, body, client }: Arrival<CreatePartitionsRequest>,
): void {
  const twice = namedTwice(body.topics.map(({ name }) => name));
  const gathering = new Gathering<Enlarged>(body.topics.length, (results) => {
    context.answer<'createPartitions'>(requestId, { throttleTimeMs: 0, results }, 0);
  });
  body.topics.forEach(({ name, count, assignments }, at) => {
    if (!context.authorization.allows(client, 'alter', 'topic', name)) {
      gathering.set(at, { name, ...refusal('TOPIC_AUTHORIZATION_FAILED', undefined) });
      return;
    }
    if (twice.has(name)) {
      gathering.set(at, { name, ...refusal('INVALID_REQUEST', `${name} is named twice in this request`) });
      return;
    }
    const before = context.image.topic(name)?.partitions.length ?? 0;
    const command = createCommand('createPartitions', {
      topic: name,
      count,
      assignments: (assignments ?? []).map(({ brokerIds }, index) => ({
        partition: before + index,
        brokers: brokerIds as readonly number[] as never,
      })),
      validateOnly: body.validateOnly,
    });
    context.propose(command, (outcome) => gathering.set(at, { name, ...errorOfOutcome(outcome) }));
  });
}

function namedTwice(names: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const name of names) (seen.has(name) ? twice : seen).add(name);
  return twice;
}

function refusal(name: keyof typeof kafkaErrors, errorMessage: string | undefined): ErrorFields {
  return { errorCode: kafkaErrors[name], errorMessage };
}
