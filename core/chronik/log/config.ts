import { bytesPerKib, bytesPerMib } from '../../base/units.ts';

/**
 * How a partition's log is kept. A topic's configuration as it is in force; Kafka's name beside each. May change at any
 * time (`PartitionLog.configure`); what is written already stays as it is.
 */
export interface LogConfig {
  /** segment.bytes: a segment file does not grow beyond it. Below 2 GiB. */
  readonly segmentBytesMax: number;
  /** segment.ms: a segment takes no batch that is so much later than its first one. */
  readonly segmentMsMax: number;
  /** max.message.bytes: a batch, as it lies in the log. */
  readonly messageBytesMax: number;
  /** message.timestamp.type */
  readonly timestampType: 'createTime' | 'logAppendTime';
  /** cleanup.policy has `delete`. */
  readonly deletes: boolean;
  /** cleanup.policy has `compact`: of the records of a key the last one stays. */
  readonly compacts: boolean;
  /** retention.ms; Infinity: for ever. */
  readonly retentionMs: number;
  /** retention.bytes; Infinity: no bound. */
  readonly retentionBytes: number;
  /** delete.retention.ms: how long a compacted log shows that a key was deleted. */
  readonly deleteRetentionMs: number;
  /** min.compaction.lag.ms: a record is not compacted away before. */
  readonly minCompactionLagMs: number;
  /** max.compaction.lag.ms: after that compaction begins, however little there is to it. */
  readonly maxCompactionLagMs: number;
  /** min.cleanable.dirty.ratio, in percent: compaction begins when so much of the log was never compacted. */
  readonly minCleanableDirtyPercent: number;
  /** producer.id.expiration.ms (transactional.id.expiration.ms is another): a producer that was silent for as long is forgotten. */
  readonly producerIdExpirationMs: number;
  /** index.interval.bytes: an index entry for every so many bytes of a segment. Larger than Kafka's: indexes are in memory. */
  readonly indexIntervalBytes: number;
  /** So much of a segment is synced between two of its checkpoints: about what a start after a crash reads again. */
  readonly checkpointBytes: number;
}

const day = 24 * 60 * 60 * 1_000;

export const defaultLogConfig: LogConfig = {
  segmentBytesMax: 1_024 * bytesPerMib,
  segmentMsMax: 7 * day,
  messageBytesMax: bytesPerMib + 12,
  timestampType: 'createTime',
  deletes: true,
  compacts: false,
  retentionMs: 7 * day,
  retentionBytes: Infinity,
  deleteRetentionMs: day,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Infinity,
  minCleanableDirtyPercent: 50,
  producerIdExpirationMs: day,
  indexIntervalBytes: 32 * bytesPerKib,
  checkpointBytes: 4 * bytesPerMib,
};
