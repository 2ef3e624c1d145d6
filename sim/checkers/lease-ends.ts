import { isDeletion, type TrueChange, type Truth } from './truth.ts';

/**
 * The lease whose end a revision could be: it deletes keys of this one lease, and all of them. Expiry and revocation look
 * the same; undefined for a change that cannot be either.
 */
export function endedLease(change: TrueChange, truth: Truth): bigint | undefined {
  let lease: bigint | undefined;
  for (const row of change.rows) {
    if (!isDeletion(row)) return undefined;
    const before = truth.rowAt(row.key, change.revision - 1);
    if (before === undefined || before.lease === 0n) return undefined;
    if (lease !== undefined && before.lease !== lease) return undefined;
    lease = before.lease;
  }
  if (lease === undefined) return undefined;
  const doomed = new Set(change.rows.map((row) => row.key));
  for (const key of truth.keys) {
    if (!doomed.has(key) && truth.rowAt(key, change.revision - 1)?.lease === lease) return undefined;
  }
  return lease;
}

export function isLeaseEnd(change: TrueChange, truth: Truth): boolean {
  return endedLease(change, truth) !== undefined;
}
