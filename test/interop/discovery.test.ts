import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { Cluster, photonFile } from './cluster.ts';
import { type CommandResult, etcdctl, runCommand } from './command.ts';
import { describeWith } from './requirement.ts';

/** Elections, suspicions and farewells take seconds; the machine may be busy. */
const patience = { timeout: 40_000, interval: 100 };

describeWith(['etcdctl'], 'members that are told of nobody but a few seeds', () => {
  let cluster: Cluster;
  /** In place of those with which the cluster begins. */
  const otherFlags = new Map<string, readonly string[]>();

  beforeAll(async () => {
    cluster = await Cluster.plan(4, ({ name }) => [
      // The second and the third as seeds: the first is found by them.
      ...['--discovery-seeds', ['b', 'c'].map((seed) => cluster.place(seed).peer).join(',')],
      ...['--gossip-key-file', join(cluster.dir, 'gossip.key')],
      ...(otherFlags.get(name) ?? ['--initial-cluster-size', '3']),
    ]);
    writeFileSync(join(cluster.dir, 'gossip.key'), 'thirty-two bytes that nobody knows');
    for (const { name } of cluster.members) cluster.withoutInitialCluster.add(name);
    await Promise.all(['a', 'b', 'c'].map((name) => cluster.startMember(name)));
  });
  afterAll(() => cluster?.remove());

  const client = (name: string): string => cluster.place(name).client;
  const log = (name: string): string => readFileSync(cluster.place(name).logFile, 'utf8');
  const metrics = async (name: string): Promise<string> =>
    (await fetch(`http://${cluster.place(name).metrics}/metrics`)).text();
  /** What a member holds of another, by its metrics. */
  const stateOf = async (of: string, by: string): Promise<string | undefined> =>
    new RegExp(`gossip_member_state\\{member="${of}",state="([a-z]+)"\\} 1`).exec(await metrics(by))?.[1];
  const clusterOf = async (name: string): Promise<unknown> => {
    const result = await etcdctl(client(name), ['endpoint', 'status', '-w', 'json']);
    const [status] = JSON.parse(result.stdout) as { Status: { header: { cluster_id: number } } }[];
    return status?.Status.header.cluster_id;
  };
  const serve = (name: string, ...flags: readonly string[]): Promise<CommandResult> =>
    runCommand(process.execPath, [photonFile, 'chainfire', 'serve', ...cluster.serveFlags(name), ...flags]);

  test('find each other and are one cluster, which etcdctl uses', async () => {
    cluster.showLogsOnFailure();
    expect(await etcdctl(client('a'), ['put', 'found', 'each other'])).toMatchObject({ code: 0 });
    for (const name of ['a', 'b', 'c']) {
      expect(await etcdctl(client(name), ['get', 'found'])).toMatchObject({ stdout: 'found\neach other\n' });
    }
    const listed = await etcdctl(client('c'), ['member', 'list']);
    const members = listed.stdout.trim().split('\n');
    expect(members.map((line) => line.split(', ').slice(1, 4))).toEqual(
      ['a', 'b', 'c'].map((name) => ['started', name, `http://${cluster.place(name).peer}`]),
    );
    const [first, ...others] = await Promise.all(['a', 'b', 'c'].map(clusterOf));
    expect(others).toEqual([first, first]);
    await expect.poll(() => stateOf('a', 'c'), patience).toBe('alive');
  });

  test('one that is killed is suspected and said dead, and is back when it is', async () => {
    cluster.showLogsOnFailure();
    await cluster.end('b', 'SIGKILL');
    await expect.poll(() => stateOf('b', 'a'), patience).toBe('dead');
    await expect.poll(() => stateOf('b', 'c'), patience).toBe('dead');
    expect(await metrics('a')).toMatch(/gossip_changes_total\{change="died"\} 1\n/);
    expect(log('a')).toMatch(/"name":"b",.*"message":"gossip: member suspected"/);
    expect(log('a')).toMatch(/"name":"b",.*"message":"gossip: member died"/);
    // The cluster goes on with its majority, whatever gossip says.
    expect(await etcdctl(client('a'), ['put', 'without', 'b'])).toMatchObject({ code: 0 });
    await cluster.startMember('b');
    await expect.poll(() => stateOf('b', 'a'), patience).toBe('alive');
    expect(await etcdctl(client('b'), ['get', 'without'])).toMatchObject({ stdout: 'without\nb\n' });
  });

  test('one that is stopped in order leaves, and is taken for dead by nobody', async () => {
    cluster.showLogsOnFailure();
    expect(await cluster.end('c', 'SIGTERM')).toEqual({ code: 0, signal: null });
    await expect.poll(() => stateOf('c', 'a'), patience).toBe('left');
    await expect.poll(() => stateOf('c', 'b'), patience).toBe('left');
    expect(log('a')).not.toMatch(/"name":"c",.*"message":"gossip: member died"/);
    await cluster.startMember('c');
    await expect.poll(() => stateOf('c', 'a'), patience).toBe('alive');
  });

  test('one too many begins no second cluster, and is told what to do', async () => {
    cluster.showLogsOnFailure();
    const { peer } = cluster.place('d');
    const result = await serve('d');
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(
      new RegExp(
        `cluster [0-9a-f]{16} runs and has no member at ${peer}; add it first: etcdctl member add d --peer-urls=http://${peer}`,
      ),
    );
    expect((await etcdctl(client('a'), ['member', 'list'])).stdout.trim().split('\n')).toHaveLength(3);
  });

  test('it comes in when it was added, and finds the members by itself', async () => {
    cluster.showLogsOnFailure();
    const added = await etcdctl(client('a'), [
      ...['member', 'add', 'd', `--peer-urls=http://${cluster.place('d').peer}`],
    ]);
    expect(added).toMatchObject({ code: 0 });
    otherFlags.set('d', ['--initial-cluster-state', 'existing']);
    await cluster.startMember('d');
    expect(await etcdctl(client('d'), ['get', 'found'])).toMatchObject({ stdout: 'found\neach other\n' });
    expect(await clusterOf('d')).toBe(await clusterOf('a'));
    await expect.poll(() => stateOf('d', 'a'), patience).toBe('alive');
  });

  test('one that is removed leaves; all the others at once find each other again', async () => {
    cluster.showLogsOnFailure();
    const listed = await etcdctl(client('a'), ['member', 'list']);
    const id = /^([0-9a-f]+), started, d/m.exec(listed.stdout)?.[1] ?? '';
    const ended = cluster.exitOf('d');
    expect(await etcdctl(client('a'), ['member', 'remove', id])).toMatchObject({ code: 0 });
    expect(await ended).toEqual({ code: 2, signal: null });
    await expect.poll(() => stateOf('d', 'a'), patience).toBe('left');
    await Promise.all(['a', 'b', 'c'].map((name) => cluster.end(name, 'SIGKILL')));
    await Promise.all(['a', 'b', 'c'].map((name) => cluster.startMember(name)));
    expect(await etcdctl(client('b'), ['get', 'found'])).toMatchObject({ stdout: 'found\neach other\n' });
    await expect.poll(() => stateOf('a', 'b'), patience).toBe('alive');
  });

  test('one whose directory is lost is not taken for a new member', async () => {
    cluster.showLogsOnFailure();
    await cluster.end('a', 'SIGTERM');
    const result = await serve('a', '--data-dir', join(cluster.dir, 'another'));
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('has started before, and');
    await cluster.startMember('a');
  });

  test('a key that is too short, and settings that nothing would use, are refused by name', async () => {
    const short = join(cluster.dir, 'short.key');
    writeFileSync(short, 'short');
    const result = await serve('d', '--gossip-key-file', short);
    expect([result.code, result.stderr]).toEqual([2, expect.stringContaining('it must hold at least 32')]);
  });
});
