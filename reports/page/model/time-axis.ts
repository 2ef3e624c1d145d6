/**
 * Places on the page's time axis. `linear`: a second is as long everywhere. `even`: every moment at which something in view
 * happened is as far from the next, so that a millisecond of consensus between two quiet seconds can be read.
 */
export interface TimeAxis {
  readonly mode: 'linear' | 'even';
  /** Positions of its first and last moment. */
  readonly from: number;
  readonly to: number;
  position(timeUs: number): number;
  timeAt(position: number): number;
}

export function linearAxis(fromUs: number, toUs: number): TimeAxis {
  return {
    mode: 'linear',
    from: fromUs,
    to: Math.max(toUs, fromUs + 1),
    position: (timeUs) => timeUs,
    timeAt: (position) => position,
  };
}

/** @param momentsUs in order; repetitions are one moment */
export function evenAxis(momentsUs: readonly number[]): TimeAxis {
  const moments: number[] = [];
  for (const momentUs of momentsUs) if (momentUs !== moments.at(-1)) moments.push(momentUs);
  if (moments.length === 0) moments.push(0);
  const at = (index: number): number => moments[index] ?? 0;
  const last = moments.length - 1;
  return {
    mode: 'even',
    from: 0,
    to: Math.max(last, 1),
    position: (timeUs) => {
      const next = firstAbove(moments, timeUs);
      // Beyond its ends the axis goes on as if a moment were a millisecond long, so that order is kept there too.
      if (next === 0) return (timeUs - at(0)) / 1_000;
      if (next > last) return last + (timeUs - at(last)) / 1_000;
      const before = at(next - 1);
      return next - 1 + (timeUs - before) / (at(next) - before);
    },
    timeAt: (position) => {
      if (position <= 0) return at(0) + position * 1_000;
      if (position >= last) return at(last) + (position - last) * 1_000;
      const index = Math.floor(position);
      return at(index) + (position - index) * (at(index + 1) - at(index));
    },
  };
}

/** Position of the first value above this one, in an ordered list. */
export function firstAbove(ordered: readonly number[], value: number): number {
  return firstWhere(ordered.length, (index) => (ordered[index] ?? 0) > value);
}

/** The first of 0 … count − 1 for which the predicate holds, where it holds for all after it; `count`: for none. */
export function firstWhere(count: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
