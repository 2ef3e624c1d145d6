import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import {
  type AlterConfigsRequest,
  type AlterConfigsResponse,
  type DescribeConfigsRequest,
  type DescribeConfigsResponse,
  type IncrementalAlterConfigsRequest,
} from '../../wire/kafka/messages/configs.ts';
import { type ConfigLayer, configSources } from '../configs.ts';
import { configResources, createCommand, type MetadataCommand } from '../metadata/commands.ts';
import {
  brokerConfigDefinitions,
  type ConfigDefinition,
  topicConfigDefinitions,
} from '../metadata/config-schema.ts';
import { type Arrival, type RequestContext } from './context.ts';
import { type ErrorFields, errorOfOutcome, noError } from './errors.ts';
import { Gathering } from './gathering.ts';

type Described = DescribeConfigsResponse['results'][number];
type DescribedConfig = Described['configs'][number];
type Altered = AlterConfigsResponse['responses'][number];

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** Kafka's numbers of what kind of value a setting has (KIP-569). */
const typeNumbers = { boolean: 1, choice: 2, integer: 5, ratio: 6, choices: 7, replicas: 7 } as const;

/** DescribeConfigs: every setting of a topic, of a broker, or ('') of all brokers, and where it comes from (KIP-226). */
export function describeConfigs(
  context: RequestContext,
  { requestId, version, body, client }: Arrival<DescribeConfigsRequest>,
): void {
  const results = body.resources.map((resource): Described => {
    const refusal =
      unauthorized(context, client, 'describeConfigs', resource) ?? unknownResource(context, resource);
    const { resourceType, resourceName, configurationKeys } = resource;
    if (refusal !== undefined) return { ...refusal, resourceType, resourceName, configs: [] };
    const configs = definitionsOf(context, resource)
      .filter(({ definition }) => configurationKeys?.includes(definition.name) !== false)
      .map(({ definition, layers }) => described({ definition, layers, version, ...body }));
    return { ...noError, resourceType, resourceName, configs };
  });
  context.answer<'describeConfigs'>(requestId, { throttleTimeMs: 0, results }, 0);
}

function definitionsOf(
  { image, configs }: RequestContext,
  { resourceType, resourceName }: Resource,
): readonly { readonly definition: ConfigDefinition; readonly layers: readonly ConfigLayer[] }[] {
  if (resourceType === configResources.broker) {
    return brokerConfigDefinitions.map((definition) => ({
      definition,
      layers: configs.layersOfBroker(resourceName, definition),
    }));
  }
  const topic = image.topic(resourceName);
  if (topic === undefined) return [];
  return topicConfigDefinitions.map((definition) => ({
    definition,
    layers: configs.layersOfTopic(topic, definition),
  }));
}

function described(given: {
  readonly definition: ConfigDefinition;
  readonly layers: readonly ConfigLayer[];
  readonly version: number;
  readonly includeSynonyms: boolean;
  readonly includeDocumentation: boolean;
}): DescribedConfig {
  const { definition, layers, version } = given;
  const [inForce] = layers;
  const source = inForce?.source ?? 'default';
  return {
    name: definition.name,
    value: inForce?.value ?? definition.default,
    readOnly: false,
    // Version 0 alone has it; others say where a value comes from.
    isDefault: version === 0 && source === 'default',
    configSource: configSources[source],
    isSensitive: false,
    synonyms: given.includeSynonyms
      ? layers.map(({ name, value, source: from }) => ({ name, value, source: configSources[from] }))
      : [],
    configType: typeNumbers[definition.type.kind],
    documentation: given.includeDocumentation ? definition.doc : undefined,
  };
}

/** AlterConfigs: all that is set for a resource is what the request says; the rest goes back to its default. */
export function alterConfigs(context: RequestContext, arrival: Arrival<AlterConfigsRequest>): void {
  const { body } = arrival;
  alter(context, arrival, body.resources, ({ resourceType, resourceName, configs }) =>
    createCommand('alterConfigs', {
      resourceType,
      resourceName,
      configs: configs.map(({ name, value }) => ({ name, value: value ?? '' })),
      validateOnly: body.validateOnly,
    }),
  );
}

/** IncrementalAlterConfigs: settings one by one (KIP-339). */
export function incrementalAlterConfigs(
  context: RequestContext,
  arrival: Arrival<IncrementalAlterConfigsRequest>,
): void {
  const { body } = arrival;
  alter(context, arrival, body.resources, ({ resourceType, resourceName, configs }) =>
    createCommand('incrementalAlterConfigs', {
      resourceType,
      resourceName,
      operations: configs.map(({ name, configOperation, value }) => ({
        name,
        operation: configOperation,
        value,
      })),
      validateOnly: body.validateOnly,
    }),
  );
}

/** The answers of both are alike. */
function alter<One extends Resource>(
  context: RequestContext,
  { requestId, client }: Arrival<unknown>,
  resources: readonly One[],
  commandOf: (resource: One) => MetadataCommand,
): void {
  const gathering = new Gathering<Altered>(resources.length, (responses) => {
    context.answer<'alterConfigs' | 'incrementalAlterConfigs'>(
      requestId,
      { throttleTimeMs: 0, responses },
      0,
    );
  });
  resources.forEach((resource, at) => {
    const { resourceType, resourceName } = resource;
    const settle = (error: ErrorFields): void => {
      gathering.set(at, { ...error, resourceType, resourceName });
    };
    const refusal =
      unauthorized(context, client, 'alterConfigs', resource) ?? unknownResource(context, resource);
    if (refusal !== undefined) settle(refusal);
    else context.propose(commandOf(resource), (outcome) => settle(errorOfOutcome(outcome)));
  });
}

function unauthorized(
  { authorization }: RequestContext,
  client: Arrival<unknown>['client'],
  operation: 'describeConfigs' | 'alterConfigs',
  { resourceType, resourceName }: Resource,
): ErrorFields | undefined {
  if (resourceType === configResources.topic) {
    if (authorization.allows(client, operation, 'topic', resourceName)) return undefined;
    return { errorCode: kafkaErrors.TOPIC_AUTHORIZATION_FAILED, errorMessage: undefined };
  }
  if (authorization.allowsCluster(client, operation)) return undefined;
  return { errorCode: kafkaErrors.CLUSTER_AUTHORIZATION_FAILED, errorMessage: undefined };
}

function unknownResource(
  { image }: RequestContext,
  { resourceType, resourceName }: Resource,
): ErrorFields | undefined {
  switch (resourceType) {
    case configResources.topic:
      if (image.topic(resourceName) !== undefined) return undefined;
      return { errorCode: kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION, errorMessage: undefined };
    case configResources.broker:
      if (resourceName === '' || /^[0-9]{1,15}$/.test(resourceName)) return undefined;
      return {
        errorCode: kafkaErrors.INVALID_REQUEST,
        errorMessage: `'${resourceName}' is no broker's id, which is a number, nor '' for all brokers`,
      };
    default:
      return {
        errorCode: kafkaErrors.INVALID_REQUEST,
        errorMessage: `resource type ${resourceType} has no settings here: 2 is a topic, 4 a broker`,
      };
  }
}
