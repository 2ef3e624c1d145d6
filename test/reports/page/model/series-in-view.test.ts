import { expect, test } from 'vitest';

import { projection } from '../../../../reports/page/model/scene.ts';
import { seriesInView } from '../../../../reports/page/model/series-in-view.ts';
import { linearAxis } from '../../../../reports/page/model/time-axis.ts';
import { type Change } from '../../../../reports/evidence/types.ts';

function changes(...items: readonly (readonly [number, number])[]): readonly Change<number>[] {
  return items.map(([atUs, value], step) => ({ atUs, step, value }));
}

const axis = linearAxis(0, 100_000);

test('a value is carried on until the next, from what stood before the view to its edge; before the first there is none', () => {
  const series = [
    { name: 'a', changes: changes([10, 1], [130, 2], [900, 3]) },
    { name: 'b', changes: changes([120, 7]) },
  ];
  expect(seriesInView(series, projection(axis, { from: 100, to: 200 }, 1_000))).toEqual([
    [0, 200, 300, 1_000],
    [1, 1, 2, 2],
    [null, 7, 7, 7],
  ]);
});

test('of a long run no more is plotted than the screen has columns, and a peak in one of them is seen', () => {
  const rising = Array.from({ length: 100_000 }, (_, at): readonly [number, number] => [at, at]);
  const peaks = changes([10_000, 0], [50_010, 900], [50_020, 0]);
  const series = [
    { name: 'rising', changes: changes(...rising) },
    { name: 'peaks', changes: peaks },
  ];
  const [places = [], values = [], peak = []] = seriesInView(
    series,
    projection(axis, { from: 0, to: 100_000 }, 1_000),
  );
  expect(places).toHaveLength(1_001);
  expect(values.every((value, at) => at === 0 || (value ?? -1) >= (values[at - 1] ?? 0))).toBe(true);
  expect([peak[50], peak[499], peak[500], peak[501]]).toEqual([null, 0, 900, 0]);
});
