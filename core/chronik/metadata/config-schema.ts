import { unreachable } from '../../base/assert.ts';
import { refused } from '../../base/refusal.ts';
import { utf8LengthOf } from '../../base/utf8.ts';
import { type MetadataRefusal } from './outcomes.ts';

/** What a value must be. */
export type ConfigType =
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'boolean' }
  /** 0 to 1, with a point. */
  | { readonly kind: 'ratio' }
  | { readonly kind: 'choice'; readonly values: readonly string[] }
  /** Several of the values, separated by commas. */
  | { readonly kind: 'choices'; readonly values: readonly string[]; readonly countMin: number }
  /** Replicas, as `partition:broker` separated by commas, or `*` for all. */
  | { readonly kind: 'replicas' };

export interface ConfigDefinition {
  readonly name: string;
  readonly type: ConfigType;
  readonly default: string;
  /** What holds for topics that do not say it themselves, as it is named among the settings of all brokers. */
  readonly brokerName?: string;
  readonly doc: string;
}

const int32Max = 2_147_483_647;
const integerMax = Number.MAX_SAFE_INTEGER;
const dayMs = 86_400_000;

function integer(min: number, max: number = integerMax): ConfigType {
  return { kind: 'integer', min, max };
}

/** Everything that can be set for a topic, by name in ascending order. Names and defaults are Kafka's where it has them. */
export const topicConfigDefinitions: readonly ConfigDefinition[] = [
  {
    name: 'cleanup.policy',
    type: { kind: 'choices', values: ['compact', 'delete'], countMin: 1 },
    default: 'delete',
    brokerName: 'log.cleanup.policy',
    doc: 'What becomes of old records: deleted by age and size, compacted by key, or both.',
  },
  {
    name: 'compression.type',
    type: { kind: 'choice', values: ['producer'] },
    default: 'producer',
    brokerName: 'compression.type',
    doc: 'Batches are stored as the producer has compressed them.',
  },
  {
    name: 'delete.retention.ms',
    type: integer(0),
    default: String(dayMs),
    brokerName: 'log.cleaner.delete.retention.ms',
    doc: 'How long a tombstone of a compacted topic stays at least.',
  },
  {
    name: 'flush.ms',
    type: integer(1),
    default: '1000',
    brokerName: 'log.flush.interval.ms',
    doc: 'With flush.policy=interval: how long records may wait for the disk.',
  },
  {
    name: 'flush.policy',
    type: { kind: 'choice', values: ['always', 'interval', 'never'] },
    default: 'always',
    brokerName: 'log.flush.policy',
    doc: 'Whether records count as durable after a sync of their own, after one within flush.ms, or at once.',
  },
  {
    name: 'follower.replication.throttled.replicas',
    type: { kind: 'replicas' },
    default: '',
    doc: 'Replicas that are throttled while they follow: partition:broker, …, or *.',
  },
  {
    name: 'leader.replication.throttled.replicas',
    type: { kind: 'replicas' },
    default: '',
    doc: 'Replicas that are throttled while they lead: partition:broker, …, or *.',
  },
  {
    name: 'max.compaction.lag.ms',
    type: integer(1),
    default: String(integerMax),
    brokerName: 'log.cleaner.max.compaction.lag.ms',
    doc: 'How long a record of a compacted topic may stay uncompacted at most.',
  },
  {
    name: 'max.message.bytes',
    type: integer(0, int32Max),
    default: '1048588',
    brokerName: 'message.max.bytes',
    doc: 'The largest batch that a producer may send, as it is compressed.',
  },
  {
    name: 'message.timestamp.type',
    type: { kind: 'choice', values: ['CreateTime', 'LogAppendTime'] },
    default: 'CreateTime',
    brokerName: 'log.message.timestamp.type',
    doc: 'Whether a record carries the time of its producer or that of its being appended.',
  },
  {
    name: 'min.cleanable.dirty.ratio',
    type: { kind: 'ratio' },
    default: '0.5',
    brokerName: 'log.cleaner.min.cleanable.ratio',
    doc: 'The part of a compacted log that is not compacted yet at which compaction begins, by bytes.',
  },
  {
    name: 'min.compaction.lag.ms',
    type: integer(0),
    default: '0',
    brokerName: 'log.cleaner.min.compaction.lag.ms',
    doc: 'How long a record of a compacted topic stays uncompacted at least.',
  },
  {
    name: 'min.insync.replicas',
    type: integer(1, int32Max),
    default: '1',
    brokerName: 'min.insync.replicas',
    doc: 'With acks=all: how many replicas must be in sync for a record to be accepted.',
  },
  {
    name: 'retention.bytes',
    type: integer(-1),
    default: '-1',
    brokerName: 'log.retention.bytes',
    doc: 'The size up to which a partition keeps records; -1: whatever its size.',
  },
  {
    name: 'retention.ms',
    type: integer(-1),
    default: String(7 * dayMs),
    brokerName: 'log.retention.ms',
    doc: 'How long records are kept; -1: for ever.',
  },
  {
    name: 'segment.bytes',
    type: integer(14, int32Max),
    default: '1073741824',
    brokerName: 'log.segment.bytes',
    doc: 'The size at which a segment file is closed.',
  },
  {
    name: 'segment.ms',
    type: integer(1),
    default: String(7 * dayMs),
    brokerName: 'log.roll.ms',
    doc: 'The age at which a segment file is closed.',
  },
  {
    name: 'unclean.leader.election.enable',
    type: { kind: 'boolean' },
    default: 'false',
    brokerName: 'unclean.leader.election.enable',
    doc: 'Whether a replica that is not in sync may lead when none is left that is: acknowledged records may then be lost.',
  },
];

