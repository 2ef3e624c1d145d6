import fc from 'fast-check';
import { expect, test } from 'vitest';

import { linearAxis } from '../../../../reports/page/model/time-axis.ts';
import { panned, showing, type Viewport, wholeOf, zoomed } from '../../../../reports/page/model/viewport.ts';

const axis = linearAxis(0, 1_000_000);

test('zooming leaves the place under the pointer where it is', () => {
  const before: Viewport = { from: 200_000, to: 400_000 };
  const after = zoomed(axis, before, 250_000, 0.5);
  expect(after).toEqual({ from: 225_000, to: 325_000 });
});

test('whatever is done, something of the axis is in view and no more than all of it', () => {
  const whole = wholeOf(axis);
  const act = fc.oneof(
    fc.record({
      kind: fc.constant('zoom' as const),
      at: fc.double({ min: -1, max: 2, noNaN: true }),
      by: fc.double({ min: 0.01, max: 100, noNaN: true }),
    }),
    fc.record({
      kind: fc.constant('pan' as const),
      at: fc.constant(0),
      by: fc.double({ min: -10, max: 10, noNaN: true }),
    }),
  );
  fc.assert(
    fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
      let view = whole;
      for (const { kind, at, by } of acts) {
        view = kind === 'zoom' ? zoomed(axis, view, at * 1_000_000, by) : panned(axis, view, by);
        expect(view.to).toBeGreaterThan(view.from);
        expect(view.from).toBeGreaterThanOrEqual(whole.from - 1e-6);
        expect(view.to).toBeLessThanOrEqual(whole.to + 1e-6);
      }
    }),
  );
});

test('a step in view moves nothing; one outside comes into view', () => {
  const view: Viewport = { from: 100_000, to: 200_000 };
  expect(showing(axis, view, 150_000)).toBe(view);
  const moved = showing(axis, view, 700_000);
  expect(moved.from).toBeLessThan(700_000);
  expect(moved.to).toBeGreaterThan(700_000);
  expect(moved.to - moved.from).toBeCloseTo(100_000, 3);
});
