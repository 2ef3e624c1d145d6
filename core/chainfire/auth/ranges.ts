import { type KeyRange } from '../mvcc/key-range.ts';

/** from ≤ key < to; `to` undefined: to the end. */
export interface Span {
  readonly from: string;
  readonly to: string | undefined;
}

/** Spans that overlap or touch become one; in order. Those that hold no key go. */
export function merged(spans: readonly Span[]): readonly Span[] {
  const sorted = spans
    .filter(({ from, to }) => to === undefined || from < to)
    .sort((left, right) => (left.from < right.from ? -1 : left.from > right.from ? 1 : 0));
  const result: Span[] = [];
  for (const span of sorted) {
    const last = result.at(-1);
    if (last === undefined || (last.to !== undefined && last.to < span.from)) result.push(span);
    else result[result.length - 1] = { from: last.from, to: further(last.to, span.to) };
  }
  return result;
}

/** Whether one of the spans, merged ones, holds the whole range. A range without keys is held where its beginning is. */
export function covers(spans: readonly Span[], { from, to }: Pick<KeyRange, 'from' | 'to'>): boolean {
  let low = 0;
  let high = spans.length;
  // The last that begins at or before the range.
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((spans[middle] as Span).from <= from) low = middle + 1;
    else high = middle;
  }
  const span = spans[low - 1];
  if (span === undefined) return false;
  if (span.to === undefined) return true;
  return from < span.to && to !== undefined && to <= span.to;
}

function further(left: string | undefined, right: string | undefined): string | undefined {
  if (left === undefined || right === undefined) return undefined;
  return left < right ? right : left;
}
