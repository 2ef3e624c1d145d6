import fc from 'fast-check';
import { expect, test } from 'vitest';

import { type Happening, RandomLife } from './random-life.ts';

const client = fc.nat({ max: 4 });

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 120, arbitrary: fc.record({ kind: fc.constant('act' as const), client }) },
  { weight: 20, arbitrary: fc.record({ kind: fc.constant('commit' as const), client }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('commitStale' as const), client }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('leave' as const, 'forget'), client }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat({ max: 6_000 }) }) },
  {
    weight: 16,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'hold' as const,
        'refuse',
        'settle',
        'settle',
        'settle',
        'settle',
        'fetch',
        'fetch',
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('failOver' as const),
      unsynced: fc.constantFrom('kept' as const, 'lost', 'waits'),
    }),
  },
);

test('whatever happens, a partition has one owner a generation, and what was acknowledged is not lost', () => {
  let generations = 0;
  let staleCommits = 0;
  fc.assert(
    fc.property(
      fc.array(happening, { minLength: 20, maxLength: 1_500, size: 'max' }),
      fc.nat(),
      (happenings, seed) => {
        const life = new RandomLife(String(seed));
        for (const one of happenings) life.happen(one);
        life.heal();
        generations += life.sharedGenerations;
        staleCommits += life.staleCommits;
      },
    ),
    { numRuns: 60 },
  );
  // Lives in which nothing was shared out would prove nothing.
  expect(generations).toBeGreaterThan(300);
  expect(staleCommits).toBeGreaterThan(500);
});
