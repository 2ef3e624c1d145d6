import { join } from 'node:path';
import { expect, test } from 'vitest';

import { LmdbBackend } from '../../adapters/lmdb/lmdb-backend.ts';
import { present } from '../../core/base/assert.ts';
import { memberTables } from '../../core/chainfire/member.ts';
import { currentTable } from '../../core/chainfire/mvcc/keys.ts';
import { Cluster } from './cluster.ts';
import { etcdctl } from './command.ts';
import { describeWith } from './requirement.ts';

const listsMax = 200;

/** Changes the last byte of a key's value in the file of a member that does not run. */
async function tamper(dataDir: string, key: string): Promise<void> {
  const store = LmdbBackend.open({ dir: join(dataDir, 'state'), tables: memberTables });
  const row = present(store.get(currentTable, key), `${key} is in the store`).slice();
  row[row.length - 1] = (row.at(-1) ?? 0) ^ 1;
  store.write([{ table: currentTable, key, value: row }]);
  await store.close();
}

async function said(endpoints: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await etcdctl(endpoints, args);
  return code === 0 ? stdout.trim() : (stderr.trim().split('\n').at(-1) ?? '');
}

/** Asks again and again: nobody calls when an alarm is raised. */
async function alarmIn(endpoints: string): Promise<string> {
  for (let at = 0; at < listsMax; at += 1) {
    const list = await said(endpoints, 'alarm', 'list');
    if (list !== '') return list;
  }
  throw new Error('no alarm was raised');
}

const ways: readonly (readonly [string, readonly string[]])[] = [
  ['at an interval', ['--corruption-check-interval-ms', '400']],
  ['when it has started', ['--initial-corruption-check', 'true']],
];

describeWith(['etcdctl'], 'a member whose file was changed while it was stopped', () => {
  test.each(ways)(
    'is found by the comparison %s, and named; writes are refused until it is gone',
    async (_, flags) => {
      const cluster = await Cluster.start(3, flags);
      try {
        cluster.showLogsOnFailure();
        const { endpoints } = cluster;
        for (const key of ['a', 'b']) expect(await said(endpoints, 'put', key, 'right')).toBe('OK');
        expect(await said(endpoints, 'alarm', 'list')).toBe('');
        await cluster.end('c', 'SIGTERM');
        const { client, dataDir } = cluster.place('c');
        await tamper(dataDir, 'b');
        await cluster.startMember('c');
        expect(await said(client, 'get', 'b', '--consistency=s', '--print-value-only')).toBe('righu');
        expect(await alarmIn(endpoints)).toBe('memberID:3 alarm:CORRUPT');
        expect(await said(endpoints, 'put', 'a', 'more')).toContain('etcdserver: corrupt cluster');
        expect(await said(endpoints, 'get', 'a', '--print-value-only')).toBe('right');
        const health = await fetch(`http://${cluster.place('a').client}/health`);
        expect([health.status, await health.json()]).toEqual([
          503,
          { health: 'false', reason: 'ALARM CORRUPT' },
        ]);
        // What the manual says: the member goes, and its alarm with it.
        const others = ['a', 'b'].map((name) => cluster.place(name).client).join(',');
        const ended = cluster.exitOf('c');
        expect(await said(others, 'member', 'remove', '3')).toContain('removed from cluster');
        await ended;
        expect(await said(others, 'put', 'a', 'more')).toBe('OK');
        expect(await said(others, 'alarm', 'list')).toBe('');
      } finally {
        await cluster.remove();
      }
    },
  );
});
