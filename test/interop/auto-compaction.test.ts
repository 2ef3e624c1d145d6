import { afterAll, expect, test } from 'vitest';

import { memberMethods } from '../../adapters/grpc/member-methods.ts';
import { RangeRequest } from '../../core/chainfire/api/kv.ts';
import { Cluster } from './cluster.ts';
import { startEtcd } from './etcd-server.ts';
import { type CallEnding, RawClient } from './raw-client.ts';
import { Side } from './twins.ts';

const ends: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of ends) await end();
});

/** Resolves when a read at the revision is refused; each answer is awaited before it asks again. */
async function compactedAt(endpoint: string, revision: number): Promise<CallEnding> {
  const client = new RawClient(endpoint);
  try {
    for (;;) {
      const answer = await client.unary(memberMethods.range, RangeRequest.create({ key: 'a', revision }));
      if ('code' in answer) return answer;
    }
  } finally {
    client.close();
  }
}

async function play(side: Side): Promise<unknown> {
  const said: unknown[] = [];
  for (let at = 0; at < 20; at += 1) said.push(await side.run('put', 'a', `${at}`));
  // Nothing more is written: all but the present is older than the retention before long.
  said.push(await compactedAt(side.endpoints.split(',')[0] as string, 20));
  for (const revision of [2, 20, 21, 22]) said.push(await side.run('get', 'a', `--rev=${revision}`));
  said.push(await side.run('get', 'a'), await side.run('compaction', '21'));
  return said;
}

test('a retention by time lets go of what is older, and refuses it as etcd does', async () => {
  const etcd = await startEtcd(['--auto-compaction-mode', 'periodic', '--auto-compaction-retention', '2s']);
  ends.push(() => etcd.stop());
  const cluster = await Cluster.start(3, [
    ...['--auto-compaction-mode', 'periodic'],
    ...['--auto-compaction-retention', '2s'],
  ]);
  ends.push(() => cluster.remove());
  cluster.showLogsOnFailure();
  const [ours, theirs] = await Promise.all([
    play(new Side('ours', cluster.endpoints)),
    play(new Side('theirs', etcd.endpoint)),
  ]);
  expect(ours).toEqual(theirs);
});

test('a retention by revisions keeps so many, with users enabled too, and says so in its metrics', async () => {
  const cluster = await Cluster.start(3, [
    ...['--auto-compaction-mode', 'revision', '--auto-compaction-retention', '5'],
    ...['--auto-compaction-interval-ms', '200', '--auth-password-cost', '10'],
  ]);
  ends.push(() => cluster.remove());
  cluster.showLogsOnFailure();
  const side = new Side('ours', cluster.endpoints);
  await side.run('user', 'add', 'root:secret');
  await side.run('user', 'grant-role', 'root', 'root');
  await side.run('auth', 'enable');
  const root = ['--user', 'root:secret'];
  for (let at = 0; at < 20; at += 1) expect((await side.run(...root, 'put', 'a', `${at}`)).code).toBe(0);
  const metric = async (): Promise<number> => {
    const body = await (await fetch(`http://${cluster.place('b').metrics}/metrics`)).text();
    return Number(/^etcd_debugging_mvcc_compact_revision(?:\{.*\})? ([0-9]+)$/m.exec(body)?.[1]);
  };
  while ((await metric()) < 16);
  expect(await metric()).toBe(16);
  expect(await side.run(...root, 'get', 'a', '--rev=15')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('etcdserver: mvcc: required revision has been compacted') as unknown,
  });
  expect(await side.run(...root, 'get', 'a', '--rev=16', '--print-value-only')).toMatchObject({
    stdout: '14\n',
  });
});
