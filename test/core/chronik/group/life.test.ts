import fc from 'fast-check';
import { expect, test } from 'vitest';

import { type Happening, RandomLife } from './random-life.ts';

const client = fc.nat({ max: 4 });

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 40, arbitrary: fc.record({ kind: fc.constant('act' as const), client }) },
  { weight: 15, arbitrary: fc.record({ kind: fc.constant('commit' as const), client }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom('commitStale' as const, 'leave', 'forget'), client }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat({ max: 12_000 }) }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constantFrom('hold' as const, 'settle', 'settle', 'refuse', 'fetch', 'fetch'),
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
  fc.assert(
    fc.property(fc.array(happening, { minLength: 20, maxLength: 250 }), fc.nat(), (happenings, seed) => {
      const life = new RandomLife(String(seed));
      for (const one of happenings) life.happen(one);
      life.heal();
      generations += life.sharedGenerations;
    }),
    { numRuns: 150 },
  );
  // Lives in which nothing was shared out would prove nothing.
  expect(generations).toBeGreaterThan(300);
});
