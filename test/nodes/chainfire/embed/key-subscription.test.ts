import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';

import { Deferred } from '../../../../adapters/client/deferred.ts';
import { ClusterBuilder } from '../../../../nodes/chainfire/embed/cluster-builder.ts';
import { type EmbeddedMember } from '../../../../nodes/chainfire/embed/embedded-member.ts';
import { type KeyChange, type KeysResync } from '../../../../nodes/chainfire/embed/key-subscription.ts';
import { freePorts } from '../../../interop/ports.ts';
import { EmbeddedMembers, leaderOf } from './embedded.ts';

const members = new EmbeddedMembers();
afterEach(() => members.stop());

function line({ kind, entry }: KeyChange): string {
  return `${kind} ${entry.key}${kind === 'put' ? ` ${entry.value}` : ''}`;
}

test('writes of a key, its deletion, and either below a prefix are told apart', async () => {
  const { member } = await members.start('a', (builder) => builder);
  const told = { changed: [] as string[], deleted: [] as string[], prefix: [] as string[] };
  const subscriptions = [
    member.onKeyChanged('a/k', (change) => void told.changed.push(line(change))),
    member.onKeyDeleted('a/k', (change) => void told.deleted.push(line(change))),
    member.onPrefixChanged('a/', (change) => void told.prefix.push(line(change))),
  ];
  await Promise.all(subscriptions.map(({ ready }) => ready));
  await member.client.put('a/k', '1');
  await member.client.put('a/other', '1');
  await member.client.put('b/k', '1');
  await member.client.deletePrefix('a/');
  await expect.poll(() => told.prefix.length).toBe(4);
  await expect.poll(() => told.deleted.length).toBe(1);
  expect(told).toEqual({
    changed: ['put a/k 1'],
    deleted: ['delete a/k'],
    prefix: ['put a/k 1', 'put a/other 1', 'delete a/k', 'delete a/other'],
  });
  subscriptions[2]?.close();
  await subscriptions[2]?.ended;
  await member.client.put('a/k', '2');
  await expect.poll(() => told.changed.length).toBe(2);
  expect(told.prefix.length).toBe(4);
});

test('each change once and in order, while leaders come and go', async () => {
  const three = await members.cluster(3);
  const { leader, followers } = await leaderOf(three);
  const [watching] = followers;
  if (watching === undefined) throw new Error('there are three');
  const told: string[] = [];
  const subscription = watching.member.onPrefixChanged('n/', (change) => void told.push(line(change)));
  await subscription.ready;
  const { client } = watching.member;
  const write = async (from: number, to: number): Promise<void> => {
    for (let at = from; at < to; at += 1) {
      // One whose outcome nobody knows is written again under its own key only when it is not there.
      await expect
        .poll(() => client.compareAndSwap(`n/${at}`, 'absent', 'x').catch(() => undefined), {
          timeout: 30_000,
        })
        .toBeDefined();
    }
  };
  await write(0, 20);
  await Promise.all([leader.member.stop(), write(20, 60)]);
  await expect.poll(() => told.length, { timeout: 30_000 }).toBe(60);
  expect(told).toEqual(Array.from({ length: 60 }, (_, at) => `put n/${at} x`));
});

test('a member that is cut off from the others tells what it missed when they are back', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'photon-embed-'));
  const ports = await freePorts(3);
  const addresses = Object.fromEntries(ports.map((port, at) => [`m${at}`, `127.0.0.1:${port}`] as const));
  const start = async (name: string): Promise<EmbeddedMember> => {
    const builder = new ClusterBuilder().name(name).dataDirectory(join(dir, name)).initialCluster(addresses);
    // Watches end when there is no leader for three of these.
    const settings = { logLevel: 'fatal', electionTimeoutMs: 300, heartbeatIntervalMs: 60 } as const;
    return builder
      .listenPeers(addresses[name] ?? '')
      .settings(settings)
      .start();
  };
  const [watching, ...others] = await Promise.all(['m0', 'm1', 'm2'].map(start));
  if (watching === undefined) throw new Error('there are three');
  try {
    const told: string[] = [];
    const lost = new Deferred<void>();
    watching.on('leaderChanged', ({ leader }) => leader === undefined && lost.resolve());
    const subscription = watching.onPrefixChanged('n/', (change) => void told.push(line(change)));
    await Promise.all([watching.ready, subscription.ready]);
    await watching.client.put('n/1', 'before');
    await Promise.all(others.map((member) => member.stop()));
    await lost.promise;
    await expect(watching.client.put('n/2', 'in vain', { timeoutMs: 1_500 })).rejects.toMatchObject({
      outcome: expect.stringMatching(/failed|unknown/) as string,
    });
    others.splice(0, 2, ...(await Promise.all(['m1', 'm2'].map(start))));
    await Promise.all(others.map(({ ready }) => ready));
    await others[0]?.client.put('n/3', 'after');
    await expect.poll(() => told.at(-1), { timeout: 30_000 }).toBe('put n/3 after');
    // The write that nobody could acknowledge may have been done, once.
    expect(told.filter((each) => each !== 'put n/2 in vain')).toEqual(['put n/1 before', 'put n/3 after']);
    expect(told.length).toBeLessThanOrEqual(3);
  } finally {
    await Promise.all([watching, ...others].map((member) => member.stop()));
    rmSync(dir, { recursive: true, force: true });
  }
});

