import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { evenAxis, linearAxis } from '../../../../reports/page/model/time-axis.ts';

describe('an even axis', () => {
  test('sets every moment as far from the next, however long lies between', () => {
    const axis = evenAxis([10, 10, 20, 5_000_000]);
    expect([10, 20, 5_000_000].map((timeUs) => axis.position(timeUs))).toEqual([0, 1, 2]);
    expect([axis.from, axis.to]).toEqual([0, 2]);
    expect(axis.position(15)).toBe(0.5);
  });

  test('keeps the order of times, those beyond its ends included, and finds the way back', () => {
    const times = fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(times, fc.array(fc.integer({ min: -1_000, max: 2_000_000 })), (moments, asked) => {
        const axis = evenAxis(moments.toSorted((left, right) => left - right));
        const inOrder = asked.toSorted((left, right) => left - right);
        for (const [index, timeUs] of inOrder.entries()) {
          const before = inOrder[index - 1];
          if (before !== undefined && before < timeUs)
            expect(axis.position(before)).toBeLessThan(axis.position(timeUs));
          expect(axis.timeAt(axis.position(timeUs))).toBeCloseTo(timeUs, 3);
        }
      }),
    );
  });

  test('of nothing is an axis all the same', () => {
    const axis = evenAxis([]);
    expect(axis.to).toBeGreaterThan(axis.from);
  });
});

test('a linear axis of one moment has a length', () => {
  const axis = linearAxis(7, 7);
  expect(axis.to).toBeGreaterThan(axis.from);
});
