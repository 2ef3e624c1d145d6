/** One change of one source. */
export interface Patch {
  /** Path from the repository's root. */
  readonly file: string;
  /** Text that occurs exactly once in the file, and what stands there instead. */
  readonly anchor: string;
  readonly replacement: string;
}

/**
 * A bug as a source patch. It lives in the memory of one simulating thread, where a loader hook applies it; no switch for it
 * exists in what ships.
 *
 * There are two kinds. A bug of the *system* is caught when a run with it ends in one of `caughtBy`, where the sources as
 * they are pass. A bug of the *simulator* that makes it blind to a bug of the system (`blindTo`) is caught when a run with
 * both does not end as the run with that bug alone does, with the same seed: something that must be found is not found. A
 * bug of the simulator that makes it idle is caught by the floors of a scenario, as `idle`, in the way of the first kind.
 */
export interface Mutant extends Patch {
  readonly name: string;
  /** What the bug is, and where it is known from. */
  readonly about: string;
  /** What else changes: a bug may need more than one place. */
  readonly also?: readonly Patch[];
  /** The invariants whose violation counts as catching it; with `blindTo`, those whose violation must not be missed. */
  readonly caughtBy: readonly string[];
  /** Scenarios to look in, in this order. */
  readonly scenarios: readonly string[];
  /** Name of the bug of the system that the simulator does not see any more. */
  readonly blindTo?: string;
}

export function patchesOf(mutant: Mutant): readonly Patch[] {
  return [mutant, ...(mutant.also ?? [])];
}