test('what a slow handler has not come to waits in the store, not in memory', async () => {
  const { member } = await members.start('a', (builder) => builder);
  const busy = new Deferred<void>();
  const told: number[] = [];
  const subscription = member.onPrefixChanged(
    'k/',
    ({ entry }) => {
      told.push(Number(entry.key.slice(2)));
      return busy.promise;
    },
    { bufferBytesMax: 1_000 },
  );
  await subscription.ready;
  for (let at = 0; at < 200; at += 1) await member.client.put(`k/${at}`, 'x'.repeat(500));
  expect(told).toEqual([0]);
  busy.resolve();
  await expect.poll(() => told.length, { timeout: 30_000 }).toBe(200);
  expect(told).toEqual(Array.from({ length: 200 }, (_, at) => at));
});

/** A subscription whose handler stands still at its first change, while everything after it is written, and compacted. */
async function outrun(onResync?: (resync: KeysResync) => Promise<void>) {
  const failures: string[] = [];
  const { member } = await members.start('a', (builder) =>
    builder.onHandlerError((error, { kind }) => void failures.push(`${kind}: ${(error as Error).message}`)),
  );
  const busy = new Deferred<void>();
  const told: string[] = [];
  const subscription = member.onPrefixChanged(
    'k/',
    (change) => {
      told.push(line(change));
      return busy.promise;
    },
    { bufferBytesMax: 200, ...(onResync === undefined ? {} : { onResync }) },
  );
  await subscription.ready;
  const { client } = member;
  await client.put('k/0', 'first');
  await expect.poll(() => told.length).toBe(1);
  let revision = 0;
  for (let at = 1; at < 100; at += 1) ({ revision } = await client.put(`k/${at % 3}`, `${at}`));
  await client.delete('k/2');
  await client.compact(revision + 1);
  busy.resolve();
  return { client, told, failures, subscription, revision: revision + 1 };
}

test('what was compacted before a handler came to it is said to be missing, and the present is there to be read', async () => {
  const resyncs: { readonly after: number; readonly at: number; readonly keys: readonly string[] }[] = [];
  const { client, told, failures, revision } = await outrun(async (resync) => {
    const keys: string[] = [];
    for await (const { key, value } of resync.entries()) keys.push(`${key} ${value}`);
    resyncs.push({ after: resync.afterRevision, at: resync.revision, keys });
  });
  await expect.poll(() => resyncs.length, { timeout: 30_000 }).toBe(1);
  expect(resyncs[0]).toMatchObject({ at: revision, keys: ['k/0 99', 'k/1 97'] });
  // What was told, and what the resync says is missing, are all there was.
  const last = told.length;
  expect(resyncs[0]?.after).toBe(revision - 100 + (last - 1));
  await client.put('k/2', 'after');
  await expect.poll(() => told.slice(last)).toEqual(['put k/2 after']);
  expect(failures).toEqual([]);
});

test('without somebody to take the present in its place, a subscription that has lost history ends, and says so', async () => {
  const { subscription, failures } = await outrun();
  await expect(subscription.ended).rejects.toMatchObject({ code: 'COMPACTED' });
  expect(failures).toEqual([
    expect.stringMatching(/^prefixChanged: .* has been compacted; the first revision left is 102$/),
  ]);
});

test('a handler that throws is reported with its change, and is given the next', async () => {
  const failures: unknown[] = [];
  const { member } = await members.start('a', (builder) =>
    builder.onHandlerError((error, event) => void failures.push([(error as Error).message, event.kind])),
  );
  const told: string[] = [];
  const subscription = member.onKeyChanged('k', (change) => {
    told.push(line(change));
    if (change.entry.value === '1') throw new Error('not this one');
  });
  await subscription.ready;
  await member.client.put('k', '1');
  await member.client.put('k', '2');
  await expect.poll(() => told).toEqual(['put k 1', 'put k 2']);
  expect(failures).toEqual([['not this one', 'put']]);
  await member.stop();
  await subscription.ended;
});
