import { type Checker, type LockHold, type RunEnd, Violation } from '../types.ts';

/**
 * Never two holders of a lock: what clients took themselves to hold, by name, does not overlap in the world's time, and
 * fencing tokens rise from holder to holder, so that a resource that remembers the highest refuses everybody else.
 *
 * A hold lasts as long as its client could rely on it by what it knew. Not verified: fairness; that a free lock is given to
 * whoever waits (the liveness phase waits for calls, not for locks).
 */
export class LockExclusion implements Checker {
  readonly name = 'lock-exclusion';

  onEnd(end: RunEnd): void {
    const last = new Map<string, LockHold>();
    for (const hold of end.holds.toSorted((left, right) => left.fromUs - right.fromUs)) {
      const before = last.get(hold.name);
      if (before !== undefined) {
        if (hold.fromUs < (before.toUs ?? Infinity))
          throw new Violation(this.name, `${describe(before)}, and ${describe(hold)}`);
        if (hold.fencingToken <= before.fencingToken)
          throw new Violation(this.name, `tokens do not rise: ${describe(before)}, then ${describe(hold)}`);
      }
      last.set(hold.name, hold);
    }
  }
}

function describe(hold: LockHold): string {
  return (
    `client ${hold.client} held ${hold.name} from ${hold.fromUs} to ${hold.toUs ?? 'the end'} µs with token ` +
    `${hold.fencingToken} on lease ${hold.leaseId.toString(16)}`
  );
}
