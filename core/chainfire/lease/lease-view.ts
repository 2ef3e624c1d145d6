import { type Lease, type LeaseTable } from './lease-table.ts';

/** A lease as the outside may see it: for metrics and for the simulator's checkers. */
export interface LeaseView {
  readonly id: bigint;
  readonly ttlSeconds: number;
  /** Position in the log of the entry that granted or last renewed it. */
  readonly renewedIndex: number;
  /** Until this member finds it overdue by its own clock; 0 when it is. */
  readonly remainingUs: number;
}

/** Every lease by id; a copy, costly for many. */
export function viewLeases(table: LeaseTable, nowUs: number): readonly LeaseView[] {
  return [...table.leases()].sort(byId).map(({ id, ttlSeconds, renewedIndex, deadlineUs }) => ({
    id,
    ttlSeconds,
    renewedIndex,
    remainingUs: Math.max(0, deadlineUs - nowUs),
  }));
}

function byId(left: Lease, right: Lease): number {
  return left.id < right.id ? -1 : 1;
}
