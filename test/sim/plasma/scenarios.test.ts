import { expect, test } from 'vitest';

import { plasmaScenarioNamed, plasmaScenarios } from '../../../scenarios/plasma/registry.ts';
import { type PlasmaScenario } from '../../../sim/plasma/plan.ts';
import { runPlasma } from '../../../sim/plasma/run.ts';
import { secondRunDiffers } from '../../../sim/second-run.ts';

const timeoutMs = 240_000;
const seed = 3;

test.each(plasmaScenarios.map((source) => [source.name, source] as const))(
  '%s is named and described, and is the same plan for the same seed',
  (name, source) => {
    expect(plasmaScenarioNamed(name)).toBe(source);
    expect(name).toMatch(/^plasma(-[a-z]+)*$/);
    expect(source.about).toMatch(/^[A-Z].{30,150}\.$/);
    const plan = source.plan(seed);
    expect(plan).toMatchObject({ name, about: source.about });
    expect(source.plan(seed)).toEqual(plan);
    for (const { atUs } of plan.faults) expect(atUs).toBeLessThan(plan.durationUs);
  },
);

test.each(plasmaScenarios.map((source) => [source.name, source] as const))(
  '%s holds, and shows what it is about',
  (_name, source) => {
    const result = runPlasma(source.plan(seed), seed);
    expect(result.violation).toBeUndefined();
    expect(result.simulatedUs).toBeGreaterThanOrEqual(60_000_000);
  },
  timeoutMs,
);

/** What these runs once ended with, or others like them, and why. */
const mended: readonly (readonly [scenario: string, seed: number, was: string])[] = [
  [
    'plasma',
    6,
    'liveness: what was stopped while it left its node was on its way for ever, and so was its operation',
  ],
  ['plasma', 560, 'liveness: what had left its node, and found no room, was on its way for ever'],
  ['plasma', 666, 'liveness: the room that it was to go to was given to others while it left its node'],
  [
    'plasma',
    1155,
    'liveness: a disk of a guest that had panicked, and was not to be started again, was to grow for ever',
  ],
  [
    'plasma',
    971,
    'liveness: a migration was given up whose source had been killed, and stood anew: nothing more was wanted of it',
  ],
];

test.each(mended)(
  '%s with seed %i holds, which was once %s',
  (name, failed) => {
    const source = plasmaScenarioNamed(name);
    if (source === undefined) throw new Error(`no scenario is called ${name}`);
    expect(runPlasma(source.plan(failed), failed).violation).toBeUndefined();
  },
  timeoutMs,
);

test(
  'a run that shows less than its scenario demands fails as idle',
  () => {
    const plan = plasmaScenarioNamed('plasma-drain')?.plan(seed);
    if (plan === undefined) throw new Error('the scenario has a name');
    const idle = { ...plan, durationUs: 10_000_000, floors: { nodesLost: 1 } };
    expect(runPlasma(idle, seed).violation).toMatchObject({
      invariant: 'idle',
      detail: 'idle: nodesLost: 0, where 1 is the least',
    });
  },
  timeoutMs,
);

test(
  'a seed decides everything: a second run has the same hash',
  () => {
    const source = plasmaScenarioNamed('plasma');
    if (source === undefined) throw new Error('the swarm of clouds has a name');
    const plan = (): PlasmaScenario => source.plan(1);
    expect(secondRunDiffers(runPlasma(plan(), 1), runPlasma(plan(), 1))).toBeUndefined();
  },
  timeoutMs,
);