const topicDefinitionsByName: ReadonlyMap<string, ConfigDefinition> = byName(topicConfigDefinitions);

/** Settings of brokers that are no default of a topic's. */
const ownBrokerDefinitions: readonly ConfigDefinition[] = [
  {
    name: 'default.replication.factor',
    type: integer(1, 32_767),
    default: '1',
    doc: 'Replicas of a topic that is made without saying how many.',
  },
  {
    name: 'follower.replication.throttled.rate',
    type: integer(1),
    default: String(integerMax),
    doc: 'Bytes a second that throttled replicas fetch at most, together.',
  },
  {
    name: 'leader.replication.throttled.rate',
    type: integer(1),
    default: String(integerMax),
    doc: 'Bytes a second that throttled replicas are given at most, together.',
  },
  {
    name: 'num.partitions',
    type: integer(1, int32Max),
    default: '1',
    doc: 'Partitions of a topic that is made without saying how many.',
  },
];

/** Of those, what may differ from broker to broker; all else is set for all of them at once, under the name ''. */
export const configsOfOneBroker: readonly string[] = [
  'follower.replication.throttled.rate',
  'leader.replication.throttled.rate',
];

/** Everything that can be set for brokers, by name in ascending order. */
export const brokerConfigDefinitions: readonly ConfigDefinition[] = [
  ...ownBrokerDefinitions,
  ...topicConfigDefinitions.flatMap((definition) => {
    const { brokerName, type, doc } = definition;
    return brokerName === undefined ? [] : [{ name: brokerName, type, default: definition.default, doc }];
  }),
].sort((left, right) => (left.name < right.name ? -1 : 1));

const brokerDefinitionsByName: ReadonlyMap<string, ConfigDefinition> = byName(brokerConfigDefinitions);

/** In words: what a value of the type is. */
export function describeConfigType(type: ConfigType): string {
  switch (type.kind) {
    case 'integer':
      return `a whole number, ${rangeOf(type)}`;
    case 'boolean':
      return 'true or false';
    case 'ratio':
      return 'a number from 0 to 1, like 0.5';
    case 'choice':
      return type.values.length === 1 ? type.values.join('') : `one of ${type.values.join(', ')}`;
    case 'choices':
      return `one or more of ${type.values.join(', ')}, each once, separated by commas`;
    case 'replicas':
      return 'partition:broker, separated by commas, or *';
    default:
      return unreachable(type);
  }
}

export function topicConfigDefinition(name: string): ConfigDefinition | undefined {
  return topicDefinitionsByName.get(name);
}

export function brokerConfigDefinition(name: string): ConfigDefinition | undefined {
  return brokerDefinitionsByName.get(name);
}

/** @returns a refusal that says what is wrong with the value and what is allowed; undefined when it is right */
export function refuseConfigValue(
  definition: ConfigDefinition,
  value: string,
  bytesMax: number,
): MetadataRefusal | undefined {
  const { name, type } = definition;
  const lengthBytes = utf8LengthOf(value);
  const problem =
    lengthBytes > bytesMax
      ? `it has ${lengthBytes} bytes, and ${bytesMax} are allowed`
      : problemOf(type, value.trim());
  if (problem === undefined) return undefined;
  const shown = lengthBytes > shownBytesMax ? `${value.slice(0, shownBytesMax)}…` : value;
  return refused('INVALID_CONFIG', `Invalid value ${shown} for configuration ${name}: ${problem}`);
}

const shownBytesMax = 100;
const integerPattern = /^[+-]?[0-9]{1,19}$/;
const ratioPattern = /^(?:0(?:\.[0-9]{1,9})?|\.[0-9]{1,9}|1(?:\.0{1,9})?)$/;
const replicaPattern = /^[0-9]+:[0-9]+$/;

/** @returns what the value must be; undefined when it is that */
function problemOf(type: ConfigType, value: string): string | undefined {
  return isOfType(type, value) ? undefined : `it must be ${describeConfigType(type)}`;
}

function isOfType(type: ConfigType, value: string): boolean {
  switch (type.kind) {
    case 'integer': {
      // What is no safe integer is beyond every time and size that there is: it means "as much as can be".
      const number = integerPattern.test(value) ? clampedInteger(value) : Number.NaN;
      return number >= type.min && number <= type.max;
    }
    case 'boolean':
      return value === 'true' || value === 'false';
    case 'ratio':
      return ratioPattern.test(value);
    case 'choice':
      return type.values.includes(value);
    case 'choices': {
      const items = listItems(value);
      const isKnown = items.every((item) => type.values.includes(item));
      return isKnown && new Set(items).size === items.length && items.length >= type.countMin;
    }
    case 'replicas':
      return value === '*' || listItems(value).every((item) => replicaPattern.test(item));
    default:
      return unreachable(type);
  }
}

function rangeOf({ min, max }: { readonly min: number; readonly max: number }): string {
  return max === integerMax ? `${min} or more` : `${min} to ${max}`;
}

/** Items of a list as it is written; none of ''. */
export function listItems(value: string): readonly string[] {
  return value === '' ? [] : value.split(',').map((item) => item.trim());
}

/** A value that was accepted, as a number that is safe. */
export function clampedInteger(value: string): number {
  return Math.max(-integerMax, Math.min(integerMax, Number(value)));
}

function byName(definitions: readonly ConfigDefinition[]): ReadonlyMap<string, ConfigDefinition> {
  return new Map(definitions.map((definition) => [definition.name, definition]));
}
