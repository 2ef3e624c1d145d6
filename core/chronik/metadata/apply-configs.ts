import { refused } from '../../base/refusal.ts';
import { noLeader } from '../types.ts';
import { type CommandOf, configOperations, type ConfigOperation, configResources } from './commands.ts';
import {
  brokerConfigDefinition,
  type ConfigDefinition,
  configsOfOneBroker,
  listItems,
  refuseConfigValue,
  topicConfigDefinition,
} from './config-schema.ts';
import { settlePartition } from './election.ts';
import { type TopicState } from './image.ts';
import { type MetadataLimits } from './limits.ts';
import { type MetadataRefusal } from './outcomes.ts';
import { shown, unknownTopic } from './refusals.ts';
import { type ConfigEntry } from './rows.ts';
import { type MetadataState } from './state.ts';

/** Something that settings belong to: a topic, a broker, or all brokers. */
interface Resource {
  readonly set: ReadonlyMap<string, string>;
  define(name: string): ConfigDefinition | MetadataRefusal;
  put(configs: ReadonlyMap<string, string>): void;
}

export function refuseTopicConfigs(
  configs: readonly ConfigEntry[],
  limits: MetadataLimits,
): MetadataRefusal | undefined {
  return refuseEntries(defineForTopic, configs, limits);
}

/** Whatever is not named goes back to its default. */
export function alterConfigs(
  state: MetadataState,
  { resourceType, resourceName, configs, validateOnly }: CommandOf<'alterConfigs'>,
  limits: MetadataLimits,
): object {
  const resource = resourceOf(state, resourceType, resourceName);
  if ('kind' in resource) return resource;
  const refusal = refuseEntries((name) => resource.define(name), configs, limits);
  if (refusal !== undefined) return refusal;
  if (!validateOnly) resource.put(new Map(configs.map(({ name, value }) => [name, value])));
  return {};
}

/** KIP-339: all of the operations are carried out, or none. */
export function incrementalAlterConfigs(
  state: MetadataState,
  { resourceType, resourceName, operations, validateOnly }: CommandOf<'incrementalAlterConfigs'>,
  limits: MetadataLimits,
): object {
  const resource = resourceOf(state, resourceType, resourceName);
  if ('kind' in resource) return resource;
  const configs = new Map(resource.set);
  const named = new Set<string>();
  for (const operation of operations) {
    if (named.has(operation.name)) {
      return refused('INVALID_REQUEST', `configuration ${shown(operation.name)} is named twice`);
    }
    named.add(operation.name);
    const refusal = operate(resource, configs, operation, limits);
    if (refusal !== undefined) return refusal;
  }
  if (!validateOnly) resource.put(configs);
  return {};
}

function operate(
  resource: Resource,
  configs: Map<string, string>,
  { name, operation, value }: ConfigOperation,
  limits: MetadataLimits,
): MetadataRefusal | undefined {
  const definition = resource.define(name);
  if (!('type' in definition)) return definition;
  if (operation === configOperations.delete) {
    configs.delete(name);
    return undefined;
  }
  const operations: readonly number[] = Object.values(configOperations);
  if (!operations.includes(operation)) {
    return refused(
      'INVALID_REQUEST',
      `operation ${operation} is none of 0 set, 1 delete, 2 append, 3 subtract`,
    );
  }
  if (value === undefined) return refused('INVALID_REQUEST', `configuration ${name} is given no value`);
  let after = value;
  if (operation !== configOperations.set) {
    const isList = definition.type.kind === 'choices' || definition.type.kind === 'replicas';
    if (!isList)
      return refused('INVALID_CONFIG', `configuration ${name} is no list: it can be set or deleted`);
    const before = listItems(configs.get(name) ?? definition.default);
    after = (operation === configOperations.append ? joined(before, value) : reduced(before, value)).join(
      ',',
    );
  }
  const refusal = refuseConfigValue(definition, after, limits.textBytesMax);
  if (refusal === undefined) configs.set(name, after);
  return refusal;
}

function joined(before: readonly string[], value: string): readonly string[] {
  return [...before, ...listItems(value).filter((item) => !before.includes(item))];
}

function reduced(before: readonly string[], value: string): readonly string[] {
  const gone = listItems(value);
  return before.filter((item) => !gone.includes(item));
}

function refuseEntries(
  define: (name: string) => ConfigDefinition | MetadataRefusal,
  configs: readonly ConfigEntry[],
  limits: MetadataLimits,
): MetadataRefusal | undefined {
  const named = new Set<string>();
  for (const { name, value } of configs) {
    if (named.has(name)) return refused('INVALID_REQUEST', `configuration ${shown(name)} is named twice`);
    named.add(name);
    const definition = define(name);
    if (!('type' in definition)) return definition;
    const refusal = refuseConfigValue(definition, value, limits.textBytesMax);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function resourceOf(state: MetadataState, type: number, name: string): Resource | MetadataRefusal {
  if (type === configResources.topic) {
    const topic = state.topic(name);
    return topic === undefined ? unknownTopic(name) : topicResource(state, topic);
  }
  if (type !== configResources.broker) {
    return refused(
      'INVALID_REQUEST',
      `resource type ${type} has no configuration; 2 (topic) and 4 (broker) have`,
    );
  }
  if (name !== '' && !state.brokers.some(({ id }) => String(id) === name)) {
    const known = state.brokers.map(({ id }) => id).join(', ');
    return refused(
      'INVALID_REQUEST',
      `there is no broker ${shown(name)}; there are ${known}, and '' for all of them`,
    );
  }
  return {
    set: state.brokerConfigs(name),
    define: (config) => defineForBroker(config, name),
    put: (configs) => {
      state.putBrokerConfigs(name, configs);
      if (name === '') for (const topic of state.topics()) electWhereNobodyLeads(state, topic);
    },
  };
}

function topicResource(state: MetadataState, topic: TopicState): Resource {
  return {
    set: topic.configs,
    define: defineForTopic,
    put: (configs) => {
      state.putTopicConfigs(topic.created, configs);
      electWhereNobodyLeads(state, topic);
    },
  };
}

/** An unclean election may be allowed now. */
function electWhereNobodyLeads(state: MetadataState, { created, partitions }: TopicState): void {
  for (const [partition, { leader }] of partitions.entries()) {
    if (leader === noLeader) settlePartition(state, { created, partition });
  }
}

function defineForTopic(name: string): ConfigDefinition | MetadataRefusal {
  return topicConfigDefinition(name) ?? unknownConfig(name, 'a topic');
}

function defineForBroker(name: string, broker: string): ConfigDefinition | MetadataRefusal {
  const definition = brokerConfigDefinition(name);
  if (definition === undefined) return unknownConfig(name, 'a broker');
  if (broker === '' || configsOfOneBroker.includes(name)) return definition;
  return refused('INVALID_CONFIG', `configuration ${name} is the same for all brokers: set it for broker ''`);
}

function unknownConfig(name: string, what: string): MetadataRefusal {
  return refused('INVALID_CONFIG', `${what} has no configuration ${shown(name)}`);
}
