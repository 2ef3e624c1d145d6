import { describe, expect, test } from 'vitest';

import { InvariantError } from '../../core/base/assert.ts';
import { type Captured } from '../../core/base/capture.ts';
import { scenarioNamed } from '../../scenarios/registry.ts';
import { CaptureCheck } from '../../sim/capture-check.ts';
import { seededPrng } from '../../sim/prng.ts';
import { runScenario } from '../../sim/run.ts';
import { compareSecondRun } from '../../sim/second-run.ts';
import { type Scenario } from '../../sim/types.ts';
import { usPerSecond } from '../../core/base/units.ts';

/** Leases, watches, locks, snapshots, changing members, each where it is at its thickest. */
const scenarios = [
  'keepalive-storm',
  'lease-across-leader-change-under-drift',
  'watch-resumed-across-compaction',
  'lock-under-partition',
  'crash-during-snapshot-install',
  'process-pause-with-stale-reads',
  'mass-expiry-after-an-outage',
  'slow-follower',
  'membership-under-fire',
  'wipe-and-rejoin',
  'starved-watch-streams',
];
const swarmSeeds = [3, 9, 22, 29, 41];
/** Long enough for elections, compaction and snapshots, short enough for every day. */
const durationUsMax = 10 * usPerSecond;

function shortened(name: string, seed: number): Scenario {
  const plan = scenarioNamed(name).plan(seed);
  return { ...plan, durationUs: Math.min(plan.durationUs, durationUsMax), floors: {} };
}

describe('a machine that was restored does what the one that was captured would have done', () => {
  test.each([
    ...swarmSeeds.map((seed) => ['swarm', seed] as const),
    ...scenarios.map((name) => [name, 1] as const),
  ])('%s, seed %i', { timeout: 120_000 }, (name, seed) => {
    const first = runScenario(shortened(name, seed), seed);
    const second = runScenario(shortened(name, seed), seed, { recaptureEvery: 60 });
    expect(second.hash).toBe(first.hash);
    expect(second.events).toBe(first.events);
    expect(second.violation).toEqual(first.violation);
  });
});

test('state that is not captured is found by the second of two runs, which says where it parts', () => {
  const plan = (): Scenario => shortened('swarm', 29);
  const first = runScenario(plan(), 29);
  expect(compareSecondRun(plan, 29, first)).toBeUndefined();
  const another = { ...first, hash: 'of another run' };
  expect(compareSecondRun(plan, 29, another)?.detail).toMatch(
    /^nondeterminism: hash of another run the first time, [0-9a-f]{16} the second/,
  );
});

class Counter {
  readonly count: number;
  constructor(count: number) {
    this.count = count;
  }
  capture(): Captured {
    return { count: this.count };
  }
}

test('one step in so many is followed by an exchange, the same ones for the same seed', () => {
  const exchanges = (): readonly number[] => {
    const check = new CaptureCheck(seededPrng('exchanges'), 10);
    const exchange = check.exchangeOf((captured) => new Counter((captured as { count: number }).count));
    const steps = Array.from({ length: 1_000 }, (_, step) => step);
    return steps.filter((step) => exchange({}, new Counter(step))?.count === step);
  };
  expect(exchanges().length).toBeGreaterThan(60);
  expect(exchanges().length).toBeLessThan(140);
  expect(exchanges()).toEqual(exchanges());
});

test('one step in none is refused', () => {
  expect(() => new CaptureCheck(seededPrng('none'), 0)).toThrow(InvariantError);
});
