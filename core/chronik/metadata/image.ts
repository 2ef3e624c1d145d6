import { type LogIndex } from '../../raft/types.ts';
import { type PartitionKey, type TopicId } from '../types.ts';
import { type TopicConfig } from './topic-config.ts';
import {
  type AclBinding,
  type BrokerState,
  type PartitionState,
  type QuotaState,
  type ScramCredential,
} from './rows.ts';

/** A topic as it is now. The object lives as long as the topic. */
export interface TopicState {
  readonly name: string;
  readonly id: TopicId;
  /** Index of the entry that made it: a topic that is made again under its name has another. */
  readonly created: LogIndex;
  /** By number, without gaps. Live: an element is replaced by another when the partition changes. */
  readonly partitions: readonly PartitionState[];
  /** What was set for this topic, in the order of names. Replaced when it changes. */
  readonly configs: ReadonlyMap<string, string>;
}

/**
 * What the cluster is, as this broker has applied it: live, so that it shows the present whenever it is asked. All of it is
 * the same on every broker at the same `index`.
 */
export interface MetadataImage {
  /** The last entry that it reflects. */
  readonly index: LogIndex;

  /** Every broker that ever registered, by ascending id. */
  readonly brokers: readonly BrokerState[];
  broker(id: number): BrokerState | undefined;
  /** Registered, unfenced, and not about to stop: may lead, and may be taken into an in-sync set. */
  isActive(id: number): boolean;

  readonly topicCount: number;
  readonly partitionCount: number;
  /** In the order of their creation. */
  topics(): Iterable<TopicState>;
  topic(name: string): TopicState | undefined;
  topicById(id: TopicId): TopicState | undefined;
  topicByCreated(created: LogIndex): TopicState | undefined;
  partition(key: PartitionKey): PartitionState | undefined;

  /** What holds for a topic: what was set for it, else for all brokers, else the default. */
  topicConfig(topic: TopicState): TopicConfig;
  /**
   * What was set for a broker; for all brokers where the name is ''. In the order of names; empty where nothing was set.
   */
  brokerConfigs(name: string): ReadonlyMap<string, string>;

  /** In the order in which they were made. */
  readonly acls: readonly AclBinding[];

  scramCredential(user: string, mechanism: number): ScramCredential | undefined;
  /** By user and mechanism. */
  scramCredentials(): readonly ScramCredential[];

  /** By entity. */
  quotas(): readonly QuotaState[];
}

/** What applying has changed since it was last asked; everything once, in a defined order. */
export interface MetadataChanges {
  /** All of it may be another: a snapshot took its place. Lists below are then empty. */
  readonly replaced: boolean;
  /** Ids, in ascending order. */
  readonly brokers: readonly number[];
  readonly topicsCreated: readonly TopicState[];
  /** As they were. One that was made and deleted in between is here alone. */
  readonly topicsDeleted: readonly TopicState[];
  /** New ones too, but none of a topic that is gone. By topic in the order of creation, then by number. */
  readonly partitions: readonly PartitionKey[];
  /** Topics of which a setting changed, in the order of creation. One of all brokers changes them all. */
  readonly topicConfigs: readonly TopicState[];
  /** Brokers of which a setting changed; '' for all of them. */
  readonly brokerConfigs: readonly string[];
  readonly acls: boolean;
  /** Users whose credentials changed. */
  readonly credentials: readonly string[];
  readonly quotas: boolean;
}
