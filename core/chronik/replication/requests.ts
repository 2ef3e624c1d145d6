import { type NodeId } from '../../base/ids.ts';
import { type KafkaError } from '../../wire/kafka/error-codes.ts';
import { type FileSlice } from '../../storage/segment-files.ts';
import { type LeaderEpoch, type noLeader, type Offset, type PartitionKey } from '../types.ts';
import { type AbortedTransaction, type AppendOrigin } from '../log/outcomes.ts';
import { type Divergence } from './messages.ts';

/** Batches for the end of a partition's log: a client's, a coordinator's, or a transaction's markers. */
export interface AppendRequest {
  readonly key: PartitionKey;
  /** Concatenated batches, as received. */
  readonly records: Uint8Array;
  /** Kafka's acks: −1 waits for the in-sync replicas, 1 for this broker's disk, 0 for nothing. */
  readonly acks: -1 | 0 | 1;
  /** Comes back in `appendEnded`. Chosen by the caller, once for every append that may wait. */
  readonly token: number;
  /** Until then it waits. */
  readonly deadlineUs: number;
  /** Wall time, for the topics that want it on their records. */
  readonly wallMs: number;
  /** The leadership in which it must be appended, for who knows of one; undefined: whichever there is. */
  readonly leaderEpoch?: LeaderEpoch | undefined;
  /** Who appends: only brokers append control batches, and to internal topics what they like. */
  readonly origin: AppendOrigin;
}

export type AppendOutcome =
  /** `message`: for a person. */
  | {
      readonly kind: 'refused';
      readonly error: KafkaError;
      readonly message: string | undefined;
      readonly logStartOffset: Offset;
    }
  /** Nothing to wait for; `ended` is not called. */
  | ({ readonly kind: 'done' } & Appended)
  /** `appendEnded` is called with the token, once. */
  | ({ readonly kind: 'waits' } & Appended)
  /**
   * Nothing is appended: it is refused as out of order, once it is sure that nobody leads who has what is missing here. A client
   * takes that for the loss of records: it ends for good, or begins an epoch and writes again what another leader has.
   * `appendEnded` is called with the token, once.
   */
  | {
      readonly kind: 'doubted';
      readonly message: string | undefined;
      readonly logStartOffset: Offset;
    };

export interface Appended {
  /** Of the first record. A batch that was there already keeps the offset that it has. */
  readonly baseOffset: Offset;
  readonly endOffset: Offset;
  /** message.timestamp.type=LogAppendTime: what the records bear; −1 otherwise. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: Offset;
}

/** How a wait for replicas ends. */
export type AppendEnd =
  | 'NONE'
  | 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'
  | 'NOT_LEADER_OR_FOLLOWER'
  | 'REQUEST_TIMED_OUT'
  | 'OUT_OF_ORDER_SEQUENCE_NUMBER';

/** read_uncommitted reads up to the high watermark, read_committed up to the last stable offset. */
export type IsolationLevel = 'readUncommitted' | 'readCommitted';

/** A consumer's fetch. Answered at once where it has enough, an error, or nothing more to wait for. */
export interface FetchRequest {
  /** Comes back in `fetched`. */
  readonly token: number;
  readonly partitions: readonly FetchFrom[];
  readonly isolation: IsolationLevel;
  /** Records of all partitions together; a larger batch comes alone, as the first. */
  readonly bytesMax: number;
  readonly bytesMin: number;
  /** Until then it waits for `bytesMin`. */
  readonly deadlineUs: number;
}

export interface FetchFrom {
  readonly key: PartitionKey;
  readonly fetchOffset: Offset;
  /** The leader's epoch as the consumer knows it (KIP-320); −1: it does not say. */
  readonly currentLeaderEpoch: LeaderEpoch;
  /** Epoch of the last record that it has; −1: it does not say. */
  readonly lastFetchedEpoch: LeaderEpoch;
  readonly bytesMax: number;
}

/** In the order of the request. */
export interface FetchedPartition {
  readonly key: PartitionKey;
  readonly error: 'NONE' | ReadError;
  /** −1 with an error. */
  readonly highWatermark: Offset;
  readonly lastStableOffset: Offset;
  readonly logStartOffset: Offset;
  readonly divergence: Divergence | undefined;
  /** readCommitted: transactions that were aborted among the records. */
  readonly abortedTransactions: readonly AbortedTransaction[];
  /** Where to look instead; with an error that says that it is not here. */
  readonly currentLeader:
    { readonly leader: NodeId | typeof noLeader; readonly leaderEpoch: LeaderEpoch } | undefined;
  readonly records: FileSlice | undefined;
}

export type ReadError =
  | 'NOT_LEADER_OR_FOLLOWER'
  | 'FENCED_LEADER_EPOCH'
  | 'UNKNOWN_LEADER_EPOCH'
  | 'OFFSET_OUT_OF_RANGE'
  | 'OFFSET_NOT_AVAILABLE'
  | 'UNKNOWN_TOPIC_OR_PARTITION'
  | 'KAFKA_STORAGE_ERROR';

/** What ListOffsets asks for, a partition. */
export interface OffsetQuery {
  readonly key: PartitionKey;
  readonly currentLeaderEpoch: LeaderEpoch;
  /** A time in ms, or one of `offsetQueryTimes`. */
  readonly timestampMs: number;
  /** Undefined: a broker or a tool that wants the log's very end. */
  readonly isolation: IsolationLevel | undefined;
}

/** Kafka's ListOffsets: what is no time. */
export const offsetQueryTimes = { latest: -1, earliest: -2, maxTimestamp: -3 } as const;

export interface OffsetFound {
  readonly error: 'NONE' | ReadError;
  /** −1: none. */
  readonly offset: Offset;
  readonly timestampMs: number;
  readonly leaderEpoch: LeaderEpoch;
}

/** What OffsetForLeaderEpoch asks for, a partition (KIP-320). */
export interface EpochQuery {
  readonly key: PartitionKey;
  readonly currentLeaderEpoch: LeaderEpoch;
  readonly leaderEpoch: LeaderEpoch;
}

export interface EpochFound {
  readonly error: 'NONE' | ReadError;
  /** The newest epoch of the log that is not above the one asked for; −1: none. */
  readonly leaderEpoch: LeaderEpoch;
  readonly endOffset: Offset;
}

/** DeleteRecords: everything below an offset goes, on all replicas that are up. */
export interface DeleteRecordsRequest {
  readonly key: PartitionKey;
  /** −1: the high watermark. */
  readonly offset: Offset;
  readonly token: number;
  readonly deadlineUs: number;
}

export type DeleteRecordsOutcome =
  { readonly kind: 'waits' } | { readonly kind: 'ended'; readonly end: DeleteRecordsEnd };

export interface DeleteRecordsEnd {
  readonly error: 'NONE' | ReadError | 'POLICY_VIOLATION' | 'REQUEST_TIMED_OUT' | 'THROTTLING_QUOTA_EXCEEDED';
  /** Lowest offset that some replica still has; −1 with an error. */
  readonly lowWatermark: Offset;
}
