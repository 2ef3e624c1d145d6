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
  /** Records are stored as they come: anything else is refused when it is set. */
  readonly compressionType: 'producer';
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime';
  /** How long a tombstone of a compacted log stays at least. */
  readonly deleteRetentionMs: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  /** When records count as durable: after a sync of their own, after one within `flushMs`, or at once. */
  readonly flushPolicy: 'always' | 'interval' | 'never';
  readonly flushMs: number;
}
