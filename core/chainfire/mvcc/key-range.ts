/** User keys with from ≤ key < to; `to` undefined: to the end. */
export interface KeyRange {
  readonly from: string;
  readonly to: string | undefined;
  /** Only `from` itself is meant. */
  readonly single: boolean;
}

/** etcd's way to say "and everything behind": a range_end of one zero byte. */
export const toTheEnd = '\x00';

/** What a request's `key` and `range_end` mean: no end is the key alone, a zero byte is everything from the key on. */
export function keyRange(key: string, rangeEnd: string): KeyRange {
  if (rangeEnd === '') return { from: key, to: `${key}\x00`, single: true };
  return { from: key, to: rangeEnd === toTheEnd ? undefined : rangeEnd, single: false };
}
