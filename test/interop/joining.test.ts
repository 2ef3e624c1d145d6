import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

import { Cluster, photonFile } from './cluster.ts';
import { type CommandResult, etcdctl, runCommand } from './command.ts';
import { freePorts } from './ports.ts';
import { describeWith } from './requirement.ts';

describeWith(['etcdctl'], 'a process joins a cluster, and leaves it', () => {
  let cluster: Cluster;
  let first: string;
  /** By name: the flags with which a member is started. */
  const flags = new Map<string, readonly string[]>();

  const entry = (name: string): string => `${name}=${cluster.place(name).peer}`;
  const joining = (...names: readonly string[]): readonly string[] => [
    ...['--initial-cluster', names.map(entry).join(',')],
    ...['--initial-cluster-state', 'existing'],
  ];
  const ask = (...args: readonly string[]): Promise<CommandResult> => etcdctl(first, args);
  const add = async (name: string, ...more: readonly string[]): Promise<string> => {
    const result = await ask(
      'member',
      'add',
      name,
      `--peer-urls=http://${cluster.place(name).peer}`,
      ...more,
    );
    expect(result).toMatchObject({ code: 0 });
    return /^Member +([0-9a-f]+) added/.exec(result.stdout)?.[1] ?? '';
  };
  /** Runs a member to its end, with the last of its flags in place of what it is usually told. */
  const serve = (name: string, ...given: readonly string[]): Promise<CommandResult> =>
    runCommand(process.execPath, [photonFile, 'chainfire', 'serve', ...cluster.serveFlags(name), ...given]);

  beforeAll(async () => {
    cluster = await Cluster.plan(4, (member) => flags.get(member.name) ?? []);
    flags.set('a', ['--initial-cluster', entry('a')]);
    first = cluster.place('a').client;
    await cluster.startMember('a');
    expect(await ask('put', 'before', 'all')).toMatchObject({ code: 0 });
  });
  afterAll(() => cluster?.remove());

  test('one that was not added is told how to be, and leaves nothing behind', async () => {
    const result = await serve('b', ...joining('a', 'b'));
    expect(result.code).toBe(2);
    expect(result.stderr).toContain(
      `has no member at ${cluster.place('b').peer}; add it first: etcdctl member add b --peer-urls=http://${cluster.place('b').peer}`,
    );
    expect(readdirSync(cluster.place('b').dataDir)).toEqual([]);
  });

  test('one that has nobody to ask, or forgets itself, is told so', async () => {
    const alone = await serve('b', ...joining('b'));
    expect([alone.code, alone.stderr]).toEqual([2, expect.stringContaining('initial_cluster names only b')]);
    const other = await serve('b', ...joining('a', 'c'));
    expect([other.code, other.stderr]).toEqual([
      2,
      expect.stringContaining('name is "b", it must be one of those in initial_cluster: a, c'),
    ]);
    const state = await serve('b', '--initial-cluster-state', 'exists');
    expect([state.code, state.stderr]).toEqual([
      2,
      expect.stringContaining('it must be one of new, existing'),
    ]);
  });

  test('it waits for a member that answers, and stops when it is told to', async () => {
    flags.set('d', joining('c', 'd'));
    cluster.launch('d');
    await expect
      .poll(() => readLog('d'), { timeout: 20_000 })
      .toContain('no member of the cluster to join answers yet');
    expect(await cluster.end('d', 'SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test('a voter comes in, serves what was there before it, and starts again knowing its cluster', async () => {
    cluster.showLogsOnFailure();
    await add('b');
    flags.set('b', joining('a', 'b'));
    await cluster.startMember('b');
    const there = cluster.place('b').client;
    expect((await etcdctl(there, ['get', 'before'])).stdout).toBe('before\nall\n');
    await expect
      .poll(async () => (await ask('member', 'list')).stdout, { timeout: 20_000 })
      .toContain(`2, started, b, http://${cluster.place('b').peer}, http://${there}, false`);
    // etcdctl takes the members' own URLs from the list, and each answers under it.
    const status = await ask('endpoint', 'status', '--cluster');
    expect([
      status.code,
      status.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(', ').slice(0, 2)),
    ]).toEqual([
      0,
      [
        [`http://${first}`, '1'],
        [`http://${there}`, '2'],
      ],
    ]);
    expect(await ask('endpoint', 'hashkv', '--cluster')).toMatchObject({ code: 0 });
    expect(await cluster.end('b', 'SIGTERM')).toEqual({ code: 0, signal: null });
    // Neither whom to ask nor which cluster: its directory knows. Its own addresses are this machine's affair.
    await startWithoutCluster('b');
    expect((await etcdctl(there, ['get', 'before'])).stdout).toBe('before\nall\n');
  });

  test('a learner comes in, and votes when it is promoted', async () => {
    cluster.showLogsOnFailure();
    const id = await add('c', '--learner');
    flags.set('c', joining('a', 'b', 'c'));
    await cluster.startMember('c');
    await expect.poll(async () => (await ask('member', 'promote', id)).code, { timeout: 20_000 }).toBe(0);
    expect((await ask('member', 'list')).stdout).toMatch(new RegExp(`^${id}, started, c, .*, false$`, 'm'));
  });

  test('a member moves to another address when the cluster knows of it', async () => {
    cluster.showLogsOnFailure();
    const [port = 0] = await freePorts(1);
    const moved = `127.0.0.1:${port}`;
    expect(await ask('member', 'update', '3', `--peer-urls=http://${moved}`)).toMatchObject({ code: 0 });
    await cluster.end('c', 'SIGTERM');
    flags.set('c', ['--listen-peer', moved]);
    await startWithoutCluster('c', '--listen-peer', moved);
    // It alone is left of the two that are needed beside a.
    await cluster.end('b', 'SIGKILL');
    expect(await ask('put', 'after', 'the move')).toMatchObject({ code: 0 });
    await startWithoutCluster('b');
  });

  test('a directory that was lost is not replaced by an empty one, wherever its member is said to begin', async () => {
    await cluster.end('c', 'SIGTERM');
    rmSync(cluster.place('c').dataDir, { recursive: true });
    const [, peer = ''] =
      /^3, started, c, http:\/\/([^,]+),/m.exec((await ask('member', 'list')).stdout) ?? [];
    const result = await serve(
      'c',
      ...['--initial-cluster', `${entry('a')},c=${peer}`, '--initial-cluster-state', 'existing'],
    );
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(
      /member 3 \(c\) of cluster [0-9a-f]{16} has started before, and \S+ is empty/,
    );
    expect(await ask('member', 'remove', '3')).toMatchObject({ code: 0 });
  });

  test('who was removed ends by itself, and says so at every further start', async () => {
    const exited = cluster.exitOf('b');
    expect(await ask('member', 'remove', '2')).toMatchObject({ code: 0 });
    expect(await exited).toEqual({ code: 2, signal: null });
    expect(readLog('b')).toContain('member 2 was removed from the cluster');
    const again = await serve('b', ...joining('a', 'b'));
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(
      /member 2 was removed from the cluster .*; to add it anew, give it an empty --data-dir/,
    );
    expect(await ask('put', 'alone', 'again')).toMatchObject({ code: 0 });
  });

  test('its address is free for another, which gets an id of its own', async () => {
    rmSync(cluster.place('b').dataDir, { recursive: true });
    expect(await add('b')).toBe('4');
    flags.set('b', joining('a', 'b'));
    await cluster.startMember('b');
    expect((await etcdctl(cluster.place('b').client, ['get', 'alone'])).stdout).toBe('alone\nagain\n');
  });

  function readLog(name: string): string {
    try {
      return readFileSync(cluster.place(name).logFile, 'utf8');
    } catch {
      // It has not begun to write.
      return '';
    }
  }

  /** With nothing in its command line that tells of other members. */
  async function startWithoutCluster(name: string, ...more: readonly string[]): Promise<void> {
    cluster.withoutInitialCluster.add(name);
    flags.set(name, more);
    await cluster.startMember(name);
  }
});

describeWith(['etcdctl'], 'a lost directory', () => {
  test('one of the first members that has lost its directory does not begin anew', async () => {
    const cluster = await Cluster.start(3);
    onTestFinished(() => cluster.remove());
    cluster.showLogsOnFailure();
    // It has said where its clients find it: from here on everybody knows that it has started.
    const published = `, b, http://${cluster.place('b').peer}, http://${cluster.place('b').client}, `;
    await expect
      .poll(async () => (await etcdctl(cluster.endpoints, ['member', 'list'])).stdout, { timeout: 20_000 })
      .toContain(published);
    await cluster.end('b', 'SIGKILL');
    rmSync(join(cluster.dir, 'b'), { recursive: true });
    const result = await runCommand(process.execPath, [
      photonFile,
      'chainfire',
      'serve',
      ...cluster.serveFlags('b'),
    ]);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/member 2 \(b\) of cluster [0-9a-f]{16} has started before/);
  });
});
