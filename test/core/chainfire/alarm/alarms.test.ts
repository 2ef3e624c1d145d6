import { expect, test } from 'vitest';
import {
  AlarmRequest,
  alarmActions,
  alarmTypes,
  MemberRemoveRequest,
} from '../../../../core/chainfire/api/cluster.ts';
import { alarmsMax } from '../../../../core/chainfire/alarm/alarm-state.ts';
import { LeaseGrantRequest } from '../../../../core/chainfire/api/lease.ts';
import { type MemberRequest, type MemberResponse } from '../../../../core/chainfire/member-protocol.ts';
import { TestCluster } from '../cluster.ts';
import { ask, get, op, put } from '../requests.ts';

const { nospace, corrupt } = alarmTypes;

function alarm(action: number, memberId = 0, kind: number = alarmTypes.none): MemberRequest {
  const request = AlarmRequest.create({ action, memberId: BigInt(memberId), alarm: kind });
  return { kind: 'alarm', request };
}
const list = alarm(alarmActions.get);
const raise = (memberId: number, kind: number) => alarm(alarmActions.activate, memberId, kind);
const disarm = (memberId: number, kind: number) => alarm(alarmActions.deactivate, memberId, kind);

const grant = (id: bigint, ttlSeconds = 100): MemberRequest => ({
  kind: 'leaseGrant',
  request: LeaseGrantRequest.create({ ttlSeconds, id }),
});
const revoke = (id: bigint): MemberRequest => ({ kind: 'leaseRevoke', request: { id } });
const keepAlive = (id: bigint): MemberRequest => ({ kind: 'leaseKeepAlive', request: { id } });

/** In short: what was raised, or the code of a refusal, or that it was done. */
function said(response: MemberResponse): string {
  if (response.kind === 'refused') return response.code;
  if (response.kind !== 'alarm') return 'done';
  return response.response.alarms.map(({ memberId, alarm: kind }) => `${memberId}:${kind}`).join(' ');
}

test('alarms are raised, listed by member and kind, and disarmed one by one, as at etcd', () => {
  const cluster = new TestCluster(3);
  cluster.elect();
  const answers = [
    list,
    disarm(0, 0),
    raise(3, nospace),
    raise(3, nospace),
    raise(1, corrupt),
    raise(1, nospace),
    list,
  ].map((request) => said(cluster.call(2, request)));
  expect(answers).toEqual(['', '', '3:1', '3:1', '1:2', '1:1', '1:1 1:2 3:1']);
  expect(said(cluster.call(1, alarm(alarmActions.get, 9, corrupt)))).toBe('1:2');
  expect(said(cluster.call(1, disarm(3, corrupt)))).toBe('');
  for (const [id, kind] of [
    [1, nospace],
    [1, corrupt],
    [3, nospace],
  ] as const) {
    expect(said(cluster.call(1, disarm(id, kind)))).toBe(`${id}:${kind}`);
  }
  expect(said(cluster.call(3, list))).toBe('');
});

test('what is wrong with a request is named, and nothing is raised', () => {
  const cluster = new TestCluster(1);
  cluster.elect();
  for (const wrong of [
    alarm(7),
    alarm(-1),
    raise(1, alarmTypes.none),
    raise(1, 9),
    disarm(1, 9),
    alarm(0, 0, 9),
  ]) {
    expect(said(cluster.call(1, wrong))).toBe('INVALID_ALARM');
  }
  expect(said(cluster.call(1, list))).toBe('');
});

test('numbers that are no member’s are taken, up to a bound; a member’s own alarm has a place beyond it', () => {
  const cluster = new TestCluster(1);
  cluster.elect();
  for (let id = 100; id < 100 + alarmsMax; id += 1) cluster.send(1, raise(id, nospace));
  expect(said(cluster.call(1, raise(99, nospace)))).toBe('TOO_MANY_ALARMS');
  expect(said(cluster.call(1, raise(100, nospace)))).toBe('100:1');
  expect(said(cluster.call(1, raise(1, nospace)))).toBe('1:1');
});

