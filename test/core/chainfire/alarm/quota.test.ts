import { expect, test } from 'vitest';
import { alarmActions, AlarmRequest, alarmTypes } from '../../../../core/chainfire/api/cluster.ts';
import { type MemberRequest, type MemberResponse } from '../../../../core/chainfire/member-protocol.ts';
import { TestCluster } from '../cluster.ts';
import { ask, op, put } from '../requests.ts';

const quotaBackendBytes = 100_000;
const large = 'x'.repeat(5_000);
const disarm = (id: number): MemberRequest => ({
  kind: 'alarm',
  request: { action: alarmActions.deactivate, memberId: BigInt(id), alarm: alarmTypes.nospace },
});
const list: MemberRequest = { kind: 'alarm', request: AlarmRequest.create() };

function code(response: MemberResponse): string {
  return response.kind === 'refused' ? response.code : 'done';
}

/** Puts to one key until that is refused: only its history grows. */
function fill(cluster: TestCluster, id: number): void {
  for (let at = 0; at < 100; at += 1) {
    const answer = code(cluster.call(id, ask.put('a', large)));
    if (answer === 'done') continue;
    expect(answer).toBe('NO_SPACE');
    return;
  }
  throw new Error('there was space without end');
}

function alarmed(cluster: TestCluster, id: number): readonly bigint[] {
  return cluster
    .member(id)
    .view.alarms()
    .map(({ memberId }) => memberId);
}

test('a put that does not fit is refused, and the alarm stands when it is: NOSPACE of the member that was asked', () => {
  const cluster = new TestCluster(3, { quotaBackendBytes });
  const leader = cluster.elect();
  const asked = (leader % 3) + 1;
  fill(cluster, asked);
  expect(alarmed(cluster, asked)).toContain(BigInt(asked));
  for (const id of [1, 2, 3]) {
    expect(cluster.member(id).view.storedBytes).toBeLessThanOrEqual(quotaBackendBytes);
    expect(code(cluster.call(id, ask.put('b', large)))).toBe('NO_SPACE');
  }
  expect(code(cluster.call(asked, ask.get('a')))).toBe('done');
});

test('what compaction frees is space again, once the alarm is disarmed', () => {
  const cluster = new TestCluster(3, { quotaBackendBytes });
  cluster.elect();
  fill(cluster, 1);
  const { revision } = cluster.member(1).view;
  expect(code(cluster.call(1, ask.compact(revision, true)))).toBe('done');
  expect(code(cluster.call(1, ask.put('a', large)))).toBe('NO_SPACE');
  for (const id of alarmed(cluster, 1)) cluster.call(1, disarm(Number(id)));
  expect(code(cluster.call(1, ask.put('a', large)))).toBe('done');
  expect(alarmed(cluster, 1)).toEqual([]);
});

test('disarmed while there is still too much, it is raised again by itself', () => {
  const cluster = new TestCluster(1, { quotaBackendBytes });
  cluster.elect();
  cluster.call(1, ask.put('a', 'x'.repeat(40_000)));
  // Under way before the first of them is applied: each of them fits.
  for (let at = 0; at < 4; at += 1) cluster.send(1, ask.put(`b${at}`, 'y'.repeat(9_000)));
  cluster.runUntil(() => alarmed(cluster, 1).length === 1);
  expect(cluster.member(1).view.storedBytes).toBeGreaterThan(quotaBackendBytes);
  expect(code(cluster.call(1, disarm(1)))).toBe('done');
  expect(alarmed(cluster, 1)).toEqual([]);
  cluster.runUntil(() => alarmed(cluster, 1).length === 1);
});

test('a transaction counts by the branch that puts more; what frees is never held up', () => {
  const cluster = new TestCluster(1, { quotaBackendBytes });
  cluster.elect();
  const much = { success: [], failure: [op.put(put('a', 'x'.repeat(60_000)))], compare: [] };
  expect(code(cluster.call(1, ask.txn({ success: [op.txn(much)] })))).toBe('NO_SPACE');
  expect(cluster.member(1).view.revision).toBe(1);
  expect(code(cluster.call(1, ask.del('a')))).toBe('done');
});

test('without a leader nobody can be told: the refusal comes at the end of patience, and promises that nothing was done', () => {
  const cluster = new TestCluster(3, { quotaBackendBytes });
  cluster.elect();
  cluster.call(1, ask.put('a', large));
  for (const id of [2, 3]) cluster.crash(id);
  cluster.runUntil(() => cluster.member(1).view.raft.leader === 0);
  expect(code(cluster.call(1, ask.put('b', 'x'.repeat(200_000))))).toBe('NO_SPACE');
  expect(cluster.member(1).view.pendingRequests).toBe(0);
});

test('a word that was lost on its way to the leader is said again', () => {
  const cluster = new TestCluster(3, { quotaBackendBytes });
  const leader = cluster.elect();
  const asked = (leader % 3) + 1;
  let lost = 0;
  cluster.onMessage = (_, __, { message }) => {
    if (message.kind !== 'proposalForwarded' || lost > 0) return 1;
    lost += 1;
    return 0;
  };
  expect(code(cluster.call(asked, ask.put('b', 'x'.repeat(200_000))))).toBe('NO_SPACE');
  expect(lost).toBe(1);
  expect(alarmed(cluster, asked)).toEqual([BigInt(asked)]);
});

test('0 is no quota', () => {
  const cluster = new TestCluster(1, { quotaBackendBytes: 0 });
  cluster.elect();
  for (let at = 0; at < 30; at += 1) expect(code(cluster.call(1, ask.put('a', large)))).toBe('done');
  expect(cluster.call(1, list)).toMatchObject({ response: { alarms: [] } });
});
