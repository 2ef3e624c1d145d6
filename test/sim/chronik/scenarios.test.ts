import { expect, test } from 'vitest';

import { chronikScenarioNamed, chronikScenarios } from '../../../scenarios/chronik/registry.ts';
import { runChronik } from '../../../sim/chronik/run.ts';
import { type ChronikScenario } from '../../../sim/chronik/plan.ts';
import { secondRunDiffers } from '../../../sim/second-run.ts';

const timeoutMs = 240_000;
const seed = 3;

test.each(chronikScenarios.map((source) => [source.name, source] as const))(
  '%s is named and described, and is the same plan for the same seed',
  (name, source) => {
    expect(chronikScenarioNamed(name)).toBe(source);
    expect(name).toMatch(/^chronik(-[a-z]+)*$/);
    expect(source.about).toMatch(/^[A-Z].{30,150}\.$/);
    const plan = source.plan(seed);
    expect(plan).toMatchObject({ name, about: source.about });
    expect(source.plan(seed)).toEqual(plan);
    for (const { atUs } of plan.faults) expect(atUs).toBeLessThan(plan.durationUs);
  },
);

test.each(chronikScenarios.map((source) => [source.name, source] as const))(
  '%s holds, and shows what it is about',
  (_name, source) => {
    const result = runChronik(source.plan(seed), seed);
    expect(result.violation).toBeUndefined();
    expect(result.simulatedUs).toBeGreaterThanOrEqual(60_000_000);
  },
  timeoutMs,
);

/** What these runs once ended with, and why. */
const mended: readonly (readonly [scenario: string, seed: number, was: string])[] = [
  [
    'chronik-transactions',
    181,
    'isr-holds-truth: a broker that knew an old assignment when it started removed a replica that had come back since',
  ],
  [
    'chronik',
    588,
    'idempotence: a wall clock that jumped by years had producers forgotten that still repeated their batches',
  ],
  [
    'chronik',
    515,
    'acknowledged-when-replicated: the step that answered also brought a higher min.insync.replicas, and was measured by that',
  ],
  [
    'chronik',
    880,
    'leader-has-truth: who heard of his election when others had replaced him was to have what they had told',
  ],
  ...[613, 671, 703].map(
    (each) =>
      [
        'chronik',
        each,
        'idempotence: a leader that others had replaced without its knowledge called a batch out of order that was not',
      ] as const,
  ),
  [
    'chronik',
    685,
    'isr-joins: a broker joined, led and was fenced by entries that the first to look had applied in one step',
  ],
  [
    'chronik',
    731,
    'liveness: a consumer that reads a batch at a time and thinks about each was not through with its backlog',
  ],
];

test.each(mended)(
  '%s with seed %i holds, which was once %s',
  (name, failed) => {
    const source = chronikScenarioNamed(name);
    if (source === undefined) throw new Error(`no scenario is called ${name}`);
    expect(runChronik(source.plan(failed), failed).violation).toBeUndefined();
  },
  timeoutMs,
);

test(
  'a seed decides everything: a second run has the same hash',
  () => {
    const source = chronikScenarioNamed('chronik');
    if (source === undefined) throw new Error('the swarm of brokers has a name');
    const plan = (): ChronikScenario => source.plan(1);
    expect(secondRunDiffers(runChronik(plan(), 1), runChronik(plan(), 1))).toBeUndefined();
  },
  timeoutMs,
);

test(
  'a run that shows less than its scenario demands fails as idle',
  () => {
    const plan = chronikScenarioNamed('chronik-lossy-network')?.plan(seed);
    if (plan === undefined) throw new Error('the scenario has a name');
    const idle = { ...plan, faults: [], durationUs: 10_000_000, floors: { truncations: 1 } };
    expect(runChronik(idle, seed).violation).toMatchObject({
      invariant: 'idle',
      detail: 'idle: truncations: 0, where 1 is the least',
    });
  },
  timeoutMs,
);
