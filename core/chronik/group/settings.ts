/** What a broker's operator decides about its consumer groups. Names of Kafka's own settings stand in brackets. */
export interface GroupSettings {
  /** A member may not ask for a shorter session [group.min.session.timeout.ms]. */
  readonly sessionTimeoutMsMin: number;
  /** Nor for a longer one [group.max.session.timeout.ms]. */
  readonly sessionTimeoutMsMax: number;
  /** How long the first member of an empty group waits for others [group.initial.rebalance.delay.ms]. */
  readonly initialRebalanceDelayMs: number;
  /** Members of one group [group.max.size]. */
  readonly membersMax: number;
  /** Groups of one partition of `__consumer_offsets`. */
  readonly groupsPerPartitionMax: number;
  /** Partitions that one group holds offsets for. */
  readonly offsetsPerGroupMax: number;
  /** Text that a client keeps beside an offset [offset.metadata.max.bytes]. */
  readonly offsetMetadataBytesMax: number;
  /** How long the offsets of a group outlive its last member [offsets.retention.minutes]. */
  readonly offsetsRetentionMs: number;
  /** How often it is looked for offsets that have outlived that [offsets.retention.check.interval.ms]. */
  readonly offsetsRetentionCheckIntervalMs: number;
  /** A commit that is not durable by then is answered with an error; it may become durable later [offsets.commit.timeout.ms]. */
  readonly offsetCommitTimeoutMs: number;
  /** Appends of one partition that are not durable yet. Above it commits are refused, to be tried again. */
  readonly pendingAppendsMax: number;
  /** How much of a partition's log a new coordinator reads at once, so that others are served between [offsets.load.buffer.size]. */
  readonly loadBytesPerTurn: number;
}

export const defaultGroupSettings: GroupSettings = {
  sessionTimeoutMsMin: 6_000,
  sessionTimeoutMsMax: 1_800_000,
  initialRebalanceDelayMs: 3_000,
  membersMax: 10_000,
  groupsPerPartitionMax: 100_000,
  offsetsPerGroupMax: 200_000,
  offsetMetadataBytesMax: 4_096,
  offsetsRetentionMs: 7 * 24 * 3_600_000,
  offsetsRetentionCheckIntervalMs: 600_000,
  offsetCommitTimeoutMs: 5_000,
  pendingAppendsMax: 10_000,
  loadBytesPerTurn: 262_144,
};
