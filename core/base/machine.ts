/**
 * The one shape that every decision in the project has.
 *
 * A machine is deterministic: the same events at the same times give the same effects, bit for bit. It knows no clock,
 * no randomness of its own, no promise and no Node API; what it needs is handed to it (a seeded `Prng`, ports).
 */
export interface Machine<Event, Effect> {
  /**
   * Runs to completion and returns what must happen now. Never waits, and never throws for outside input: a refusal is
   * an effect. A broken invariant does throw, and stops the node.
   *
   * @param nowUs monotonic time in µs, never behind the previous call; means nothing after a restart
   * @returns effects in the order in which they must happen; the array belongs to the caller
   */
  step(event: Event, nowUs: number): readonly Effect[];

  /** The latest time (µs) at which a `tick` event must be stepped; `Infinity` when idle. Replaces every timer. */
  readonly deadlineUs: number;
}

/** The event that every machine accepts: time has passed. */
export interface TickEvent {
  readonly kind: 'tick';
}

/**
 * What the wall clock shows, about once a second. It may jump, forward and backward, and means nothing to leases,
 * elections and fencing: decisions that need a time of day take the one that a leader has written into an entry.
 */
export interface WallClockEvent {
  readonly kind: 'wallClock';
  /** µs since 1970-01-01 UTC; a safe integer, not negative. */
  readonly wallUs: number;
}
