import { type Mutant } from './mutant.ts';
import { consensusMutants } from './mutants-consensus.ts';
import { leaseMutants } from './mutants-lease.ts';
import { serviceMutants } from './mutants-service.ts';
import { watchMutants } from './mutants-watch.ts';

export const mutants: readonly Mutant[] = [
  ...consensusMutants,
  ...serviceMutants,
  ...watchMutants,
  ...leaseMutants,
];

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
