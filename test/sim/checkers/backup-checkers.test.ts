import { expect, test } from 'vitest';

import { nodeId } from '../../../core/base/ids.ts';
import { bytesFromLatin1 } from '../../../core/base/bytes.ts';
import { KeyValue } from '../../../core/chainfire/api/kv.ts';
import { type ChainfireMember } from '../../../core/chainfire/member.ts';
import { readApplied } from '../../../core/chainfire/mvcc/meta.ts';
import { memberTables } from '../../../core/chainfire/tables.ts';
import { type Backup } from '../../../sim/backup/backup.ts';
import { stateOfStore } from '../../../sim/backup/state-in-words.ts';
import { BackupExact } from '../../../sim/checkers/backup-exact.ts';
import { BackupNotOlder } from '../../../sim/checkers/backup-not-older.ts';
import { inherit } from '../../../sim/checkers/inheritance.ts';
import { RestoredHistory } from '../../../sim/checkers/restored-history.ts';
import { Truth } from '../../../sim/checkers/truth.ts';
import { MemberFeeds } from '../../../sim/checkers/watch-feeds.ts';
import { type RunEnd, type WatchLog } from '../../../sim/types.ts';
import { Machine } from '../../core/chainfire/machine.ts';

/** A store with `count` versions of one key, and the truth of it. */
function written(count: number): { readonly machine: Machine; readonly truth: Truth } {
  const machine = new Machine();
  const truth = new Truth();
  for (let at = 1; at <= count; at += 1) {
    const value = bytesFromLatin1(`${at}`);
    const put = { key: 'k', value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
    machine.do({ kind: 'put', request: put });
    const row = KeyValue.create({ key: 'k', value, modRevision: at + 1, createRevision: 2, version: at });
    truth.add({ revision: at + 1, atUs: at, rows: [row] });
  }
  return { machine, truth };
}

function backupOf({ store }: Machine): Backup {
  const tables = new Map(memberTables.map((table) => [table, [...store.range(table, { from: '' })]]));
  return { node: nodeId(1), openedUs: 1, endedUs: 2, member: stateOfStore(store), leases: [], tables };
}

const endWith = (fields: Partial<RunEnd>): RunEnd => ({
  nowUs: 100,
  history: [],
  members: new Map(),
  watches: [],
  holds: [],
  ...fields,
});

test('a backup that is the state at its revision passes', () => {
  const { machine, truth } = written(4);
  const checker = new BackupExact(truth);
  expect(() => {
    checker.onEnd(endWith({ backups: [backupOf(machine)] }));
  }).not.toThrow();
});

test('backup-exact: a table of a later revision than the others', () => {
  const earlier = backupOf(written(4).machine);
  const { machine, truth } = written(5);
  const tables = new Map([...earlier.tables, ['history', [...machine.store.range('history', { from: '' })]]]);
  expect(() => {
    new BackupExact(truth).onEnd(endWith({ backups: [{ ...earlier, tables }] }));
  }).toThrow(/backup-exact/);
});

test('backup-exact: a table that is missing', () => {
  const { machine, truth } = written(3);
  const whole = backupOf(machine);
  for (const table of ['current', 'history', 'index', 'meta']) {
    const tables = new Map([...whole.tables].filter(([name]) => name !== table));
    expect(() => {
      new BackupExact(truth).onEnd(endWith({ backups: [{ ...whole, tables }] }));
    }, table).toThrow(/backup-exact/);
  }
});

test('backup-not-older: a backup of less than its member has answered with', () => {
  const checker = new BackupNotOlder();
  const { machine } = written(2);
  const response = { kind: 'put', response: { header: { revision: 9 } } } as never;
  const effects = [{ kind: 'reply', requestId: 1, response, afterSyncSeq: 0 }] as const;
  const member = undefined as unknown as ChainfireMember;
  checker.onStep({ nowUs: 1, node: nodeId(1), event: { kind: 'tick' }, effects, member });
  const opened = { node: nodeId(1), atUs: 2, member, applied: readApplied(machine.store) };
  expect(() => {
    checker.onBackupOpened(opened);
  }).toThrow('backup-not-older: a backup of member 1 is of revision 3; it had answered with 9 before');
  checker.onRecovered(nodeId(1));
  expect(() => {
    checker.onBackupOpened(opened);
  }).not.toThrow();
});

test('restored-history: a watch from before the restored revision that is told of what came later', () => {
  const { machine, truth } = written(3);
  const revisions = { bump: 100, markCompacted: true };
  const inheritance = inherit(backupOf(machine), revisions, { truth, atUs: 10 });
  expect(inheritance.state).toMatchObject({ revision: 104, compactRevision: 104 });
  const target = {
    key: 'k',
    rangeEnd: '',
    startRevision: 3,
    prevKv: false,
    filters: [],
    progressNotify: false,
  };
  const delivery = (revision: number) => ({ atUs: 20, batch: { revision, events: [] } });
  const watch = (fields: Partial<WatchLog>): WatchLog => ({
    ...{ client: 100, watchId: 1, target, openedUs: 11, deliveries: [], end: undefined, closed: false },
    ...fields,
  });
  const judge = (log: WatchLog) => () => {
    new RestoredHistory(inheritance, new MemberFeeds()).onEnd(endWith({ watches: [log] }));
  };
  expect(judge(watch({ deliveries: [delivery(104), delivery(105)] }))).toThrow(/restored-history/);
  const end = { kind: 'compacted', compactRevision: 104 } as const;
  expect(judge(watch({ deliveries: [delivery(104)], end }))).not.toThrow();
});

test('the truth of a restored cluster is that of the old one up to the backup, and nothing before its own first revision', () => {
  const { truth } = written(5);
  const inherited = Truth.goingOn(truth, { revision: 4, bump: 10 });
  expect(inherited.revision).toBe(14);
  expect(inherited.inheritedRevision).toBe(14);
  expect(inherited.rowAt('k', 14)?.modRevision).toBe(4);
  expect(inherited.changeAt(9)?.rows).toEqual([]);
  expect(inherited.isLost).toBe(false);
  expect(Truth.goingOn(undefined, { revision: 4, bump: 10 }).isLost).toBe(true);
});
