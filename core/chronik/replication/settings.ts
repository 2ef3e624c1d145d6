import { bytesPerMib, usPerMs, usPerSecond } from '../../base/units.ts';

/** How replicas keep together. Kafka's names beside each, where it has one. */
export interface ReplicationSettings {
  /** replica.lag.time.max.ms: a follower that was not caught up for as long leaves the in-sync set. */
  readonly replicaLagTimeMaxUs: number;
  /** replica.fetch.wait.max.ms: how long a leader keeps a fetch for which it has nothing new. */
  readonly fetchWaitMaxUs: number;
  /** A fetch that was not answered for as long is lost and asked again; twice as long after each loss, up to the other. */
  readonly fetchTimeoutUs: number;
  readonly fetchTimeoutMaxUs: number;
  /** replica.fetch.backoff.ms: after an answer that was an error. */
  readonly fetchBackoffUs: number;
  /** replica.fetch.max.bytes: records of one partition in an answer; a larger batch goes alone. */
  readonly partitionBytesMax: number;
  /** replica.fetch.response.max.bytes: records on their way to one follower, all partitions together. */
  readonly followerBytesMax: number;
  /** Appended and not synced: beyond it this broker fetches nothing more as a follower until its disk has caught up. */
  readonly unsyncedBytesMax: number;
  /** A change of the in-sync set that was refused is not proposed again before. */
  readonly alterPartitionBackoffUs: number;
  /** Appends that wait for replicas, in count and bytes; beyond it they are refused with THROTTLING_QUOTA_EXCEEDED. */
  readonly waitingAppendsMax: number;
  readonly waitingAppendBytesMax: number;
  /** Consumers' fetches that wait for records; beyond it they are answered at once, with what there is. */
  readonly waitingFetchesMax: number;
  /** Requests to delete records that wait for followers; beyond it they are refused. */
  readonly waitingDeletesMax: number;
  /** log.retention.check.interval.ms: how often each partition's retention is looked at. */
  readonly retentionIntervalUs: number;
  /** Between two turns at what could not be done in one: compaction of a log, or more partitions than have a turn in a step. */
  readonly upkeepPauseUs: number;
  /** Partitions whose retention is looked at in one step, at most. */
  readonly upkeepPartitionsMax: number;
}

export const defaultReplicationSettings: ReplicationSettings = {
  replicaLagTimeMaxUs: 10 * usPerSecond,
  fetchWaitMaxUs: 500 * usPerMs,
  fetchTimeoutUs: 2 * usPerSecond,
  fetchTimeoutMaxUs: 8 * usPerSecond,
  fetchBackoffUs: 100 * usPerMs,
  partitionBytesMax: bytesPerMib,
  followerBytesMax: 8 * bytesPerMib,
  unsyncedBytesMax: 64 * bytesPerMib,
  alterPartitionBackoffUs: 500 * usPerMs,
  waitingAppendsMax: 65_536,
  waitingAppendBytesMax: 256 * bytesPerMib,
  waitingFetchesMax: 16_384,
  waitingDeletesMax: 1_024,
  retentionIntervalUs: 30 * usPerSecond,
  upkeepPauseUs: 10 * usPerMs,
  upkeepPartitionsMax: 16,
};
