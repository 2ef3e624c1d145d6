import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';

import { connect } from '../../../../adapters/client/connect.ts';
import { GrpcChainfireClient } from '../../../../adapters/grpc/client.ts';
import { systemPrng } from '../../../../adapters/client/system-prng.ts';
import { parseAddress } from '../../../../adapters/config/address.ts';
import { MemberAddRequest, MemberRemoveRequest } from '../../../../core/chainfire/api/cluster.ts';
import { ClusterBuilder } from '../../../../nodes/chainfire/embed/cluster-builder.ts';
import { type ClusterEvent } from '../../../../nodes/chainfire/embed/member-events.ts';
import { type KeyChange } from '../../../../nodes/chainfire/embed/key-subscription.ts';
import { freePorts } from '../../../interop/ports.ts';
import { EmbeddedMembers, leaderOf, type Told } from './embedded.ts';

const members = new EmbeddedMembers();
afterEach(() => members.stop());

function kinds(events: readonly ClusterEvent[]): readonly string[] {
  return events.map(({ kind }) => kind).filter((kind) => kind !== 'membershipChanged');
}

function membershipChanges({ events }: Told): readonly ClusterEvent<'membershipChanged'>[] {
  return events.filter((event) => event.kind === 'membershipChanged');
}

test('a member alone in memory, without a port: its own client writes, reads, locks and is told', async () => {
  const changes: KeyChange[] = [];
  const { member, events } = await members.start('a', (builder) =>
    builder.onPrefixChanged('k/', (change) => void changes.push(change), { previous: true }),
  );
  await member.ready;
  expect(kinds(events)).toEqual(['leaderChanged', 'becameLeader', 'clusterReady']);
  const { client } = member;
  const { revision } = await client.put('k/one', '1');
  await client.put('k/one', '2');
  await client.delete('k/one');
  expect(await client.get('k/one')).toBeUndefined();
  await expect(client.put('', 'x')).rejects.toMatchObject({ outcome: 'refused', code: 'EMPTY_KEY' });
  const lock = await client.lock('l', { ttlSeconds: 5 });
  expect(lock.token).toBeGreaterThan(revision);
  await lock.unlock();
  await expect.poll(() => changes.length).toBe(3);
  expect(changes.map(({ kind, revision: at, previous }) => [kind, at - revision, previous?.value])).toEqual([
    ['put', 0, undefined],
    ['put', 1, '1'],
    ['delete', 2, '2'],
  ]);
  expect(member.status()).toMatchObject({
    name: 'a',
    state: 'running',
    addresses: { clients: undefined, peers: undefined, metrics: undefined },
    cluster: { role: 'leader', leader: { id: 1, name: 'a' }, members: [{ id: 1, name: 'a' }] },
  });

  await member.stop();
  await member.stop();
  expect(member.status().state).toBe('stopped');
  expect(kinds(events).slice(3)).toEqual(['lostLeadership', 'leaderChanged']);
  await expect(client.get('k/one')).rejects.toThrow('the client is closed');
  await expect(member.start()).resolves.toBeUndefined();
});

test("what goes in and out of a member's own client is a copy: nobody changes what the store holds", async () => {
  const { member } = await members.start('a', (builder) => builder);
  const value = Uint8Array.of(1, 2, 3);
  await member.client.put('k', value);
  value[0] = 9;
  const read = await member.client.get('k');
  expect([...(read?.valueBytes ?? [])]).toEqual([1, 2, 3]);
  if (read !== undefined) read.valueBytes[1] = 9;
  expect([...((await member.client.get('k'))?.valueBytes ?? [])]).toEqual([1, 2, 3]);
});

test('three members in one process: the leader stops, and each says in order what that means', async () => {
  const three = await members.cluster(3);
  const { leader, followers } = await leaderOf(three);
  const { term = 0 } = leader.member.status().cluster ?? {};
  const before = new Map(three.map(({ name, events }) => [name, events.length]));
  await leader.member.stop();

  const since = ({ name, events }: Told): readonly ClusterEvent[] =>
    events.slice(before.get(name)).filter(({ kind }) => kind !== 'membershipChanged');
  const { leader: next } = await leaderOf(followers);
  // It had handed over before it went: it knew its successor, or had heard of none yet.
  const [lost, ...rest] = since(leader);
  expect(lost).toEqual({ kind: 'lostLeadership', term, missed: 0 });
  expect(rest[0]).toMatchObject({ kind: 'leaderChanged', previous: { name: leader.name } });
  expect(rest.at(-1)).toMatchObject({ kind: 'leaderChanged', leader: undefined });
  expect(rest.every(({ kind }) => kind === 'leaderChanged')).toBe(true);
  // The successor: another leads, it is this one, it became it.
  const told = since(next);
  expect(told.slice(-2)).toMatchObject([
    { kind: 'leaderChanged', leader: { name: next.name } },
    { kind: 'becameLeader' },
  ]);
  expect(kinds(told)).not.toContain('clusterReady');
  for (const other of followers) {
    if (other === next) continue;
    expect(since(other).every(({ kind }) => kind === 'leaderChanged')).toBe(true);
    expect(since(other).at(-1)).toMatchObject({ leader: { name: next.name } });
  }
  // What was acknowledged is with those that are left, and they go on.
  await next.member.client.put('after', '1');
  expect((await followers[0]?.member.client.get('after'))?.value).toBe('1');
});

