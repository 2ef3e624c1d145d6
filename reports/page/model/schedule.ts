import { type Fault } from '../../../sim/fault.ts';

/** A row of the table that shows what shrinking has left of a schedule. */
export interface ScheduleRow {
  /** Undefined: shrinking has left it out. */
  readonly kept: Fault | undefined;
  /** Undefined: nothing like it was there (a schedule that was edited by hand). */
  readonly original: Fault | undefined;
  /** Names of the fields that differ between the two. */
  readonly changed: readonly string[];
}

/**
 * Sets each fault that was kept beside the one that it came from: the same one, or else the first of its kind that nobody
 * has taken and that differs in the fewest fields.
 */
export function scheduleRows(kept: readonly Fault[], original: readonly Fault[]): readonly ScheduleRow[] {
  const free = new Set(original.keys());
  const origin = new Map<number, number>();
  const take = (differencesMax: number): void => {
    for (const [position, fault] of kept.entries()) {
      if (origin.has(position)) continue;
      let best: { readonly from: number; readonly differences: number } | undefined;
      for (const from of free) {
        const candidate = original[from];
        if (candidate?.kind !== fault.kind) continue;
        const differences = changedFields(fault, candidate).length;
        if (differences <= differencesMax && (best === undefined || differences < best.differences))
          best = { from, differences };
      }
      if (best === undefined) continue;
      origin.set(position, best.from);
      free.delete(best.from);
    }
  };
  take(0);
  take(Infinity);
  const rows: ScheduleRow[] = kept.map((fault, position) => {
    const from = origin.get(position);
    const before = from === undefined ? undefined : original[from];
    return {
      kept: fault,
      original: before,
      changed: before === undefined ? [] : changedFields(fault, before),
    };
  });
  for (const from of free) rows.push({ kept: undefined, original: original[from], changed: [] });
  const byStart = rows.toSorted((left, right) => startOf(left) - startOf(right));
  // What is needed first: it may be three of a hundred.
  return [
    ...byStart.filter((row) => row.kept !== undefined),
    ...byStart.filter((row) => row.kept === undefined),
  ];
}

function startOf(row: ScheduleRow): number {
  return row.kept?.atUs ?? row.original?.atUs ?? 0;
}

function changedFields(fault: Fault, before: Fault): readonly string[] {
  const left = fault as unknown as Readonly<Record<string, unknown>>;
  const right = before as unknown as Readonly<Record<string, unknown>>;
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].filter((name) => JSON.stringify(left[name]) !== JSON.stringify(right[name]));
}
