import { expect, test } from 'vitest';
import { usPerSecond } from '../../../../core/base/units.ts';
import { type CommandBody } from '../../../../core/chainfire/command.ts';
import { expiryIdsMax, expiryKeysMax, Expiry } from '../../../../core/chainfire/lease/expiry.ts';
import { LeaseDeadlines } from '../../../../core/chainfire/lease/lease-deadlines.ts';
import { type RaftRefusal, type RaftView, type Role } from '../../../../core/raft/types.ts';
import { Machine } from '../machine.ts';

const retryUs = usPerSecond;
const lateUs = 100 * usPerSecond;

class Scene {
  readonly machine = new Machine();
  readonly deadlines = new LeaseDeadlines(this.machine.leases, 0);
  role: Role = 'leader';
  term = 3;
  applied = { index: 7, term: 3 };
  refusal: RaftRefusal | undefined;
  keys = 1;
  readonly proposed: NonNullable<CommandBody['leaseExpire']>[] = [];
  readonly expiry: Expiry;

  constructor() {
    const raft = Object.defineProperties({} as RaftView, {
      role: { get: () => this.role },
      term: { get: () => this.term },
    });
    this.expiry = new Expiry({
      raft,
      deadlines: this.deadlines,
      retryUs,
      port: {
        encode: (body) => {
          this.proposed.push(body.leaseExpire as NonNullable<CommandBody['leaseExpire']>);
          return { seq: this.proposed.length, bytes: new Uint8Array() };
        },
        propose: () => this.refusal,
        countKeys: () => this.keys,
      },
    });
  }

  grant(count: number, ttlSeconds = 10): void {
    const first = this.machine.log.length + 1;
    for (let at = 0; at < count; at += 1) {
      this.machine.do({ kind: 'leaseGrant', request: { id: BigInt(first + at), ttlSeconds } });
    }
    this.deadlines.restart(0);
  }

  settle(nowUs = lateUs): void {
    this.expiry.settle(nowUs, this.applied);
  }
}

test('a leader names what is overdue, with its term and what it has applied', () => {
  const scene = new Scene();
  scene.grant(2);
  expect(scene.expiry.dueUs(3)).toBe(10 * usPerSecond);
  scene.settle(10 * usPerSecond - 1);
  expect(scene.proposed).toEqual([]);
  scene.settle(10 * usPerSecond);
  expect(scene.proposed).toEqual([{ ids: [1n, 2n], term: 3, appliedIndex: 7 }]);
});

test('who does not lead, or has not yet applied an entry of its own term, names nothing', () => {
  const scene = new Scene();
  scene.grant(1);
  scene.role = 'follower';
  scene.settle();
  scene.role = 'leader';
  scene.applied = { index: 7, term: 2 };
  scene.settle();
  expect([scene.proposed.length, scene.expiry.dueUs(2)]).toEqual([0, Infinity]);
  scene.applied = { index: 8, term: 3 };
  scene.settle();
  expect(scene.proposed).toEqual([{ ids: [1n], term: 3, appliedIndex: 8 }]);
});

test('one entry is under way at a time, of bounded length', () => {
  const scene = new Scene();
  scene.grant(expiryIdsMax + 1);
  scene.settle();
  scene.settle();
  expect(scene.proposed.map(({ ids }) => ids.length)).toEqual([expiryIdsMax]);
  expect(scene.expiry.dueUs(3)).toBe(Infinity);
  expect([scene.expiry.applied(9), scene.expiry.applied(1)]).toEqual([false, true]);
  scene.settle();
  expect(scene.proposed.map(({ ids }) => ids.length)).toEqual([expiryIdsMax, 1]);
});

test('leases with many keys share an entry with few others, and one alone is never too many', () => {
  const scene = new Scene();
  scene.grant(3);
  scene.keys = expiryKeysMax / 2;
  scene.settle();
  scene.keys = 1_000_000;
  expect(scene.expiry.applied(1)).toBe(true);
  scene.settle();
  expect(scene.proposed.map(({ ids }) => ids)).toEqual([[1n, 2n], [3n]]);
});

test('what a lost term left undone is found again by the next one, also here', () => {
  const scene = new Scene();
  scene.grant(1);
  scene.settle();
  scene.term = 4;
  scene.applied = { index: 9, term: 4 };
  scene.settle(lateUs);
  expect(scene.proposed.length).toBe(1);
  scene.settle(lateUs + retryUs);
  expect(scene.proposed[1]).toEqual({ ids: [1n], term: 4, appliedIndex: 9 });
  // The old term's entry says nothing of the new one.
  expect(scene.expiry.applied(1)).toBe(false);
});

test('a log without room is asked again after a while', () => {
  const scene = new Scene();
  scene.grant(1);
  scene.refusal = 'BUSY';
  scene.settle();
  scene.settle(lateUs + 1);
  expect([scene.proposed.length, scene.expiry.dueUs(3)]).toEqual([1, lateUs + retryUs]);
  scene.refusal = undefined;
  scene.settle(lateUs + retryUs);
  expect(scene.proposed.length).toBe(2);
  expect(scene.expiry.dueUs(3)).toBe(Infinity);
});
