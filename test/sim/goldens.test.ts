import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { scenarioNames, scenarios } from '../../scenarios/registry.ts';
import { runJudged } from '../../sim/judged-run.ts';

/**
 * One seed of every scenario gives the hash that is committed, on every machine. A change of behaviour changes hashes: that
 * is no failure of the simulator, but it must be meant. Write them anew with `npx photon sim goldens --write`, and say why
 * in the CHANGELOG.
 */
const goldenSeed = 42;
const committed = JSON.parse(readFileSync(new URL('goldens.json', import.meta.url), 'utf8')) as Record<
  string,
  string
>;

test('every scenario has a golden, and every golden a scenario', () => {
  expect(Object.keys(committed).sort()).toEqual([...scenarioNames].sort());
});

test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
  'golden of %s',
  (name, scenario) => {
    const result = runJudged(scenario.plan(goldenSeed), goldenSeed);
    expect(result.violation).toBeUndefined();
    expect(result.hash).toBe(committed[name]);
  },
);
