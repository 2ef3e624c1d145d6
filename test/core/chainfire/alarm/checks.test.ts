import { describe, expect, test } from 'vitest';
import {
  AlarmRequest,
  alarmActions,
  alarmTypes,
  MemberAddRequest,
} from '../../../../core/chainfire/api/cluster.ts';
import { authActions, AuthChange } from '../../../../core/chainfire/auth/protocol.ts';
import { authTable } from '../../../../core/chainfire/auth/keys.ts';
import { leaseKeyTable, leaseTable } from '../../../../core/chainfire/lease/keys.ts';
import { type MemberConfig, type MemberRequest } from '../../../../core/chainfire/member-protocol.ts';
import { currentTable, historyTable, indexTable, metaTable } from '../../../../core/chainfire/mvcc/keys.ts';
import { TestCluster } from '../cluster.ts';
import { ask } from '../requests.ts';

const periodic: Partial<MemberConfig> = { corruptionCheckIntervalUs: 2_000_000 };

/** Something in every table, compacted in part. */
function furnished(size: number, config: Partial<MemberConfig> = periodic): TestCluster {
  const cluster = new TestCluster(size, config);
  cluster.elect();
  cluster.call(1, ask.grant(1_000, 7n));
  for (const text of ['1', '2', '3']) cluster.call(1, ask.put('a', text));
  cluster.call(1, ask.put('b', '1', { lease: 7n }));
  cluster.call(1, ask.put('c', '1'));
  cluster.call(1, ask.del('c'));
  const user = AuthChange.create({ action: authActions.userAdd, user: 'u', noPassword: true });
  cluster.call(1, { kind: 'authChange', request: user });
  cluster.call(1, ask.compact(4));
  cluster.quiesce();
  return cluster;
}

/** Changes one byte at the end of a row's value, behind the member's back. */
function tamper(cluster: TestCluster, id: number, table: string, key: string): void {
  const { store } = cluster.node(id);
  const value = store.get(table, key);
  if (value === undefined) throw new Error(`there is no row ${JSON.stringify(key)} in ${table}`);
  const changed = value.slice();
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  store.write([{ table, key, value: changed }]);
}

function lastKey(cluster: TestCluster, id: number, table: string): string {
  for (const [key] of cluster.node(id).store.range(table, { from: '', reverse: true, limit: 1 })) return key;
  throw new Error(`${table} is empty`);
}

/** Waits for a comparison that is begun from now on, and has been reported on by so many. */
function compared(cluster: TestCluster, reports: number): void {
  const before = Math.max(...[...cluster.nodes.values()].map(({ member }) => member.view.checks.check.index));
  cluster.runUntil(() =>
    [...cluster.nodes.values()].every(({ member, up }) => {
      const { check } = member.view.checks;
      return !up || (check.index > before && check.reports.length === reports);
    }),
  );
}

function alarmed(cluster: TestCluster): readonly string[] {
  const said = [...cluster.nodes.values()]
    .filter(({ up }) => up)
    .map(({ member }) =>
      member.view
        .alarms()
        .map(({ memberId, alarm }) => `${memberId}:${alarm}`)
        .join(' '),
    );
  expect(new Set(said).size).toBe(1);
  return said[0] === '' ? [] : (said[0]?.split(' ') ?? []);
}

function disarm(id: number): MemberRequest {
  const request = AlarmRequest.create({
    action: alarmActions.deactivate,
    memberId: BigInt(id),
    alarm: alarmTypes.corrupt,
  });
  return { kind: 'alarm', request };
}

test('members that hold the same say the same, however far each has come in freeing', () => {
  const cluster = furnished(3, { ...periodic, compactionBatch: 1 });
  for (let at = 0; at < 40; at += 1) cluster.call(1, ask.put('a', `${at}`));
  // One frees nothing any more while its store is behind, and the others have freed it all.
  cluster.holdStored(3);
  compared(cluster, 3);
  cluster.call(1, ask.compact(cluster.member(1).view.revision - 1));
  compared(cluster, 3);
  expect(alarmed(cluster)).toEqual([]);
});

