import { present } from '../../base/assert.ts';
import { clampedInteger, listItems, topicConfigDefinition } from './config-schema.ts';

/** What the parts of a broker need of a topic's settings, in units that they can use. −1: without a bound. */
export interface TopicConfig {
  readonly cleanup: { readonly compact: boolean; readonly delete: boolean };
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly maxMessageBytes: number;
  readonly minInsyncReplicas: number;
  readonly uncleanLeaderElection: boolean;
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime';
  /** How long a tombstone of a compacted log stays at least. */
  readonly deleteRetentionMs: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly minCleanableDirtyPercent: number;
  /** When records count as durable: after a sync of their own, after one within `flushMs`, or at once. */
  readonly flushPolicy: 'always' | 'interval' | 'never';
  readonly flushMs: number;
  /** As `partition:broker`, or `*` for all of the topic's. */
  readonly leaderThrottledReplicas: readonly string[];
  readonly followerThrottledReplicas: readonly string[];
}

/** Where a setting comes from (Kafka's number of the source is beside it). */
export type ConfigSource = 'topic' | 'allBrokers' | 'default';

export interface ConfigValue {
  readonly value: string;
  readonly source: ConfigSource;
}

/** What holds for a topic's setting: what was set for it, else for all brokers, else the default. */
export function topicConfigValue(
  name: string,
  own: ReadonlyMap<string, string>,
  ofAllBrokers: ReadonlyMap<string, string>,
): ConfigValue {
  const definition = present(topicConfigDefinition(name), 'only what can be set is asked for');
  const set = own.get(name);
  if (set !== undefined) return { value: set, source: 'topic' };
  const common = definition.brokerName === undefined ? undefined : ofAllBrokers.get(definition.brokerName);
  if (common !== undefined) return { value: common, source: 'allBrokers' };
  return { value: definition.default, source: 'default' };
}

/** Every value was checked when it was set. */
export function resolveTopicConfig(
  own: ReadonlyMap<string, string>,
  ofAllBrokers: ReadonlyMap<string, string>,
): TopicConfig {
  const text = (name: string): string => topicConfigValue(name, own, ofAllBrokers).value.trim();
  const integer = (name: string): number => clampedInteger(text(name));
  const cleanup = listItems(text('cleanup.policy'));
  return {
    cleanup: { compact: cleanup.includes('compact'), delete: cleanup.includes('delete') },
    retentionMs: integer('retention.ms'),
    retentionBytes: integer('retention.bytes'),
    segmentBytes: integer('segment.bytes'),
    segmentMs: integer('segment.ms'),
    maxMessageBytes: integer('max.message.bytes'),
    minInsyncReplicas: integer('min.insync.replicas'),
    uncleanLeaderElection: text('unclean.leader.election.enable') === 'true',
    messageTimestampType: text('message.timestamp.type') as TopicConfig['messageTimestampType'],
    deleteRetentionMs: integer('delete.retention.ms'),
    minCompactionLagMs: integer('min.compaction.lag.ms'),
    maxCompactionLagMs: integer('max.compaction.lag.ms'),
    minCleanableDirtyPercent: Math.floor(Number(text('min.cleanable.dirty.ratio')) * 100),
    flushPolicy: text('flush.policy') as TopicConfig['flushPolicy'],
    flushMs: integer('flush.ms'),
    leaderThrottledReplicas: listItems(text('leader.replication.throttled.replicas')),
    followerThrottledReplicas: listItems(text('follower.replication.throttled.replicas')),
  };
}
