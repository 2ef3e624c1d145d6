import { expect, test } from 'vitest';
import { Fuzz, type FuzzPlan } from './fuzz.ts';

/** Election safety, log matching, leader completeness, state-machine safety (Raft, figure 3), and progress once healed. */
function live(plan: FuzzPlan): Fuzz {
  const fuzz = new Fuzz(plan);
  fuzz.run();
  const leader = fuzz.heal();
  const { voters, learners } = leader.view.configuration;
  for (const id of [...voters, ...learners]) {
    expect(fuzz.cluster.member(id).store.applied.at(-1), `member ${id}`).toBe('healed');
    expect(fuzz.cluster.member(id).store.applied).toEqual(leader.store.applied);
  }
  return fuzz;
}

/** More of them: RAFT_SEEDS=500. One that failed: RAFT_FROM=17 RAFT_SEEDS=1 npx vitest run --project unit test/core/raft/safety.test.ts */
const first = Number(process.env['RAFT_FROM'] ?? 1);
const seeds = Array.from({ length: Number(process.env['RAFT_SEEDS'] ?? 12) }, (_, at) => first + at);

test.each(seeds)('three members over a lossy network, seed %i', (seed) => {
  const { invariants } = live({ seed, members: 3, voters: 3, steps: 6_000, crashes: false, changes: false });
  expect(invariants.committedIndex).toBeGreaterThan(20);
  expect(invariants.readsAnswered).toBeGreaterThan(0);
});

test.each(seeds)('five members that crash and lose what is not durable, seed %i', (seed) => {
  const { invariants } = live({ seed, members: 5, voters: 5, steps: 8_000, crashes: true, changes: false });
  expect(invariants.elections).toBeGreaterThan(0);
});

test.each(seeds)('members come and go while others crash, seed %i', (seed) => {
  live({ seed, members: 5, voters: 3, steps: 10_000, crashes: true, changes: true });
});

test.each(seeds)('durable parts of one log at a time are damaged, seed %i', (seed) => {
  const fuzz = live({
    seed,
    members: 3,
    voters: 3,
    steps: 8_000,
    crashes: true,
    changes: false,
    damage: true,
  });
  expect(fuzz.invariants.committedIndex).toBeGreaterThan(0);
});

let leaseReadsAnswered = 0;

test.each(seeds)('reads on leases, under clocks as wrong as is allowed, seed %i', (seed) => {
  const { invariants } = live({
    seed,
    members: 3,
    voters: 3,
    steps: 12_000,
    crashes: seed % 2 === 0,
    changes: seed % 3 === 0,
    leaseDriftPpm: 300_000,
  });
  leaseReadsAnswered += invariants.readsAnswered;
});

test('reads on leases: in some lives few are answered, in all of them together many', () => {
  expect(leaseReadsAnswered).toBeGreaterThan(10 * seeds.length);
});
