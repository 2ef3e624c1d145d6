import { expect, test } from 'vitest';

import { scenarioNamed } from '../../scenarios/registry.ts';
import { coverable } from '../../sim/coverage.ts';
import { runScenario } from '../../sim/run.ts';

const catalogue: readonly string[] = Object.values(coverable).flat();

test('a run says what its members came to, in order and once', () => {
  const { coverage } = runScenario({ ...scenarioNamed('swarm').plan(7), durationUs: 20_000_000 }, 7);
  expect([...new Set(coverage)].sort()).toEqual(coverage);
  expect(coverage).toEqual(
    expect.arrayContaining(['leader', 'follower', 'appendRequest', 'put', 'persist', 'synced', 'NO_LEADER']),
  );
});

test('what it says is in the catalogue, but for refusals, which have their codes', () => {
  const { coverage } = runScenario({ ...scenarioNamed('torn-log-tail').plan(1), durationUs: 5_000_000 }, 1);
  expect(coverage.filter((name) => !catalogue.includes(name) && !/^[A-Z_]+$/.test(name))).toEqual([]);
});

test('no two groups of the catalogue share a name', () => {
  expect(new Set(catalogue).size).toBe(catalogue.length);
});

test('a run without snapshots, leases and watches does not claim them', () => {
  const plan = scenarioNamed('swarm').plan(7);
  const quiet = {
    ...plan,
    durationUs: 5_000_000,
    faults: [],
    workload: { ...plan.workload, mix: { put: 1, get: 1 } },
  };
  const { coverage } = runScenario(quiet, 7);
  for (const name of ['snapshotReceived', 'leaseGrant', 'leased', 'streamOpened', 'repairing', 'joint']) {
    expect(coverage).not.toContain(name);
  }
});
