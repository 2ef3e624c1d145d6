import fc from 'fast-check';
import { expect, test } from 'vitest';
import { usPerSecond } from '../../../../core/base/units.ts';
import { LeaseDeadlines } from '../../../../core/chainfire/lease/lease-deadlines.ts';
import { Machine } from '../machine.ts';

const driftPpm = 1_000;

/** A table and its deadlines; every method at a time of its own. */
class Clocked {
  readonly machine = new Machine();
  readonly deadlines = new LeaseDeadlines(this.machine.leases, driftPpm);

  grant(id: bigint, ttlSeconds: number, nowUs: number): void {
    this.machine.do({ kind: 'leaseGrant', request: { id, ttlSeconds } });
    this.deadlines.restart(nowUs);
  }

  renew(id: bigint, nowUs: number): void {
    this.machine.do({ kind: 'leaseRenew', request: { ids: [id] } });
    this.deadlines.restart(nowUs);
  }

  revoke(id: bigint, nowUs: number): void {
    this.machine.do({ kind: 'leaseRevoke', request: { id } });
    this.deadlines.restart(nowUs);
  }

  /** Everything that is overdue, in the order in which it is named. */
  overdue(nowUs: number): readonly bigint[] {
    const ids: bigint[] = [];
    for (;;) {
      const lease = this.deadlines.nextOverdue(nowUs);
      if (lease === undefined) return ids;
      ids.push(lease.id);
      this.deadlines.putOff(nowUs + 1);
    }
  }
}

test('a lease lasts its time to live and what a clock may be fast over it, to the microsecond', () => {
  const clocked = new Clocked();
  clocked.grant(1n, 10, 5);
  const endUs = 5 + 10 * usPerSecond + 10 * driftPpm;
  expect(clocked.deadlines.dueUs).toBe(endUs);
  expect(clocked.overdue(endUs - 1)).toEqual([]);
  expect(clocked.overdue(endUs)).toEqual([1n]);
});

test('a renewal begins the time to live anew, also of a lease that was found overdue and put off', () => {
  const clocked = new Clocked();
  clocked.grant(1n, 10, 0);
  clocked.renew(1n, 9 * usPerSecond);
  expect(clocked.overdue(18 * usPerSecond)).toEqual([]);
  expect(clocked.overdue(20 * usPerSecond)).toEqual([1n]);
  clocked.renew(1n, 20 * usPerSecond);
  expect(clocked.overdue(30 * usPerSecond)).toEqual([]);
  expect(clocked.overdue(31 * usPerSecond)).toEqual([1n]);
});

test('a lease that is put off comes up again at its time', () => {
  const clocked = new Clocked();
  clocked.grant(1n, 1, 0);
  expect(clocked.deadlines.nextOverdue(2 * usPerSecond)?.id).toBe(1n);
  clocked.deadlines.putOff(5 * usPerSecond);
  expect(clocked.overdue(4 * usPerSecond)).toEqual([]);
  expect(clocked.overdue(5 * usPerSecond)).toEqual([1n]);
});

test('the longest time to live that is allowed still is a safe number', () => {
  const clocked = new Clocked();
  clocked.grant(1n, 9_000_000_000, 86_400 * usPerSecond);
  expect(Number.isSafeInteger(clocked.deadlines.dueUs)).toBe(true);
  const lease = clocked.machine.leases.get(1n);
  expect(lease && clocked.deadlines.remainingSeconds(lease, 86_400 * usPerSecond)).toBeGreaterThan(
    8_900_000_000,
  );
});

test('what is left of a lease is whole seconds, never more than was granted, never below nothing', () => {
  const clocked = new Clocked();
  clocked.grant(1n, 10, 0);
  const lease = clocked.machine.leases.get(1n);
  const left = (nowUs: number): number | undefined =>
    lease && clocked.deadlines.remainingSeconds(lease, nowUs);
  expect([left(0), left(usPerSecond), left(8.5 * usPerSecond), left(60 * usPerSecond)]).toEqual([
    10, 9, 1, 0,
  ]);
});

test('leases that come and go do not gather, however far away their deadlines are', () => {
  const clocked = new Clocked();
  clocked.grant(1n, 1_000_000, 0);
  for (let at = 2; at < 6_000; at += 1) {
    clocked.grant(BigInt(at), 100_000, at);
    clocked.revoke(BigInt(at), at);
  }
  expect(clocked.deadlines.size).toBeLessThan(1_100);
  expect(clocked.overdue(2_000_000 * usPerSecond)).toEqual([1n]);
});

test('whatever is granted, renewed and revoked when, exactly those past their deadline are overdue', () => {
  const id = fc.bigInt({ min: 1n, max: 4n });
  const step = fc.record({
    kind: fc.constantFrom('grant', 'renew', 'revoke', 'look'),
    id,
    ttl: fc.integer({ min: 1, max: 4 }),
    afterUs: fc.integer({ min: 1, max: 2 * usPerSecond }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const clocked = new Clocked();
      const model = new Map<bigint, { ttl: number; endUs: number }>();
      let nowUs = 0;
      for (const { kind, id: one, ttl, afterUs } of steps) {
        nowUs += afterUs;
        const endUs = (seconds: number): number => nowUs + seconds * (usPerSecond + driftPpm);
        const known = model.get(one);
        if (kind === 'grant' && known === undefined) {
          clocked.grant(one, ttl, nowUs);
          model.set(one, { ttl, endUs: endUs(ttl) });
        } else if (kind === 'renew') {
          clocked.renew(one, nowUs);
          if (known) known.endUs = endUs(known.ttl);
        } else if (kind === 'revoke') {
          clocked.revoke(one, nowUs);
          model.delete(one);
        } else if (kind === 'look') {
          const overdue = [...model].filter(([, lease]) => lease.endUs <= nowUs).map(([key]) => key);
          expect([...clocked.overdue(nowUs)].sort()).toEqual(overdue.sort());
        }
        const earliest = Math.min(Infinity, ...[...model.values()].map((lease) => lease.endUs));
        expect(clocked.deadlines.dueUs).toBeLessThanOrEqual(Math.max(earliest, nowUs + 1));
      }
    }),
    { numRuns: 300 },
  );
});