test('a member is added, starts, votes, and is removed: everybody says so, and the removed one has failed', async () => {
  const [a] = await members.cluster(1);
  if (a === undefined) throw new Error('it was started');
  await expect.poll(() => membershipChanges(a).length).toBe(1);
  expect(membershipChanges(a)[0]).toMatchObject({ started: [{ name: 'a' }], added: [], removed: [] });
  const [port] = await freePorts(1);
  const address = parseAddress(a.member.clientAddress ?? '');
  if (address === undefined) throw new Error('it listens for clients');
  const admin = new GrpcChainfireClient({ endpoints: [address], prng: systemPrng });
  try {
    const request = MemberAddRequest.create({ peerUrls: [`http://127.0.0.1:${port}`] });
    expect(await admin.call({ kind: 'memberAdd', request }, 20_000)).toMatchObject({ kind: 'answered' });
    const peerA = a.member.status().addresses.peers ?? '';
    const b = await members.start('b', (builder) =>
      builder.join({ a: peerA, b: `127.0.0.1:${port}` }).listenPeers(`127.0.0.1:${port}`),
    );
    await b.member.ready;
    await expect
      .poll(() => a.member.status().cluster?.members.map(({ name, isLearner }) => [name, isLearner]), {
        timeout: 30_000,
      })
      .toEqual([
        ['a', false],
        ['b', false],
      ]);
    const id = b.member.status().cluster?.id ?? 0;
    const removal = MemberRemoveRequest.create({ id: BigInt(id) });
    expect(await admin.call({ kind: 'memberRemove', request: removal }, 20_000)).toMatchObject({
      kind: 'answered',
    });
    expect(await b.member.failed).toMatchObject({ kind: 'removed' });
    expect(b.member.status().state).toBe('failed');
    await expect.poll(() => a.member.status().cluster?.members.length).toBe(1);
    await expect
      .poll(() =>
        membershipChanges(a)
          .at(-1)
          ?.removed.map(({ name }) => name),
      )
      .toEqual(['b']);
    const seen = membershipChanges(a).slice(1);
    const idsOf = (list: readonly { readonly id: number }[]): readonly number[] => list.map((it) => it.id);
    expect(seen.flatMap(({ added }) => idsOf(added))).toEqual([id]);
    expect(seen.flatMap(({ started }) => idsOf(started))).toEqual([id]);
    expect(seen.flatMap(({ promoted }) => idsOf(promoted))).toEqual([id]);
    expect(seen.at(-1)?.members.map(({ name }) => name)).toEqual(['a']);
  } finally {
    admin.close();
  }
});

test('what a member in a directory has acknowledged is there when it is started again, with or without ports', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'photon-embed-'));
  try {
    const builder = (): ClusterBuilder =>
      new ClusterBuilder().name('a').dataDirectory(join(dir, 'a')).settings({ logLevel: 'fatal' });
    await using first = await builder().start();
    await first.client.put('k', 'v');
    const id = first.status().cluster?.clusterId;
    await expect(builder().start()).rejects.toThrow(/another process|in use|locked|runs/i);
    await first.stop();
    await using second = await builder().listenClients('127.0.0.1:0').start();
    expect(second.status().cluster?.clusterId).toBe(id);
    using client = connect({ endpoints: [second.clientAddress ?? ''], timeoutMs: 20_000 });
    expect((await client.get('k'))?.value).toBe('v');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('a member that cannot start says why, leaves nothing behind, and is never ready', async () => {
  const taken = createServer().listen({ host: '127.0.0.1', port: 0 });
  await once(taken, 'listening');
  try {
    const { port } = taken.address() as AddressInfo;
    const member = new ClusterBuilder().name('a').inMemory().listenClients(`127.0.0.1:${port}`).build();
    await expect(member.start()).rejects.toThrow(`cannot listen for clients on 127.0.0.1:${port}`);
    await expect(member.ready).rejects.toThrow(`cannot listen for clients on 127.0.0.1:${port}`);
    expect(member.status()).toMatchObject({ state: 'stopped', cluster: undefined });
    await member.stop();
  } finally {
    taken.close();
  }
});

test('a member that waits for a cluster to join is stopped at once', async () => {
  const [own, nobody] = await freePorts(2);
  const member = new ClusterBuilder()
    .name('b')
    .inMemory()
    .settings({ logLevel: 'fatal' })
    .join({ a: `127.0.0.1:${nobody}`, b: `127.0.0.1:${own}` })
    .listenPeers(`127.0.0.1:${own}`)
    .build();
  const starting = member.start();
  await member.stop();
  await expect(starting).rejects.toThrow('member b was stopped');
  expect(member.status().state).toBe('stopped');
});
