import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { swimScenarioNames, swimScenarios } from '../../../scenarios/swim/registry.ts';
import { type SwimScenario } from '../../../sim/swim/plan.ts';
import { runSwim } from '../../../sim/swim/run.ts';
import { compareSecondSwimRun } from '../../../sim/swim/second-run.ts';

/** Written anew with `npx photon sim goldens --write`, as those of the other scenarios. */
const committed = JSON.parse(readFileSync(new URL('goldens.json', import.meta.url), 'utf8')) as Record<
  string,
  string
>;
const goldenSeed = 42;

test('every scenario of gossip has a golden, and every golden a scenario', () => {
  expect(Object.keys(committed).toSorted()).toEqual(swimScenarioNames.toSorted());
});

test.each(swimScenarios.map((scenario) => [scenario.name, scenario] as const))(
  '%s: the golden seed passes, with the hash that is committed, and again with machines that were restored',
  (name, scenario) => {
    const plan = () => scenario.plan(goldenSeed);
    const result = runSwim(plan(), goldenSeed);
    expect(result.violation).toBeUndefined();
    expect(result.hash).toBe(committed[name]);
    expect(compareSecondSwimRun(plan, goldenSeed, result)).toBeUndefined();
  },
);

test.each(swimScenarios.map((scenario) => [scenario.name, scenario] as const))(
  '%s is planned from the seed alone, says what must hold, and has floors',
  (name, scenario) => {
    const plan = scenario.plan(3);
    expect(scenario.plan(3)).toEqual(plan);
    expect(plan.name).toBe(name);
    expect(plan.about).toMatch(/^[A-Z].{30,150}\.$/);
    expect(Object.keys(plan.floors).length).toBeGreaterThan(0);
    for (const fault of plan.faults) expect(fault.atUs).toBeLessThan(plan.durationUs);
  },
);

test('a run that did not do what it was to show fails as idle', () => {
  const [source] = swimScenarios;
  const plan: SwimScenario | undefined = source?.plan(1);
  if (plan === undefined) throw new Error('there is a scenario');
  const { violation } = runSwim({ ...plan, faults: [] }, 1);
  expect(violation?.invariant).toBe('idle');
  expect(violation?.detail).toContain('where 2 is the least');
});

test('the trace shows datagrams by what is in them', () => {
  const [source] = swimScenarios;
  const plan = source?.plan(1);
  if (plan === undefined) throw new Error('there is a scenario');
  const lines: string[] = [];
  runSwim(plan, 1, { trace: (line) => lines.push(line) });
  expect(
    lines.some((line) => /n\d received from=\d ping seq=\d+ .* -> send to=\d ack seq=\d+/.test(line)),
  ).toBe(true);
  expect(lines.some((line) => line.includes('crash begins'))).toBe(true);
});