describe('a row that was changed behind a member’s back is found, and the member named:', () => {
  const rows: readonly (readonly [table: string, key: string | undefined])[] = [
    [currentTable, 'a'],
    [historyTable, undefined],
    [indexTable, undefined],
    [leaseTable, undefined],
    [authTable, undefined],
    [metaTable, 'member/0000000000000001'],
  ];
  test.each(rows)('in %s', (table, key) => {
    for (const victim of [1, 2, 3]) {
      const cluster = furnished(3);
      tamper(cluster, victim, table, key ?? lastKey(cluster, victim, table));
      compared(cluster, 3);
      expect(alarmed(cluster)).toEqual([`${victim}:2`]);
      expect(cluster.call(1, ask.put('x', 'y'))).toMatchObject({ code: 'CORRUPT' });
    }
  });

  test('a row that is gone, or that was never written', () => {
    const cluster = furnished(3);
    const { store } = cluster.node(2);
    store.write([{ table: leaseKeyTable, key: lastKey(cluster, 2, leaseKeyTable), value: undefined }]);
    compared(cluster, 3);
    expect(alarmed(cluster)).toEqual(['2:2']);
    const other = furnished(3);
    const row = other.node(1).store.get(currentTable, 'a');
    other.node(3).store.write([{ table: currentTable, key: 'more', value: row }]);
    compared(other, 3);
    expect(alarmed(other)).toEqual(['3:2']);
  });
});

test('a learner is compared, too', () => {
  const cluster = furnished(3);
  cluster.call(1, {
    kind: 'memberAdd',
    request: MemberAddRequest.create({ peerUrls: ['http://m4:2380'], isLearner: true }),
  });
  cluster.join(4);
  compared(cluster, 4);
  expect(alarmed(cluster)).toEqual([]);
  tamper(cluster, 4, currentTable, 'a');
  compared(cluster, 4);
  expect(alarmed(cluster)).toEqual(['4:2']);
});

test('two that differ: nobody can say which is right, and the alarm is in no member’s name', () => {
  const cluster = furnished(2);
  tamper(cluster, 1, currentTable, 'a');
  compared(cluster, 2);
  expect(alarmed(cluster)).toEqual(['0:2']);
});

test('one that is away holds nothing up; what it has when it comes back is compared with what the others said', () => {
  const cluster = furnished(3);
  const leader = cluster.elect();
  const away = (leader % 3) + 1;
  cluster.crash(away);
  compared(cluster, 2);
  compared(cluster, 2);
  tamper(cluster, away, currentTable, 'a');
  cluster.restart(away);
  compared(cluster, 3);
  expect(alarmed(cluster)).toEqual([`${away}:2`]);
});

test('an alarm that is disarmed is raised again by the next comparison, as long as the member differs', () => {
  const cluster = furnished(3);
  tamper(cluster, 2, currentTable, 'a');
  compared(cluster, 3);
  expect(cluster.call(1, disarm(2))).toMatchObject({ kind: 'alarm' });
  expect(cluster.member(1).view.alarms()).toEqual([]);
  compared(cluster, 3);
  expect(alarmed(cluster)).toEqual(['2:2']);
});

test('a leader that has just come goes on where the last one was: every member counts the interval', () => {
  const cluster = furnished(3, { corruptionCheckIntervalUs: 10_000_000 });
  compared(cluster, 3);
  cluster.run(8_000_000);
  cluster.crash(cluster.elect());
  const before = Math.max(...[1, 2, 3].map((id) => cluster.member(id).view.checks.check.index));
  const survivor = cluster.elect();
  cluster.runUntil(() => cluster.member(survivor).view.checks.check.index > before, 6_000_000);
});

test('a report that was lost on its way to the leader is sent again', () => {
  const cluster = furnished(3);
  let lost = 0;
  cluster.onMessage = (_, __, { message }) => {
    if (message.kind !== 'proposalForwarded' || lost >= 2) return 1;
    lost += 1;
    return 0;
  };
  compared(cluster, 3);
  expect(lost).toBe(2);
});

test('a member that is told to asks once it has started, and finds what happened to it while it was down', () => {
  const cluster = furnished(3, { initialCorruptionCheck: true });
  cluster.run(1_000_000);
  const leader = cluster.elect();
  const victim = (leader % 3) + 1;
  cluster.crash(victim);
  cluster.run(3_000_000);
  expect(alarmed(cluster)).toEqual([]);
  tamper(cluster, victim, currentTable, 'a');
  cluster.restart(victim);
  compared(cluster, 3);
  expect(alarmed(cluster)).toEqual([`${victim}:2`]);
});

test('a snapshot makes a member good again: the comparison that was under way counts no more for it', () => {
  const cluster = furnished(3, { ...periodic, trailingEntries: 0 });
  const leader = cluster.elect();
  const victim = (leader % 3) + 1;
  cluster.crash(victim);
  tamper(cluster, victim, currentTable, 'a');
  for (let at = 0; at < 20; at += 1) cluster.call(leader, ask.put('b', `${at}`));
  cluster.run(1_000_000);
  cluster.restart(victim);
  cluster.quiesce();
  expect(cluster.snapshots).toBeGreaterThan(0);
  compared(cluster, 3);
  expect(alarmed(cluster)).toEqual([]);
});

test('nobody asks: nothing is compared', () => {
  const cluster = furnished(3, {});
  cluster.run(20_000_000);
  expect(cluster.member(1).view.checks.check.index).toBe(0);
});
