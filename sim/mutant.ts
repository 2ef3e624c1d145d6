/**
 * A classic bug as a source patch. It lives in the memory of one simulating thread, where a loader hook applies it; no
 * switch for it exists in what ships.
 */
export interface Mutant {
  readonly name: string;
  /** What the bug is, and where it is known from. */
  readonly about: string;
  /** Path from the repository's root. */
  readonly file: string;
  /** Text that occurs exactly once in the file, and what stands there instead. */
  readonly anchor: string;
  readonly replacement: string;
  /** The invariants whose violation counts as catching it. */
  readonly caughtBy: readonly string[];
  /** Scenarios to look in, in this order. */
  readonly scenarios: readonly string[];
}
