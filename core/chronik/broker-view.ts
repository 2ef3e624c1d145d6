import { type NodeId } from '../base/ids.ts';
import { type RaftView } from '../raft/types.ts';
import { type BrokerParts } from './broker-parts.ts';
import { type BrokerConfig } from './broker-protocol.ts';
import { type MetadataImage } from './metadata/image.ts';
import { type Replica } from './replicas.ts';
import { keyOf } from './requests/context.ts';
import { type ScramCredential, type ScramMechanism, scramMechanisms } from './scram.ts';
import {
  type BrokerEpoch,
  type LeaderEpoch,
  noEpoch,
  noLeader,
  type Offset,
  type PartitionEpoch,
  type PartitionKey,
  type TopicPartition,
} from './types.ts';

export type { ScramCredential, ScramMechanism } from './scram.ts';

/** What this broker does for a partition: `offline` where it holds a replica and nobody leads. */
export type PartitionRole = 'leader' | 'follower' | 'offline';

/** A replica on this broker, as it is now. */
export interface PartitionView extends TopicPartition {
  readonly key: PartitionKey;
  /** Where its log is. */
  readonly directory: string;
  readonly role: PartitionRole;
  /** What this broker acts on: the epoch and the leader that it has applied. */
  readonly leaderEpoch: LeaderEpoch;
  readonly partitionEpoch: PartitionEpoch;
  readonly leader: NodeId | typeof noLeader;
  readonly logStartOffset: Offset;
  readonly logEndOffset: Offset;
  /** Everything below is on this broker's disk. */
  readonly syncedEndOffset: Offset;
  readonly highWatermark: Offset;
  readonly lastStableOffset: Offset;
  /** As the metadata has it. Sorted as there. */
  readonly inSyncReplicas: readonly NodeId[];
  /** What the leader waits for: those, and the ones that it has proposed. Of a follower the same as `inSyncReplicas`. */
  readonly inSyncReplicasMaximal: readonly NodeId[];
  /** What its log has lost, for a person; undefined: nothing. It stays offline while nobody else has it. */
  readonly damage: string | undefined;
}

/** What the outside may see of a broker: the adapter, metrics, and the simulator's checkers. Live, and read-only. */
export interface BrokerView {
  readonly config: BrokerConfig;
  /** Of this broker's registration; −1 while it has none. */
  readonly brokerEpoch: BrokerEpoch;
  /** It is registered, and leads and follows as the metadata says. */
  readonly isFenced: boolean;
  /** The broker whose word on sessions counts; undefined where none is known. */
  readonly controller: NodeId | undefined;
  readonly metadata: RaftView;
  /** Index of the newest entry of the metadata's log that this broker acts on. */
  readonly appliedIndex: number;
  /** The metadata as this broker has applied it. Live. */
  readonly image: MetadataImage;
  /** Every replica on this broker, in the order in which their logs were opened. */
  partitions(): Iterable<PartitionView>;
  partition(of: TopicPartition): PartitionView | undefined;
  scramCredential(user: string, mechanism: ScramMechanism): ScramCredential | undefined;
  /** Requests that wait for replicas, for data or for the metadata's log. */
  readonly waitingRequests: number;
}

export function createBrokerView(parts: BrokerParts): BrokerView {
  const { config, metadata, replicas, requests, commands } = parts;
  return {
    config,
    get brokerEpoch() {
      return metadata.brokerEpoch;
    },
    get isFenced() {
      return metadata.brokerEpoch === noEpoch || metadata.image.broker(config.id)?.fenced !== false;
    },
    get controller() {
      return metadata.controller;
    },
    get metadata() {
      return metadata.raft;
    },
    get appliedIndex() {
      return metadata.image.index;
    },
    image: metadata.image,
    *partitions() {
      for (const replica of replicas.all()) yield viewOf(parts, replica);
    },
    partition: ({ topic, partition }) => {
      const key = keyOf(metadata.image.topic(topic), partition);
      const replica = key === undefined ? undefined : replicas.replica(key);
      return replica === undefined ? undefined : viewOf(parts, replica);
    },
    scramCredential: (user, mechanism) => metadata.image.scramCredential(user, scramMechanisms[mechanism]),
    get waitingRequests() {
      return requests.waiting + commands.waiting;
    },
  };
}

function viewOf({ replication }: BrokerParts, { key, topic, directory, log }: Replica): PartitionView {
  const view = replication.replica(key);
  const assignment = view?.assignment;
  const isr = assignment?.isr ?? [];
  return {
    topic,
    partition: key.partition,
    key,
    directory,
    role: view?.role ?? 'offline',
    leaderEpoch: assignment?.leaderEpoch ?? noEpoch,
    partitionEpoch: assignment?.partitionEpoch ?? noEpoch,
    leader: assignment?.leader ?? noLeader,
    logStartOffset: log.logStartOffset,
    logEndOffset: log.logEndOffset,
    syncedEndOffset: log.syncedEndOffset,
    highWatermark: view?.highWatermark ?? log.logStartOffset,
    lastStableOffset: view?.lastStableOffset ?? log.logStartOffset,
    inSyncReplicas: isr,
    inSyncReplicasMaximal: view?.inSyncReplicasMaximal ?? isr,
    damage: log.damage?.reason,
  };
}
