import { type AbortedTransaction } from '../log/outcomes.ts';
import { noEpoch, type LeaderEpoch, type Offset } from '../types.ts';
import { divergenceOf } from './divergence.ts';
import { findOrFail, readOrFail } from './guarded-reads.ts';
import { type Partition } from './partition.ts';
import {
  type EpochFound,
  type EpochQuery,
  type FetchedPartition,
  type FetchFrom,
  type IsolationLevel,
  type OffsetFound,
  type OffsetQuery,
  offsetQueryTimes,
  type ReadError,
} from './requests.ts';

/** Only what a leader has committed is read: nothing at or above the high watermark, or the last stable offset. */
export function readableEndOf(partition: Partition, isolation: IsolationLevel): Offset {
  return isolation === 'readCommitted' ? partition.lastStableOffset : partition.highWatermark;
}

/** A consumer's fetch from one partition. */
export function readPartition(
  partition: Partition,
  from: FetchFrom,
  given: {
    readonly isolation: IsolationLevel;
    readonly bytesMax: number;
    readonly minOneBatch: boolean;
  },
): FetchedPartition {
  const { log } = partition;
  const error = epochError(partition, from.currentLeaderEpoch);
  if (error !== undefined) return refusedRead(from.key, error, partition);
  // Between the high watermark and the log's end nothing is out of range: a new leader may not know yet what is committed.
  if (from.fetchOffset < log.logStartOffset || from.fetchOffset > log.logEndOffset) {
    return refusedRead(from.key, 'OFFSET_OUT_OF_RANGE', partition);
  }
  const divergence = divergenceOf(log, from.fetchOffset, from.lastFetchedEpoch);
  const toOffset = readableEndOf(partition, given.isolation);
  const bytesMax = Math.min(from.bytesMax, given.bytesMax);
  const isReadable = divergence === undefined && from.fetchOffset < toOffset;
  const records =
    isReadable && (bytesMax > 0 || given.minOneBatch)
      ? readOrFail(log, { fromOffset: from.fetchOffset, toOffset, bytesMax, minOneBatch: given.minOneBatch })
      : undefined;
  if (records === 'unreadable') return refusedRead(from.key, 'KAFKA_STORAGE_ERROR', partition);
  return {
    key: from.key,
    error: 'NONE',
    highWatermark: partition.highWatermark,
    lastStableOffset: partition.lastStableOffset,
    logStartOffset: log.logStartOffset,
    divergence,
    abortedTransactions:
      given.isolation === 'readCommitted' && records !== undefined
        ? log.abortedTransactions(from.fetchOffset, toOffset)
        : noTransactions,
    currentLeader: undefined,
    records,
  };
}

export function refusedRead(
  key: FetchFrom['key'],
  error: ReadError,
  partition: Partition | undefined,
): FetchedPartition {
  const isElsewhere =
    error !== 'OFFSET_OUT_OF_RANGE' && error !== 'KAFKA_STORAGE_ERROR' && partition !== undefined;
  return {
    key,
    error,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    divergence: undefined,
    abortedTransactions: noTransactions,
    currentLeader: isElsewhere
      ? { leader: partition.assignment.leader, leaderEpoch: partition.assignment.leaderEpoch }
      : undefined,
    records: undefined,
  };
}

/** ListOffsets (KIP-79, KIP-207, KIP-734). */
export function findOffset(partition: Partition, query: OffsetQuery): OffsetFound {
  const { log, leadership } = partition;
  const error = epochError(partition, query.currentLeaderEpoch);
  if (error !== undefined || leadership === undefined) return noOffset(error ?? 'NOT_LEADER_OR_FOLLOWER');
  const end = query.isolation === undefined ? log.logEndOffset : readableEndOf(partition, query.isolation);
  if (query.timestampMs === offsetQueryTimes.earliest) {
    return { error: 'NONE', offset: log.logStartOffset, timestampMs: -1, leaderEpoch: noEpoch };
  }
  // Until the high watermark has come to where the epoch began, it may be below what an earlier leader has shown.
  const mayBeBehind = query.isolation !== undefined && partition.highWatermark < leadership.startOffset;
  if (query.timestampMs === offsetQueryTimes.latest) {
    if (mayBeBehind) return noOffset('OFFSET_NOT_AVAILABLE');
    return { error: 'NONE', offset: end, timestampMs: -1, leaderEpoch: leadership.epoch };
  }
  const found = findOrFail(log, query.timestampMs);
  if (found === 'unreadable') return noOffset('KAFKA_STORAGE_ERROR');
  if (found === undefined) return noOffset('NONE');
  if (found.offset < end) return { error: 'NONE', ...found };
  return noOffset(mayBeBehind ? 'OFFSET_NOT_AVAILABLE' : 'NONE');
}

/** OffsetForLeaderEpoch, for consumers that look for what was truncated (KIP-320). */
export function findEpochEnd(partition: Partition, query: EpochQuery): EpochFound {
  const error = epochError(partition, query.currentLeaderEpoch);
  if (error !== undefined) return { error, leaderEpoch: noEpoch, endOffset: -1 };
  const found = partition.log.endOffsetOfEpoch(query.leaderEpoch);
  return { error: 'NONE', leaderEpoch: found?.epoch ?? noEpoch, endOffset: found?.endOffset ?? -1 };
}

function epochError(partition: Partition, currentLeaderEpoch: LeaderEpoch): ReadError | undefined {
  const { leaderEpoch } = partition.assignment;
  if (currentLeaderEpoch !== noEpoch && currentLeaderEpoch < leaderEpoch) return 'FENCED_LEADER_EPOCH';
  if (currentLeaderEpoch > leaderEpoch) return 'UNKNOWN_LEADER_EPOCH';
  return partition.leadership === undefined ? 'NOT_LEADER_OR_FOLLOWER' : undefined;
}

function noOffset(error: OffsetFound['error']): OffsetFound {
  return { error, offset: -1, timestampMs: -1, leaderEpoch: noEpoch };
}

const noTransactions: readonly AbortedTransaction[] = [];
