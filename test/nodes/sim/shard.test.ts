import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { seedsOf } from '../../../nodes/sim/shard.ts';

const range = fc
  .tuple(fc.nat({ max: 5_000 }), fc.nat({ max: 300 }))
  .map(([first, more]) => ({ first, last: first + more }));

test('shards have every seed between them, each once, for any number of them', () => {
  fc.assert(
    fc.property(range, fc.integer({ min: 1, max: 400 }), (seeds, count) => {
      const dealt = Array.from({ length: count }, (_, position) => [
        ...seedsOf(seeds, { index: position + 1, count }),
      ]).flat();
      const whole = [...seedsOf(seeds, undefined)];
      expect(dealt.length).toBe(whole.length);
      expect(new Set(dealt)).toEqual(new Set(whole));
    }),
  );
});

test('shards are of equal size, but for one seed', () => {
  fc.assert(
    fc.property(range, fc.integer({ min: 1, max: 40 }), (seeds, count) => {
      const sizes = Array.from(
        { length: count },
        (_, position) => [...seedsOf(seeds, { index: position + 1, count })].length,
      );
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});

test('which shard a seed belongs to does not hang on the range, so that ranges of several runs go together', () => {
  expect([...seedsOf({ first: 1, last: 9 }, { index: 2, count: 4 })]).toEqual([2, 6]);
  expect([...seedsOf({ first: 5, last: 12 }, { index: 2, count: 4 })]).toEqual([6, 10]);
  expect([...seedsOf({ first: 0, last: 8 }, { index: 4, count: 4 })]).toEqual([0, 4, 8]);
});

test('an open range goes on for as long as it is asked', () => {
  const seeds = seedsOf({ first: 1, last: Infinity }, { index: 1, count: 3 });
  expect([seeds.next().value, seeds.next().value, seeds.next().value]).toEqual([1, 4, 7]);
});
