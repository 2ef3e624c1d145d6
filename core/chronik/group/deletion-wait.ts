/** A request to delete groups, some of whose ends are not durable yet. */
export interface DeletionWait {
  readonly requestId: number;
  /** Kafka's error number for each group, in the order of the request. */
  readonly results: Map<string, number>;
  /** Groups whose end is not durable yet. */
  outstanding: number;
}
