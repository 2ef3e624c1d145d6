import { consensusMutants } from './mutants-consensus.ts';
import { serviceMutants } from './mutants-service.ts';

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

export const mutants: readonly Mutant[] = [...consensusMutants, ...serviceMutants];

export const mutantNames: readonly string[] = mutants.map((mutant) => mutant.name);

/** @throws RangeError for a name that is not in the table */
export function mutantNamed(name: string): Mutant {
  const found = mutants.find((mutant) => mutant.name === name);
  if (found === undefined)
    throw new RangeError(`no mutant is called ${name}; there are ${mutantNames.join(', ')}`);
  return found;
}

/** @throws RangeError when the anchor does not occur exactly once */
export function applyMutant(mutant: Mutant, source: string): string {
  const parts = source.split(mutant.anchor);
  if (parts.length !== 2) {
    throw new RangeError(
      `the anchor of mutant ${mutant.name} occurs ${parts.length - 1} times in ${mutant.file}, where it must occur once`,
    );
  }
  return parts.join(mutant.replacement);
}