test('NOSPACE refuses what takes space, on whichever branch, and lets go on what frees it', () => {
  const cluster = new TestCluster(3);
  cluster.elect();
  cluster.call(1, ask.put('a', '1'));
  cluster.call(1, ask.put('a', '2'));
  cluster.call(1, grant(7n));
  cluster.call(1, raise(2, nospace));
  const inTxn = op.put(put('b', '1'));
  const refused = [
    ask.put('a', '3'),
    ask.txn({ success: [inTxn] }),
    ask.txn({ failure: [inTxn] }),
    ask.txn({ success: [op.txn({ compare: [], success: [inTxn], failure: [] })] }),
    grant(8n),
  ];
  expect(refused.map((request) => said(cluster.call(3, request)))).toEqual(refused.map(() => 'NO_SPACE'));
  const done = [
    ask.get('a'),
    keepAlive(7n),
    ask.del('a'),
    ask.txn({ success: [op.del({ key: 'z', rangeEnd: '', prevKv: false })] }),
    ask.compact(3),
    revoke(7n),
  ];
  expect(done.map((request) => said(cluster.call(3, request)))).toEqual(done.map(() => 'done'));
  expect(said(cluster.call(1, disarm(2, nospace)))).toBe('2:1');
  expect(said(cluster.call(3, ask.put('a', '4')))).toBe('done');
});

test('CORRUPT refuses every change of keys and leases, and serves reads and renewals', () => {
  const cluster = new TestCluster(3);
  cluster.elect();
  cluster.call(1, ask.put('a', '1'));
  cluster.call(1, grant(7n));
  cluster.call(1, raise(2, nospace));
  cluster.call(1, raise(0, corrupt));
  const refused = [
    ask.put('a', '3'),
    ask.del('a'),
    ask.txn({ success: [op.put(put('b', '1'))] }),
    ask.compact(2),
    grant(8n),
    revoke(7n),
  ];
  expect(refused.map((request) => said(cluster.call(3, request)))).toEqual(refused.map(() => 'CORRUPT'));
  const read = ask.txn({ success: [op.range(get('a'))] });
  expect([ask.get('a'), read, keepAlive(7n)].map((request) => said(cluster.call(3, request)))).toEqual([
    'done',
    'done',
    'done',
  ]);
});

test('no lease ends while members are known to differ; those that are overdue end when the alarm is disarmed', () => {
  const cluster = new TestCluster(3);
  cluster.elect();
  cluster.call(1, grant(7n, 3));
  cluster.call(1, ask.put('a', '1', { lease: 7n }));
  cluster.call(1, raise(1, corrupt));
  cluster.run(20_000_000);
  expect(cluster.member(1).view.leaseCount).toBe(1);
  cluster.call(1, disarm(1, corrupt));
  cluster.runUntil(() => cluster.member(1).view.leaseCount === 0, 10_000_000);
});

test('every member has the same alarms, and the same checksum with them; they outlive a crash of all', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  cluster.call(leader, raise(2, nospace));
  cluster.call(leader, raise(1, corrupt));
  cluster.quiesce();
  const views = [1, 2, 3].map((id) => cluster.member(id).view);
  expect(new Set(views.map(({ appliedHash }) => appliedHash)).size).toBe(1);
  for (const id of [1, 2, 3]) cluster.crash(id);
  for (const id of [1, 2, 3]) cluster.restart(id);
  expect([1, 2, 3].map((id) => cluster.member(id).view.alarms())).toEqual(views.map((view) => view.alarms()));
  cluster.elect();
  expect(said(cluster.call(3, list))).toBe('1:2 2:1');
});

test('a snapshot brings the alarms with it', () => {
  const cluster = new TestCluster(3, { trailingEntries: 0 });
  const leader = cluster.elect();
  const behind = (leader % 3) + 1;
  cluster.crash(behind);
  cluster.call(leader, raise(leader, nospace));
  for (let at = 0; at < 20; at += 1) cluster.call(leader, ask.del('nothing'));
  cluster.run(2_000_000);
  cluster.restart(behind);
  cluster.quiesce();
  expect(cluster.snapshots).toBeGreaterThan(0);
  expect(cluster.member(behind).view.alarms()).toEqual([{ memberId: BigInt(leader), alarm: nospace }]);
});

test('Status shows them as etcd does', () => {
  const cluster = new TestCluster(1);
  cluster.elect();
  for (const request of [raise(5, nospace), raise(0, corrupt)]) cluster.call(1, request);
  const status = cluster.call(1, { kind: 'status', request: {} });
  expect(status).toMatchObject({ response: { errors: ['alarm:CORRUPT ', 'memberID:5 alarm:NOSPACE '] } });
});

test('a member that is removed takes its alarms with it', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const other = (leader % 3) + 1;
  for (const id of [leader, other]) cluster.call(leader, raise(id, corrupt));
  cluster.call(leader, { kind: 'memberRemove', request: MemberRemoveRequest.create({ id: BigInt(other) }) });
  expect(said(cluster.call(leader, list))).toBe(`${leader}:2`);
});
