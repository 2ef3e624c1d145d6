import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

import { ClusterBuilder } from '../../nodes/chainfire/embed/cluster-builder.ts';
import { type EmbeddedMember } from '../../nodes/chainfire/embed/embedded-member.ts';
import { type ClusterEvent } from '../../nodes/chainfire/embed/member-events.ts';
import { Cluster } from './cluster.ts';
import { etcdctl, runCommand } from './command.ts';
import { freePorts } from './ports.ts';
import { describeWith } from './requirement.ts';

/** Elections, suspicions and farewells take seconds; the machine may be busy. */
const patience = { timeout: 60_000, interval: 100 };

const cleanUps: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A member in this process, in a directory of its own, and what it tells. */
async function embed(
  name: string,
  say: (builder: ClusterBuilder) => ClusterBuilder,
): Promise<{ readonly member: EmbeddedMember; readonly events: ClusterEvent[]; readonly endpoint: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'photon-embed-'));
  cleanUps.push(() => rmSync(dir, { recursive: true, force: true }));
  const events: ClusterEvent[] = [];
  const builder = new ClusterBuilder()
    .name(name)
    .dataDirectory(dir)
    .listenClients('127.0.0.1:0')
    .settings({ logLevel: 'fatal' })
    .onAny((event) => void events.push(event));
  const member = say(builder).build();
  cleanUps.push(() => member.stop());
  await member.start();
  return { member, events, endpoint: member.clientAddress ?? '' };
}

function changesOf(events: readonly ClusterEvent[]): readonly ClusterEvent<'membershipChanged'>[] {
  return events.filter((event) => event.kind === 'membershipChanged');
}

/** What was told of a process by gossip, in order. */
function toldOf(events: readonly ClusterEvent[], name: string): readonly string[] {
  return events.flatMap((event) => ('node' in event && event.node.name === name ? [event.kind] : []));
}

describeWith(['etcdctl'], 'a member inside another process', () => {
  test("serves etcd's client, and tells its program what that has written", async () => {
    const told: string[] = [];
    const { member, endpoint } = await embed('a', (builder) =>
      builder
        .onPrefixChanged(
          'k/',
          ({ kind, entry, previous }) => void told.push(`${kind} ${entry.key} ${previous?.value}`),
          {
            previous: true,
          },
        )
        .onKeyDeleted('k/1', ({ entry }) => void told.push(`gone ${entry.key}`)),
    );
    await member.ready;
    expect(await etcdctl(endpoint, ['put', 'k/1', 'one'])).toMatchObject({ code: 0, stdout: 'OK\n' });
    expect(await etcdctl(endpoint, ['get', 'k/1'])).toMatchObject({ code: 0, stdout: 'k/1\none\n' });
    expect(await etcdctl(endpoint, ['put', 'k/1', 'two', '--prev-kv'])).toMatchObject({ code: 0 });
    expect(await etcdctl(endpoint, ['del', 'k/1'])).toMatchObject({ code: 0, stdout: '1\n' });
    await expect
      .poll(() => told.toSorted(), patience)
      .toEqual(['delete k/1 two', 'gone k/1', 'put k/1 one', 'put k/1 undefined']);
    await member.client.put('from the program', 'yes');
    expect((await etcdctl(endpoint, ['get', 'from the program'])).stdout).toBe('from the program\nyes\n');
    const listed = await etcdctl(endpoint, ['member', 'list']);
    expect(listed.stdout).toContain(`, started, a, http://127.0.0.1:2380, http://${endpoint}, false`);
    expect(await etcdctl(endpoint, ['endpoint', 'health'])).toMatchObject({ code: 0 });
    expect(await etcdctl(endpoint, ['lock', 'l', 'echo', 'held'])).toMatchObject({
      code: 0,
      stdout: 'held\n',
    });
    expect((await fetch(`http://${endpoint}/metrics`)).status).toBe(200);
    await member.stop();
    expect(await etcdctl(endpoint, ['get', 'k/1', '--command-timeout=1s'])).not.toMatchObject({ code: 0 });
  });

  test('joins a cluster of processes, serves what was there, and leads it when they are gone', async () => {
    const cluster = await Cluster.start(2);
    cleanUps.push(() => cluster.remove());
    cluster.showLogsOnFailure();
    expect(await etcdctl(cluster.endpoints, ['put', 'before', 'it came'])).toMatchObject({ code: 0 });
    const [port] = await freePorts(1);
    const own = `127.0.0.1:${port}`;
    const added = await etcdctl(cluster.endpoints, ['member', 'add', 'm', `--peer-urls=http://${own}`]);
    expect(added).toMatchObject({ code: 0 });
    const peers = Object.fromEntries(cluster.members.map(({ name, peer }) => [name, peer]));
    const { member, events, endpoint } = await embed('m', (builder) =>
      builder.join({ ...peers, m: own }).listenPeers(own),
    );
    await member.ready;
    expect((await etcdctl(endpoint, ['get', 'before'])).stdout).toBe('before\nit came\n');
    expect((await member.client.get('before'))?.value).toBe('it came');
    // It votes once it has caught up, and its program hears of it.
    await expect
      .poll(() => changesOf(events).some(({ promoted }) => promoted[0]?.name === 'm'), patience)
      .toBe(true);
    expect(member.status().cluster?.members.map(({ name }) => name)).toEqual(['a', 'b', 'm']);

    // Of those that are removed the others hear; who is left leads.
    for (const name of ['a', 'b']) {
      const list = await etcdctl(endpoint, ['member', 'list']);
      const id =
        list.stdout
          .split('\n')
          .find((line) => line.includes(`, ${name}, `))
          ?.split(',')[0] ?? '';
      expect(await etcdctl(endpoint, ['member', 'remove', id])).toMatchObject({ code: 0 });
      await expect
        .poll(
          () =>
            changesOf(events)
              .at(-1)
              ?.removed.map((gone) => gone.name),
          patience,
        )
        .toEqual([name]);
    }
    await expect.poll(() => member.status().cluster?.role, patience).toBe('leader');
    expect(events.filter(({ kind }) => kind === 'becameLeader').length).toBe(1);
    await member.client.put('alone', 'it goes on');
    expect((await etcdctl(endpoint, ['get', 'alone'])).stdout).toBe('alone\nit goes on\n');
  });

  test('finds processes by gossip, and tells of those that come, are suspected, die and leave', async () => {
    const cluster = await Cluster.plan(2, () => [
      ...['--discovery-seeds', cluster.members.map(({ peer }) => peer).join(',')],
      ...['--initial-cluster-size', '3'],
    ]);
    cleanUps.push(() => cluster.remove());
    cluster.showLogsOnFailure();
    for (const { name } of cluster.members) cluster.withoutInitialCluster.add(name);
    const [port] = await freePorts(1);
    const processes = Promise.all(cluster.members.map(({ name }) => cluster.startMember(name)));
    const { member, events } = await embed('m', (builder) =>
      builder
        .discover({ seeds: cluster.members.map(({ peer }) => peer), size: 3 })
        .listenPeers(`127.0.0.1:${port}`),
    );
    await processes;
    await member.ready;
    await expect
      .poll(() => ['a', 'b'].map((name) => toldOf(events, name)[0]), patience)
      .toEqual(['nodeJoined', 'nodeJoined']);
    await cluster.end('a', 'SIGKILL');
    await expect.poll(() => toldOf(events, 'a').at(-1), patience).toBe('nodeLeft');
    expect(toldOf(events, 'a')).toContain('nodeSuspected');
    const died = events.findLast((event) => event.kind === 'nodeLeft');
    expect(died).toMatchObject({ reason: 'died', node: { name: 'a', peerAddress: cluster.place('a').peer } });
    await cluster.startMember('a');
    await expect.poll(() => toldOf(events, 'a').at(-1), patience).toBe('nodeJoined');
    expect(await cluster.end('b', 'SIGTERM')).toMatchObject({ code: 0 });
    await expect.poll(() => toldOf(events, 'b').at(-1), patience).toBe('nodeLeft');
    expect(events.findLast((event) => event.kind === 'nodeLeft')).toMatchObject({
      reason: 'left',
      node: { name: 'b' },
    });
  });
});

