import { type Change } from '../../evidence/types.ts';
import { type Projection } from './scene.ts';
import { type Series } from './series.ts';
import { firstWhere } from './time-axis.ts';

/** Of what changes within one column of the screen so many values are looked at, evenly spread. */
const looksMax = 8;

/**
 * Columns for a plot of what is in view: places in px, then each series' value there. A plot of all changes would cost every
 * frame the whole run. Where a value changes more than once within a px, the greatest that is met stands for it; before its
 * first change a series has none.
 */
export function seriesInView(
  series: readonly Series[],
  projection: Projection,
): readonly (readonly (number | null)[])[] {
  const places = placesOf(series, projection);
  const endsUs = places.map((_, at) => projection.timeAt(places[at + 1] ?? (places.at(-1) ?? 0) + 1));
  return [places, ...series.map(({ changes }) => valuesAt(changes, endsUs))];
}

/** Where anything changes, and both edges; whole px where more would fall on one. */
function placesOf(series: readonly Series[], projection: Projection): readonly number[] {
  const { widthPx } = projection;
  const [fromUs, toUs] = [projection.timeAt(0), projection.timeAt(widthPx)];
  const places = new Set([0, widthPx]);
  for (const { changes } of series) {
    const from = firstWhere(changes.length, (at) => (changes[at]?.atUs ?? 0) > fromUs);
    const to = firstWhere(changes.length, (at) => (changes[at]?.atUs ?? 0) > toUs);
    if (to - from > widthPx) return Array.from({ length: widthPx + 1 }, (_, px) => px);
    for (let at = from; at < to; at += 1) places.add(projection.x(changes[at]?.atUs ?? 0));
  }
  return [...places].toSorted((left, right) => left - right);
}

/** The greatest value in each column, which ends before the next begins. */
function valuesAt(changes: readonly Change<number>[], endsUs: readonly number[]): readonly (number | null)[] {
  let from = 0;
  return endsUs.map((endUs, column) => {
    const to = firstWhere(changes.length, (at) => (changes[at]?.atUs ?? 0) >= endUs);
    if (column === 0) from = to;
    // What stood until then counts where nothing has changed.
    let value = to === from ? (changes[to - 1]?.value ?? null) : null;
    const stride = Math.max(1, Math.ceil((to - from) / looksMax));
    for (let at = from; at < to; at += stride) value = Math.max(value ?? -Infinity, changes[at]?.value ?? 0);
    from = to;
    return value;
  });
}
