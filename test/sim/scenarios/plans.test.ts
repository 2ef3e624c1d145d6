import { describe, expect, test } from 'vitest';

import { aimedScenarios } from '../../../scenarios/aimed.ts';
import { scenarioNamed, scenarioNames, scenarios } from '../../../scenarios/registry.ts';
import { type Fault } from '../../../sim/fault.ts';
import { type Scenario } from '../../../sim/types.ts';

const seeds = [1, 2, 3, 4, 5];
const lengthUs = (fault: Fault): number => ('forUs' in fault ? fault.forUs : 0);

/** Members that a fault is about. */
function nodesOf(fault: Fault): readonly number[] {
  const nodes: number[] = [];
  if ('node' in fault) nodes.push(fault.node);
  if (fault.kind === 'partition') nodes.push(...fault.side, ...fault.otherSide);
  if (fault.kind === 'oneWay') nodes.push(...fault.from, ...fault.to);
  if (fault.kind === 'clientCut') nodes.push(...fault.nodes);
  if (fault.kind === 'clog') nodes.push(fault.from, fault.to);
  if (fault.kind === 'flap') nodes.push(...fault.between);
  return nodes;
}

test('there are the swarm and more than a dozen others, each under one name', () => {
  expect(scenarios.length).toBeGreaterThanOrEqual(14);
  const names = [...scenarios, ...aimedScenarios].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(scenarioNames[0]).toBe('swarm');
  for (const name of names) expect(scenarioNamed(name).name).toBe(name);
  expect(() => scenarioNamed('none')).toThrow('no scenario is called none');
});

describe.each([...scenarios, ...aimedScenarios].map((source) => [source.name, source] as const))(
  '%s',
  (name, source) => {
    const plans = seeds.map((seed): Scenario => source.plan(seed));

    test('is planned from the seed alone', () => {
      for (const [at, seed] of seeds.entries()) expect(source.plan(seed)).toEqual(plans[at]);
      for (const plan of plans) expect(plan.name).toBe(name);
    });

    test('has members, clients and time for its faults', () => {
      for (const { cluster, workload, faults, durationUs } of plans) {
        expect(durationUs).toBeGreaterThanOrEqual(60_000_000);
        for (const fault of faults) {
          const machines = cluster.members + (cluster.spares ?? 0);
          expect(fault.atUs).toBeGreaterThanOrEqual(0);
          expect(fault.atUs).toBeLessThan(durationUs);
          for (const node of nodesOf(fault)) expect(node).toBeLessThanOrEqual(machines);
          if (fault.kind !== 'clientCut') continue;
          for (const client of fault.clients) expect(client).toBeLessThan(workload.clients);
        }
      }
    });
  },
);

describe.each(
  scenarios.filter(({ name }) => name !== 'swarm').map((source) => [source.name, source] as const),
)('%s, written by hand,', (_name, source) => {
  test('says in a sentence what must hold, and has a floor for answers and for every kind of fault', () => {
    expect(source.about).toMatch(/^[A-Z].{30,150}\.$/);
    const { faults, floors, checks, durationUs } = source.plan(1);
    expect(checks).toBe('all');
    expect(floors?.answered).toBeGreaterThan(0);
    const kinds = new Set(faults.map(({ kind }) => kind));
    for (const kind of kinds) expect(floors?.fired?.[kind], kind).toBeGreaterThan(0);
    // Whatever lasts for a time ends in the safety phase, so that it can have fired.
    for (const fault of faults) expect(fault.atUs + lengthUs(fault)).toBeLessThan(durationUs);
  });
});
