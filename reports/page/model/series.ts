import { type Change, type NodeLanes } from '../../evidence/types.ts';
import { type TimeAxis } from './time-axis.ts';

export interface Series {
  readonly name: string;
  readonly changes: readonly Change<number>[];
}

/**
 * Columns for a plot: the positions of all changes, then each series' value there. A value stands until the next; before
 * its first a series has none.
 */
export function seriesData(
  series: readonly Series[],
  axis: TimeAxis,
): readonly (readonly (number | null)[])[] {
  const momentsUs = [...new Set(series.flatMap(({ changes }) => changes.map(({ atUs }) => atUs)))].toSorted(
    (left, right) => left - right,
  );
  // A last column behind the axis's end, so that the last values are drawn to the edge.
  const endUs = Math.max(axis.timeAt(axis.to + (axis.to - axis.from)), momentsUs.at(-1) ?? 0);
  momentsUs.push(endUs);
  const columns = series.map(({ changes }) => {
    let next = 0;
    let value: number | null = null;
    return momentsUs.map((momentUs) => {
      for (
        let change = changes[next];
        change !== undefined && change.atUs <= momentUs;
        change = changes[next]
      ) {
        value = change.value;
        next += 1;
      }
      return value;
    });
  });
  return [momentsUs.map((momentUs) => axis.position(momentUs)), ...columns];
}

/** What was appended and is not on the platter yet. */
export function pendingBytes(lanes: NodeLanes): readonly Change<number>[] {
  const changes: Change<number>[] = [];
  const { appendedBytes, durableBytes } = lanes;
  let appendedNext = 0;
  let durableNext = 0;
  let appended = 0;
  let durable = 0;
  while (appendedNext < appendedBytes.length || durableNext < durableBytes.length) {
    const one = appendedBytes[appendedNext];
    const other = durableBytes[durableNext];
    const taken = other === undefined || (one !== undefined && one.atUs <= other.atUs) ? one : other;
    if (taken === undefined) break;
    if (taken === one) {
      appended = taken.value;
      appendedNext += 1;
    } else {
      durable = taken.value;
      durableNext += 1;
    }
    const value = Math.max(0, appended - durable);
    const last = changes.at(-1);
    if (last?.atUs === taken.atUs) changes[changes.length - 1] = { ...taken, value };
    else if (last?.value !== value) changes.push({ atUs: taken.atUs, step: taken.step, value });
  }
  return changes;
}
