import { type SegmentAppend, type SegmentCut } from '../../base/effects.ts';
import { type LeaderEpoch, type Offset } from '../types.ts';

/** Why a log refuses batches: names of Kafka's errors. */
export type AppendError =
  | 'CORRUPT_MESSAGE'
  | 'MESSAGE_TOO_LARGE'
  | 'RECORD_LIST_TOO_LARGE'
  | 'INVALID_TIMESTAMP'
  | 'UNSUPPORTED_FOR_MESSAGE_FORMAT'
  | 'UNSUPPORTED_COMPRESSION_TYPE'
  | 'OUT_OF_ORDER_SEQUENCE_NUMBER'
  | 'INVALID_PRODUCER_EPOCH'
  | 'INVALID_TXN_STATE'
  | 'TRANSACTION_COORDINATOR_FENCED'
  | 'INVALID_RECORD'
  | 'KAFKA_STORAGE_ERROR';

/** Nothing was changed. */
export interface RefusedAppend {
  readonly kind: 'refused';
  readonly error: AppendError;
  /** What was wrong, for the client's log. */
  readonly message: string;
}

export interface Appended {
  readonly kind: 'appended';
  readonly firstOffset: Offset;
  /** Behind the last record. */
  readonly endOffset: Offset;
  /** −1 where records keep the times that their producers gave them. */
  readonly logAppendTimeMs: number;
  /** To be persisted in this order, before anything that depends on them leaves. */
  readonly appends: readonly SegmentAppend[];
}

/** An idempotent producer's batch that is in the log already (KIP-98): answered as the first time, when it is durable. */
export interface DuplicateAppend {
  readonly kind: 'duplicate';
  readonly firstOffset: Offset;
  readonly endOffset: Offset;
  readonly logAppendTimeMs: number;
}

export type LeaderAppend = Appended | DuplicateAppend | RefusedAppend;
export type FollowerAppend = Appended | RefusedAppend;

/** Who gives a leader its batches. */
export type AppendOrigin =
  /** A producer: one batch at a time, no control records. */
  | 'client'
  /** A coordinator on this broker: its own records, and the markers that end transactions. */
  | 'coordinator';

/** Records that were durable and are not there, or not as they were written. */
export interface LogDamage {
  readonly fromOffset: Offset;
  /** Where what was lost is known to end, excluded. */
  readonly toOffset: Offset;
  /** For a person. */
  readonly reason: string;
}

/** A transaction of this producer that was aborted: what KIP-98's fetch answers list. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: Offset;
}

/** KIP-101, KIP-279: the newest epoch that is not above the one asked for, and where it ends. */
export interface EpochEnd {
  readonly epoch: LeaderEpoch;
  readonly endOffset: Offset;
}

export interface FoundOffset {
  readonly offset: Offset;
  readonly timestampMs: number;
  /** Epoch of the batch that it lies in. */
  readonly leaderEpoch: LeaderEpoch;
}

/**
 * What upkeep wants done. The cuts first, at once (`cutSegments`): what they depend on is durable already. The appends go into the
 * step's `persist`, whose number `written` is told.
 */
export interface Upkeep {
  readonly cuts: readonly SegmentCut[];
  readonly appends: readonly SegmentAppend[];
}

export const noUpkeep: Upkeep = { cuts: [], appends: [] };

/** What is known of a producer (DescribeProducers, KIP-664). */
export interface ActiveProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** −1: none. */
  readonly lastSequence: number;
  readonly lastTimestampMs: number;
  /** −1: no marker of a coordinator was seen. */
  readonly coordinatorEpoch: number;
  /** −1: no transaction is open. */
  readonly currentTransactionStartOffset: Offset;
}

export type { SegmentAppend, SegmentCut };
