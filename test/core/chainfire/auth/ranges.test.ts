import fc from 'fast-check';
import { expect, test } from 'vitest';

import { covers, merged, type Span } from '../../../../core/chainfire/auth/ranges.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const span: fc.Arbitrary<Span> = fc.record({ from: key, to: fc.option(key, { nil: undefined }) });

/** Keys of one letter, and what lies behind them all. */
const points = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

function holds({ from, to }: Span, point: string): boolean {
  return from <= point && (to === undefined || point < to);
}

test('a range is covered exactly when every key in it lies in some span', () => {
  fc.assert(
    fc.property(fc.array(span, { maxLength: 6 }), span, (spans, range) => {
      fc.pre(range.to === undefined || range.from < range.to);
      // Bounds are single letters, so that letters and a place behind them all stand for every key; only a span
      // without end reaches that place.
      const wanted = points.filter((point) => holds(range, point));
      const modelled = wanted.every((point) => spans.some((each) => holds(each, point)));
      expect(covers(merged(spans), range)).toBe(modelled);
    }),
  );
});

test('spans that touch are one: two permissions side by side allow a range across both', () => {
  const spans = merged([
    { from: 'b', to: 'c' },
    { from: 'a', to: 'b' },
    { from: 'x', to: undefined },
  ]);
  expect(spans).toEqual([
    { from: 'a', to: 'c' },
    { from: 'x', to: undefined },
  ]);
});
