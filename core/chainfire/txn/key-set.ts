import { type KeyRange } from '../mvcc/key-range.ts';

/** A union of key ranges, kept as disjoint intervals in order, so that a look-up is a binary search. */
export class KeySet {
  /** Pairs from ≤ key < to, ascending, not touching. `undefined` is the end of all keys, so only the last may have it. */
  #intervals: readonly { readonly from: string; readonly to: string | undefined }[];

  constructor(ranges: readonly Pick<KeyRange, 'from' | 'to'>[]) {
    this.#intervals = joined(ranges);
  }

  has(key: string): boolean {
    const intervals = this.#intervals;
    let low = 0;
    let high = intervals.length;
    // The first interval that begins behind the key.
    while (low < high) {
      const middle = (low + high) >> 1;
      const interval = intervals[middle];
      if (interval !== undefined && interval.from <= key) low = middle + 1;
      else high = middle;
    }
    const candidate = intervals[low - 1];
    return candidate !== undefined && (candidate.to === undefined || key < candidate.to);
  }

  get isEmpty(): boolean {
    return this.#intervals.length === 0;
  }

  get ranges(): readonly Pick<KeyRange, 'from' | 'to'>[] {
    return this.#intervals;
  }
}

function joined(
  ranges: readonly Pick<KeyRange, 'from' | 'to'>[],
): { from: string; to: string | undefined }[] {
  const sorted = ranges
    .filter(({ from, to }) => to === undefined || from < to)
    .sort((left, right) => (left.from < right.from ? -1 : left.from > right.from ? 1 : 0));
  const merged: { from: string; to: string | undefined }[] = [];
  for (const { from, to } of sorted) {
    const last = merged.at(-1);
    if (last === undefined || (last.to !== undefined && last.to < from)) merged.push({ from, to });
    else if (last.to !== undefined && (to === undefined || to > last.to)) last.to = to;
  }
  return merged;
}
