import { expect, test } from 'vitest';

import { Tally } from '../../../reports/tally.ts';
import { swarm } from '../../../scenarios/swarm.ts';
import { runJudged } from '../../../sim/judged-run.ts';
import { type RunResult } from '../../../sim/types.ts';

test('a lone member that its faults never let serve makes up for it once it is healed, and the run is not idle', () => {
  const plan = swarm.plan(1102);
  expect(plan.cluster.members).toBe(1);
  const { operations, violation } = runJudged(plan, 1102);
  expect(violation).toBeUndefined();
  expect(operations.answered).toBeGreaterThanOrEqual(plan.floors?.answered ?? Infinity);
});

test('what every seed must have answered does not make up for seeds that serve nobody while faults are on', () => {
  const tally = new Tally();
  for (let seed = 1; seed <= 200; seed += 1) tally.add(leastOf(seed));
  expect(tally.missedFloors().join('\n')).toContain('operations answered');
});

/** A run that has come to what its seed must come to, and no further. */
function leastOf(seed: number): RunResult {
  const answered = swarm.plan(seed).floors?.answered ?? Infinity;
  return {
    scenario: 'swarm',
    seed,
    violation: undefined,
    hash: '0',
    simulatedUs: 60_000_000,
    events: 1,
    operations: {
      answered,
      refused: 0,
      failed: 0,
      unknown: 0,
      watchEvents: 0,
      leasesGranted: 0,
      leasesExpired: 0,
      locksHeld: 0,
    },
    elections: 1,
    snapshotsInstalled: 0,
    faultsFired: {},
    coverage: [],
  };
}
