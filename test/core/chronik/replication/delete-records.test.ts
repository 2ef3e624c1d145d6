import { expect, test } from 'vitest';

import { type DeleteRecordsOutcome } from '../../../../core/chronik/replication/requests.ts';
import { ReplicasRig } from './replicas-rig.ts';

function begun(configs: Readonly<Record<string, string>> = {}): ReplicasRig {
  const rig = new ReplicasRig({ configs });
  rig.settle();
  for (const value of ['a', 'b', 'c']) rig.broker(1).produce([value]);
  rig.settle();
  rig.broker(1).takeTold();
  return rig;
}

function deleteTo(rig: ReplicasRig, offset: number, id = 1): DeleteRecordsOutcome {
  const { replication } = rig.broker(id);
  const deadlineUs = rig.nowUs + 5_000_000;
  return rig.broker(id).step(() => replication.deleteRecords({ key: rig.key, offset, token: 5, deadlineUs }));
}

test('records are deleted when every replica that is up has done so (KIP-107)', () => {
  const rig = begun();
  expect(deleteTo(rig, 2)).toEqual({ kind: 'waits' });
  expect(rig.broker(1).theLog.logStartOffset).toBe(2);
  rig.settle();
  expect(rig.broker(1).takeTold()).toContainEqual({ deleted: 5, end: { error: 'NONE', lowWatermark: 2 } });
  expect([2, 3].map((id) => rig.broker(id).theLog.logStartOffset)).toEqual([2, 2]);
});

test('a replica that is away is not waited for once it is fenced', () => {
  const rig = begun();
  rig.broker(3).crash();
  deleteTo(rig, -1);
  rig.settle();
  expect(rig.broker(1).takeTold()).toEqual([]);
  rig.fence(3);
  rig.settle();
  expect(rig.broker(1).takeTold()).toContainEqual({ deleted: 5, end: { error: 'NONE', lowWatermark: 3 } });
});

test('a deletion that takes too long ends with its time-out, and remains', () => {
  const rig = begun();
  rig.broker(3).crash();
  deleteTo(rig, 1);
  rig.pass(5_000_000);
  expect(rig.broker(1).takeTold()).toContainEqual({
    deleted: 5,
    end: { error: 'REQUEST_TIMED_OUT', lowWatermark: -1 },
  });
  expect(rig.broker(1).theLog.logStartOffset).toBe(1);
});

test('what cannot be deleted is refused', () => {
  const errorOf = (outcome: DeleteRecordsOutcome): string =>
    outcome.kind === 'ended' ? outcome.end.error : outcome.kind;
  expect(errorOf(deleteTo(begun(), 4))).toBe('OFFSET_OUT_OF_RANGE');
  expect(errorOf(deleteTo(begun(), -2))).toBe('OFFSET_OUT_OF_RANGE');
  expect(errorOf(deleteTo(begun(), 1, 2))).toBe('NOT_LEADER_OR_FOLLOWER');
  expect(errorOf(deleteTo(begun({ 'cleanup.policy': 'compact' }), 1))).toBe('POLICY_VIOLATION');
});

test('who waits for a deletion is told when the leader changes', () => {
  const rig = begun();
  rig.broker(3).crash();
  deleteTo(rig, 1);
  rig.fence(1);
  rig.settle();
  expect(rig.broker(1).takeTold()).toContainEqual({
    deleted: 5,
    end: { error: 'NOT_LEADER_OR_FOLLOWER', lowWatermark: -1 },
  });
});
