import { type FileSlice } from '../../storage/segment-files.ts';
import { type BrokerEpoch, type LeaderEpoch, type Offset, type PartitionKey } from '../types.ts';

/**
 * What the replicas of partitions say to each other. A follower pulls (KIP-595's shape of Kafka's Fetch): it asks from the
 * end of its log on, and the leader answers with records, or with the place where their logs part. Any of these may be
 * lost, doubled and overtaken on the way.
 */
export type ReplicationMessage = ReplicaFetch | ReplicaFetchAnswered | ReplicaSynced;

/** From a follower to the leader of some of its partitions. */
export interface ReplicaFetch {
  readonly kind: 'replicaFetch';
  /** Rises with every fetch of a broker's life; the answer carries it. */
  readonly fetchSeq: number;
  /** The registration under which the follower fetches (KIP-903). */
  readonly brokerEpoch: BrokerEpoch;
  readonly positions: readonly FetchPosition[];
}

export interface FetchPosition {
  readonly key: PartitionKey;
  /** The leadership that the follower follows. */
  readonly leaderEpoch: LeaderEpoch;
  /** The end of its log. */
  readonly fetchOffset: Offset;
  /** Epoch of its last batch; −1 where it has none, and nothing can be compared. */
  readonly lastFetchedEpoch: LeaderEpoch;
  /** Everything below is on its disk. */
  readonly syncedOffset: Offset;
  readonly logStartOffset: Offset;
}

/** From a leader to a follower: some of what it asked for, in one fetch or in several. */
export interface ReplicaFetchAnswered {
  readonly kind: 'replicaFetchAnswered';
  readonly answers: readonly FetchAnswer[];
}

export interface FetchAnswer {
  readonly key: PartitionKey;
  readonly fetchSeq: number;
  readonly error: FetchError | 'NONE';
  /** The leader's. */
  readonly leaderEpoch: LeaderEpoch;
  readonly highWatermark: Offset;
  readonly logStartOffset: Offset;
  /** The logs part: the newest epoch, not above the follower's, that the leader has, and where it ends there. */
  readonly divergence: Divergence | undefined;
  /** Batches from the fetch offset on; undefined: nothing new. Bytes once they have been on the way. */
  readonly records: Uint8Array | FileSlice | undefined;
}

/** KIP-101's answer to "where does your epoch end". */
export interface Divergence {
  readonly epoch: LeaderEpoch;
  readonly endOffset: Offset;
}

/** Kafka's names; numbers in core/wire/kafka/error-codes.ts. */
export type FetchError = (typeof fetchErrors)[number];

/** In the order of their numbers on the wire between brokers; a new one comes last. */
export const fetchErrors = [
  'NOT_LEADER_OR_FOLLOWER',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'STALE_BROKER_EPOCH',
  'OFFSET_OUT_OF_RANGE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'KAFKA_STORAGE_ERROR',
] as const;

/** From a follower: syncs that ended while no fetch was due to say so. */
export interface ReplicaSynced {
  readonly kind: 'replicaSynced';
  readonly brokerEpoch: BrokerEpoch;
  readonly marks: readonly SyncedMark[];
}

export interface SyncedMark {
  readonly key: PartitionKey;
  readonly leaderEpoch: LeaderEpoch;
  /**
   * Everything below is on the follower's disk, and is the leader's log: said only once an answer of this leadership has
   * shown no divergence.
   */
  readonly syncedOffset: Offset;
}
