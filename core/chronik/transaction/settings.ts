/** What a broker's operator decides about transactions. Names of Kafka's own settings stand in brackets. */
export interface TransactionSettings {
  /** A producer may not ask for a longer transaction [transaction.max.timeout.ms]. */
  readonly timeoutMsMax: number;
  /** How long a transactional id that nobody uses is remembered [transactional.id.expiration.ms]. */
  readonly idExpirationMs: number;
  /** How often it is looked for those [transaction.remove.expired.transaction.cleanup.interval.ms]. */
  readonly idExpirationCheckIntervalMs: number;
  /** Transactional ids of one partition of `__transaction_state`; beyond it new ones are refused. */
  readonly idsPerPartitionMax: number;
  /** Partitions that take part in one transaction; beyond it more are refused. */
  readonly partitionsPerTransactionMax: number;
  /**
   * A change that is not durable by then is answered with an error; it may become durable later. Less than clients wait for an
   * answer.
   */
  readonly changeTimeoutMs: number;
  /** What was asked of a partition's leader about a marker, and not answered, is asked again after so long. */
  readonly markerRetryMs: number;
  /** How much of a partition's log a new coordinator reads at once, so that others are served between. */
  readonly loadBytesPerTurn: number;
}

export const defaultTransactionSettings: TransactionSettings = {
  timeoutMsMax: 900_000,
  idExpirationMs: 7 * 24 * 3_600_000,
  idExpirationCheckIntervalMs: 3_600_000,
  idsPerPartitionMax: 100_000,
  partitionsPerTransactionMax: 10_000,
  changeTimeoutMs: 5_000,
  markerRetryMs: 1_000,
  loadBytesPerTurn: 1_048_576,
};
