import { bytesPerMib, usPerSecond } from '../base/units.ts';
import { type GroupSettings } from './group/settings.ts';
import { type TransactionSettings } from './transaction/settings.ts';
import { type MetadataConfig } from './metadata/replica-protocol.ts';
import { type ReplicationSettings } from './replication/settings.ts';

/** What a broker does where nothing else says so. Names in Kafka's documentation beside each, where it has one. */
export interface BrokerSettings {
  /** auto.create.topics.enable: a client that asks for a topic by name makes it. */
  readonly autoCreateTopics: boolean;
  /** num.partitions: of a topic whose creator does not say. */
  readonly partitionsDefault: number;
  /** default.replication.factor; less where there are fewer brokers. */
  readonly replicationFactorDefault: number;
  /** offsets.topic.num.partitions and transaction.state.log.num.partitions: never changed once the topics are there. */
  readonly internalTopicPartitions: number;
  /** offsets.topic.replication.factor; less where there are fewer brokers. */
  readonly internalTopicReplicationFactor: number;
  /** unclean.leader.election.enable: written into every topic that is made over this broker and does not say. */
  readonly uncleanLeaderElection: boolean;
  /** What else of Kafka's server.properties holds on this broker where nothing is set for all of them: names as there. */
  readonly brokerConfigs: ReadonlyMap<string, string>;
  /** replica.lag.time.max.ms: a replica that was not caught up for as long leaves the in-sync set. */
  readonly replicaLagTimeMaxUs: number;
  /** broker.session.timeout.ms: a broker that the controller has not heard of for as long is fenced. */
  readonly brokerSessionTimeoutUs: number;
  /** Whether access-control lists count at all (authorizer.class.name). */
  readonly authorizes: boolean;
  /** super.users: principals that may do everything, as `User:name`. */
  readonly superUsers: readonly string[];
  /** allow.everyone.if.no.acl.found: what no list speaks of is open to everybody. */
  readonly allowEveryoneIfNoAcl: boolean;
  /** group.initial.rebalance.delay.ms */
  readonly groupInitialRebalanceDelayUs: number;
  /** fetch.max.bytes: an answer holds at most so many bytes of records, or one batch. */
  readonly fetchBytesMax: number;
  /** request.timeout of what goes through the metadata's log and whose client names none. */
  readonly requestTimeoutUs: number;
  /** Bytes written to the ordered store and not yet reported as stored; at the bound metadata is no longer applied. */
  readonly storeBacklogBytesMax: number;
  /** Entries of the metadata's log kept behind what is stored, for brokers that are a little late. */
  readonly trailingEntries: number;
  /** What a part has settings for and is not named above; default: its own defaults. */
  readonly replication?: Partial<ReplicationSettings>;
  readonly groups?: Partial<GroupSettings>;
  readonly transactions?: Partial<TransactionSettings>;
  readonly metadata?: Partial<MetadataConfig>;
}

export const defaultBrokerSettings: BrokerSettings = {
  autoCreateTopics: true,
  partitionsDefault: 1,
  replicationFactorDefault: 1,
  internalTopicPartitions: 50,
  internalTopicReplicationFactor: 3,
  uncleanLeaderElection: false,
  brokerConfigs: new Map(),
  replicaLagTimeMaxUs: 10 * usPerSecond,
  brokerSessionTimeoutUs: 9 * usPerSecond,
  authorizes: false,
  superUsers: [],
  allowEveryoneIfNoAcl: false,
  groupInitialRebalanceDelayUs: 3 * usPerSecond,
  fetchBytesMax: 55 * bytesPerMib,
  // Clients wait for their answers for 30 s where they are not told otherwise.
  requestTimeoutUs: 15 * usPerSecond,
  storeBacklogBytesMax: 64 * bytesPerMib,
  trailingEntries: 10_000,
};
