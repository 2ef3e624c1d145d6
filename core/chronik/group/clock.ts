/** The time as the coordinator's parts see it: set once for each call from outside. */
export interface GroupClock {
  /** Monotonic: sessions and rebalances are measured with it. */
  nowUs: number;
  /** Wall time, for what is written into records. Undefined until the broker knows it. */
  wallMs: number | undefined;
}
