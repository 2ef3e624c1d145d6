import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { expect, test } from 'vitest';

import { chronikScenarioNamed } from '../../scenarios/chronik/registry.ts';
import { scenarioNamed } from '../../scenarios/registry.ts';
import { swimScenarioNamed } from '../../scenarios/swim/registry.ts';
import { checkerNames } from '../../sim/checkers/registry.ts';
import { patchesOf } from '../../sim/mutant.ts';
import { applyPatches, mutantNamed, mutants } from '../../sim/mutants.ts';
import { plasmaScenarioNamed } from '../../scenarios/plasma/registry.ts';
import { chronikCheckerNames } from '../../sim/chronik/checkers/registry.ts';
import { plasmaCheckerNames } from '../../sim/plasma/checkers/registry.ts';
import { swimCheckerNames } from '../../sim/swim/checkers/registry.ts';

const sourceOf = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
/** Ends that no checker of the registry names: broken assertions of the system itself. */
const otherInvariants = [
  'invariant',
  'thrown',
  'data-lost',
  'member-stopped',
  'liveness',
  'idle',
  'gated-effect',
  'truth',
  'told-otherwise',
];

test.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
  'mutant %s fits the sources as they are: its anchors occur once, and what comes of it is a program',
  (_name, mutant) => {
    for (const { file } of patchesOf(mutant)) {
      const patched = applyPatches(mutant, file, sourceOf(file));
      expect(patched).not.toBe(sourceOf(file));
      expect(() => stripTypeScriptTypes(patched)).not.toThrow();
    }
  },
);

test.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
  'mutant %s names invariants and scenarios that exist',
  (_name, mutant) => {
    expect(mutant.caughtBy.length).toBeGreaterThan(0);
    for (const invariant of mutant.caughtBy)
      expect([
        ...checkerNames,
        ...swimCheckerNames,
        ...chronikCheckerNames,
        ...plasmaCheckerNames,
        ...otherInvariants,
      ]).toContain(invariant);
    expect(mutant.scenarios.length).toBeGreaterThan(0);
    for (const scenario of mutant.scenarios)
      expect(
        () =>
          swimScenarioNamed(scenario) ??
          chronikScenarioNamed(scenario) ??
          plasmaScenarioNamed(scenario) ??
          scenarioNamed(scenario),
      ).not.toThrow();
    if (mutant.blindTo !== undefined) expect(mutantNamed(mutant.blindTo).blindTo).toBeUndefined();
  },
);

test('an anchor that is missing or occurs twice is refused, so that no mutant is planted in the wrong place', () => {
  const mutant = { ...mutantNamed('commit-older-term'), file: 'core/x.ts', anchor: 'a' };
  expect(() => applyPatches(mutant, 'core/x.ts', 'b')).toThrow('occurs 0 times in core/x.ts');
  expect(() => applyPatches(mutant, 'core/x.ts', 'a a')).toThrow('occurs 2 times');
  expect(() => mutantNamed('typo')).toThrow(/no mutant is called typo; there are commit-older-term/);
});

test('a mutant of several patches changes each of its files in every one of its places, and no other', () => {
  const mutant = {
    ...mutantNamed('commit-older-term'),
    ...{ file: 'core/x.ts', anchor: 'one', replacement: '1' },
    also: [
      { file: 'core/y.ts', anchor: 'two', replacement: '2' },
      { file: 'core/x.ts', anchor: 'three', replacement: '3' },
    ],
  };
  expect(applyPatches(mutant, 'core/x.ts', 'one two three')).toBe('1 two 3');
  expect(applyPatches(mutant, 'core/y.ts', 'one two three')).toBe('one 2 three');
  expect(applyPatches(mutant, 'core/z.ts', 'one two three')).toBe('one two three');
});

test('names of mutants are unique', () => {
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});
