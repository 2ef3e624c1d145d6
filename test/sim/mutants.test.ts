import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { expect, test } from 'vitest';

import { scenarioNamed } from '../../scenarios/registry.ts';
import { checkerNames } from '../../sim/checkers/registry.ts';
import { applyMutant, mutantNamed, mutants } from '../../sim/mutants.ts';

const sourceOf = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
/** Ends that no checker of the registry names: broken assertions of the system itself. */
const otherInvariants = ['invariant', 'data-lost', 'member-stopped', 'liveness'];

test.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
  'mutant %s fits the sources as they are: its anchor occurs once, and what comes of it is a program',
  (_name, mutant) => {
    const patched = applyMutant(mutant, sourceOf(mutant.file));
    expect(patched).not.toBe(sourceOf(mutant.file));
    expect(() => stripTypeScriptTypes(patched)).not.toThrow();
  },
);

test.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
  'mutant %s names invariants and scenarios that exist',
  (_name, mutant) => {
    expect(mutant.caughtBy.length).toBeGreaterThan(0);
    for (const invariant of mutant.caughtBy)
      expect([...checkerNames, ...otherInvariants]).toContain(invariant);
    expect(mutant.scenarios.length).toBeGreaterThan(0);
    for (const scenario of mutant.scenarios) expect(() => scenarioNamed(scenario)).not.toThrow();
  },
);

test('an anchor that is missing or occurs twice is refused, so that no mutant is planted in the wrong place', () => {
  const mutant = { ...mutantNamed('commit-older-term'), anchor: 'a' };
  expect(() => applyMutant(mutant, 'b')).toThrow('occurs 0 times');
  expect(() => applyMutant(mutant, 'a a')).toThrow('occurs 2 times');
  expect(() => mutantNamed('typo')).toThrow(/no mutant is called typo; there are commit-older-term/);
});

test('names of mutants are unique', () => {
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});
