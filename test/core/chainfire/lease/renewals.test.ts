import { expect, test } from 'vitest';
import { renewalIdsMax, Renewals } from '../../../../core/chainfire/lease/renewals.ts';
import { type CommandBody } from '../../../../core/chainfire/command.ts';
import { type RaftRefusal } from '../../../../core/raft/types.ts';

const retryUs = 1_000;

class Scene {
  readonly entries: { seq: number; ids: readonly bigint[] }[] = [];
  /** Sequence numbers as they were given to Raft. */
  readonly proposed: number[] = [];
  refusal: RaftRefusal | undefined;
  #requests = 0;
  readonly renewals = new Renewals(retryUs, {
    encode: (body: CommandBody) => {
      const seq = this.entries.length + 1;
      this.entries.push({ seq, ids: body.leaseRenew?.ids ?? [] });
      return { seq, bytes: Uint8Array.of(seq) };
    },
    propose: (bytes) => {
      this.proposed.push(bytes[0] as number);
      return this.refusal;
    },
  });

  add(...ids: bigint[]): number {
    for (const id of ids) {
      this.#requests += 1;
      this.renewals.add({ requestId: this.#requests, id, deadlineUs: 10_000 });
    }
    return this.#requests;
  }

  /** @returns the requests that are answered */
  apply(seq: number): readonly number[] | undefined {
    return this.renewals.takeApplied(seq)?.map(({ requestId }) => requestId);
  }
}

test('what comes while an entry is under way gathers for the next, each lease named once', () => {
  const scene = new Scene();
  scene.add(1n);
  scene.renewals.settle(0);
  scene.add(2n, 3n, 2n, 1n);
  scene.renewals.settle(1);
  expect(scene.entries).toEqual([{ seq: 1, ids: [1n] }]);
  expect(scene.apply(1)).toEqual([1]);
  scene.renewals.settle(2);
  expect(scene.entries[1]).toEqual({ seq: 2, ids: [2n, 3n, 1n] });
  expect(scene.apply(2)).toEqual([2, 3, 4, 5]);
  expect([scene.renewals.size, scene.renewals.dueUs]).toEqual([0, Infinity]);
});

test('an entry of which nothing is heard is proposed again, the same one, and answers once', () => {
  const scene = new Scene();
  scene.add(1n);
  scene.renewals.settle(0);
  expect(scene.renewals.dueUs).toBe(retryUs);
  scene.renewals.settle(retryUs - 1);
  scene.renewals.settle(retryUs);
  expect(scene.proposed).toEqual([1, 1]);
  expect(scene.apply(1)).toEqual([1]);
  expect(scene.apply(1)).toBeUndefined();
});

test('a leader that shows up is told at once', () => {
  const scene = new Scene();
  scene.add(1n);
  scene.renewals.settle(0);
  scene.renewals.leaderFound();
  scene.renewals.settle(1);
  expect(scene.proposed).toEqual([1, 1]);
});

test('an entry that nobody waits for any more is given up, and does not hold up the next', () => {
  const scene = new Scene();
  scene.add(1n);
  scene.renewals.settle(0);
  scene.renewals.cancel(1);
  scene.add(2n);
  scene.renewals.settle(retryUs);
  expect(scene.proposed).toEqual([1, 2]);
  expect(scene.apply(1)).toBeUndefined();
  expect(scene.apply(2)).toEqual([2]);
});

test('who has waited too long is named once, and not answered later', () => {
  const scene = new Scene();
  scene.add(1n, 2n);
  scene.renewals.settle(0);
  expect(scene.renewals.earliestDeadlineUs()).toBe(10_000);
  expect(scene.renewals.expired(9_999)).toEqual([]);
  expect(scene.renewals.expired(10_000)).toEqual([
    { requestId: 1, mayBeDone: true },
    { requestId: 2, mayBeDone: true },
  ]);
  expect(scene.apply(1)).toEqual([]);
  expect(scene.renewals.earliestDeadlineUs()).toBe(Infinity);
});

test('what Raft never took, or was not yet asked to take, is surely not done', () => {
  const scene = new Scene();
  scene.refusal = 'NO_LEADER';
  scene.add(1n);
  scene.renewals.settle(0);
  scene.add(2n);
  expect(scene.renewals.expired(10_000).map(({ mayBeDone }) => mayBeDone)).toEqual([false, false]);
  scene.add(3n);
  scene.refusal = undefined;
  scene.renewals.settle(20_000);
  scene.refusal = 'NO_LEADER';
  scene.renewals.settle(20_000 + retryUs);
  scene.add(4n);
  // Taken once is enough to be done some day.
  expect(scene.renewals.expired(30_000).map(({ mayBeDone }) => mayBeDone)).toEqual([true, false]);
});

test('an entry is bounded, and what does not fit goes with the next', () => {
  const scene = new Scene();
  scene.add(...Array.from({ length: renewalIdsMax + 5 }, (_, at) => BigInt(at + 1)));
  scene.renewals.settle(0);
  expect(scene.entries[0]?.ids.length).toBe(renewalIdsMax);
  expect(scene.apply(1)?.length).toBe(renewalIdsMax);
  scene.renewals.settle(0);
  expect(scene.entries[1]?.ids.length).toBe(5);
});