const guide = readFileSync(new URL('../../docs/embedding.md', import.meta.url), 'utf8');
const program = fileURLToPath(new URL('../../docs/examples/embedded-cluster.ts', import.meta.url));

/**
 * What the example has said, by who said it, with members named by what became of them; without what the guide says may differ:
 * a moment without a leader, and the end, which depends on who leads then.
 */
function rolesIn(output: string): Readonly<Record<string, readonly string[]>> {
  const lines = output.trim().split('\n');
  const stopped = /stops the leader, (\w)/.exec(output)?.[1] ?? '?';
  const successors = lines.filter((line) => line.includes(': becameLeader of')).map((line) => line.charAt(0));
  const successor = successors.find((name) => name !== stopped) ?? '?';
  const roleOf = (name: string): string =>
    name === stopped ? 'stopped' : name === successor ? 'successor' : name === 'program' ? name : 'other';
  const said: Record<string, string[]> = {};
  for (const line of lines.slice(
    0,
    lines.findIndex((each) => each.includes('stops the others')),
  )) {
    const [who = '', what = ''] = [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)];
    if (what === 'leaderChanged to nobody') continue;
    const known = what
      .replace(/(to|leader,) (\w)$/, (_, before: string, name: string) => `${before} ${roleOf(name)}`)
      .replace(/term \d+/, 'term N');
    // Two subscriptions of one member are in no order between them.
    (said[known.startsWith('keyDeleted') ? `${roleOf(who)}, of the key` : roleOf(who)] ??= []).push(known);
  }
  return said;
}

test('the example program says what the guide says that it does', async () => {
  const [, shown = ''] = /## What the example prints\n.*?```\n(.*?)```/s.exec(guide) ?? [];
  expect(Object.keys(rolesIn(shown)).toSorted()).toEqual([
    ...['other', 'other, of the key', 'program', 'stopped'],
    ...['successor', 'successor, of the key'],
  ]);
  const ports = (await freePorts(3)).map(String);
  const result = await runCommand(process.execPath, ['--conditions=photon-source', program, ...ports], {
    timeoutMs: 120_000,
  });
  expect(result.code, result.stderr).toBe(0);
  const said = rolesIn(result.stdout);
  // The one that stops may have heard who comes after it, or not.
  const heard = said['stopped']?.filter((line) => line !== 'leaderChanged to successor');
  const expected = rolesIn(shown);
  expect({ ...said, stopped: heard }).toEqual({
    ...expected,
    stopped: expected['stopped']?.filter((line) => line !== 'leaderChanged to successor'),
  });
});
