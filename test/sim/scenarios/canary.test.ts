import { expect, test } from 'vitest';

import { canary, canaryCause, canaryInvariant, canaryMutant } from '../../../scenarios/canary.ts';
import { scenarioNamed, scenarioNames } from '../../../scenarios/registry.ts';
import { runJudged } from '../../../sim/judged-run.ts';
import { mutantNamed } from '../../../sim/mutants.ts';

test('the canary is in no list, and found by its name', () => {
  expect(scenarioNames).not.toContain(canary.name);
  expect(scenarioNamed(canary.name)).toBe(canary);
});

test('its bug is one that the simulator is known to find, by the invariant that the canary waits for', () => {
  expect(mutantNamed(canaryMutant).caughtBy).toContain(canaryInvariant);
});

test('its cause is a small part of its schedule: there is something to shrink', () => {
  const { faults } = canary.plan(1);
  expect(faults.length).toBeGreaterThan(10 * canaryCause.length);
  for (const kind of canaryCause) expect(faults.map((fault) => fault.kind)).toContain(kind);
});

test.each([1, 2, 3])('without the bug it passes (seed %i)', (seed) => {
  expect(runJudged(canary.plan(seed), seed).violation).toBeUndefined();
});
