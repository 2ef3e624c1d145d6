import { once } from 'node:events';
import {
  type Campaign,
  Etcd3,
  EtcdLockFailedError,
  type IKeyValue,
  STMConflictError,
  type Watcher,
} from 'etcd3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Cluster } from './cluster.ts';
import { startEtcd } from './etcd-server.ts';
import { describeWith } from './requirement.ts';

/** Where a program of a user of the npm package `etcd3` runs: three members of ours, or the server that it was written for. */
interface Place {
  readonly hosts: readonly string[];
  /** Called when a test fails. */
  showLogsOnFailure(): void;
  remove(): Promise<void>;
}

async function ours(): Promise<Place> {
  const cluster = await Cluster.start(3);
  return {
    hosts: cluster.members.map((member) => member.client),
    showLogsOnFailure: () => cluster.showLogsOnFailure(),
    remove: () => cluster.remove(),
  };
}

async function reference(): Promise<Place> {
  const server = await startEtcd();
  return { hosts: [server.endpoint], showLogsOnFailure: () => undefined, remove: () => server.stop() };
}

describe('the npm client etcd3 against three members', () => {
  programs(ours);
});

// The same programs, so that they are known to ask for nothing but what etcd does.
describeWith(['etcd'], 'the npm client etcd3 against etcd', () => {
  programs(reference);
});

function programs(start: () => Promise<Place>): void {
  let place: Place;
  let client: Etcd3;
  beforeAll(async () => {
    place = await start();
    client = new Etcd3({ hosts: [...place.hosts] });
  });
  afterAll(async () => {
    client?.close();
    await place?.remove();
  });

  test('put, get, ranges, counts and deletion', async () => {
    place.showLogsOnFailure();
    await client.put('crud/a').value('1');
    await client.put('crud/b').value('2');
    expect(await client.get('crud/a').string()).toBe('1');
    expect(await client.getAll().prefix('crud/').sort('Key', 'Descend').keys()).toEqual(['crud/b', 'crud/a']);
    expect(await client.getAll().prefix('crud/').count()).toBe(2);
    const previous = await client.put('crud/a').value('3').getPrevious();
    expect(previous?.value.toString()).toBe('1');
    const { deleted } = await client.delete().prefix('crud/');
    expect(deleted).toBe('2');
    expect(await client.get('crud/a').string()).toBeNull();
  });

  test('a conditional transaction takes one branch, and says which', async () => {
    place.showLogsOnFailure();
    await client.put('if/key').value('old');
    const swap = () =>
      client
        .if('if/key', 'Value', '==', 'old')
        .then(client.put('if/key').value('new'))
        .else(client.get('if/key'))
        .commit();
    expect((await swap()).succeeded).toBe(true);
    const second = await swap();
    expect(second.succeeded).toBe(false);
    expect(second.responses[0]?.response_range?.kvs[0]?.value.toString()).toBe('new');
  });

  test('a watcher sees puts with what was there before, deletions, and what happened before it came', async () => {
    place.showLogsOnFailure();
    const first = await client.put('watch/key').value('1');
    const watcher = await client
      .watch()
      .prefix('watch/')
      .withPreviousKV()
      .startRevision(first.header.revision)
      .create();
    const seen = record(watcher, 4);
    await client.put('watch/key').value('2');
    await client.put('watch/other').value('x');
    await client.put('elsewhere').value('nobody looks');
    await client.delete().key('watch/key');
    expect(await seen).toEqual([
      'put watch/key=1 before -',
      'put watch/key=2 before 1',
      'put watch/other=x before -',
      'delete watch/key before 2',
    ]);
    await watcher.cancel();
  });

  test('a cancelled watcher is told nothing more, its neighbour on the same stream is', async () => {
    place.showLogsOnFailure();
    const leaving = await client.watch().key('cancel/key').create();
    const staying = await client.watch().key('cancel/key').create();
    let told = 0;
    leaving.on('put', () => (told += 1));
    await leaving.cancel();
    const seen = record(staying, 1);
    await client.put('cancel/key').value('v');
    expect(await seen).toEqual(['put cancel/key=v before -']);
    expect(told).toBe(0);
    await staying.cancel();
  });

  test('a lease carries keys, is kept alive, and takes them with it when it is revoked', async () => {
    place.showLogsOnFailure();
    const lease = client.lease(5);
    await lease.put('lease/a').value('1');
    await lease.put('lease/b').value('2');
    const id = await lease.grant();
    await lease.keepaliveOnce();
    const left = await client.leaseClient.leaseTimeToLive({ ID: id, keys: true });
    expect(left.grantedTTL).toBe('5');
    expect(left.keys.map(String).sort()).toEqual(['lease/a', 'lease/b']);
    const watcher = await client.watch().prefix('lease/').create();
    const seen = record(watcher, 2);
    await lease.revoke();
    expect((await seen).sort()).toEqual(['delete lease/a before -', 'delete lease/b before -']);
    await watcher.cancel();
    expect((await client.leaseClient.leaseTimeToLive({ ID: id })).TTL).toBe('-1');
  });

  test('a lease that nobody keeps expires, and a watcher sees its key go', async () => {
    place.showLogsOnFailure();
    const lease = client.lease(2, { autoKeepAlive: false });
    await lease.put('expiry/key').value('v');
    const watcher = await client.watch().key('expiry/key').create();
    const seen = await record(watcher, 1);
    expect(seen).toEqual(['delete expiry/key before -']);
    await watcher.cancel();
  });

  test('a lock excludes, and is free again after release', async () => {
    place.showLogsOnFailure();
    const first = client.lock('lock/name').ttl(10);
    await first.acquire();
    await expect(client.lock('lock/name').ttl(10).acquire()).rejects.toThrow(EtcdLockFailedError);
    await first.release();
    const second = client.lock('lock/name').ttl(10);
    await second.acquire();
    await second.release();
  });

  test('transactions in memory lose no increment under contention', async () => {
    place.showLogsOnFailure();
    await client.put('stm/counter').value('0');
    const increments = 8;
    const increment = async (): Promise<void> => {
      await client.stm({ retries: 50 }).transact(async (tx) => {
        const value = Number(await tx.get('stm/counter').string());
        await tx.put('stm/counter').value(String(value + 1));
      });
    };
    await Promise.all(Array.from({ length: increments }, increment));
    expect(await client.get('stm/counter').string()).toBe(String(increments));
  });

  test('a transaction in memory that may not try again says that it met another', async () => {
    place.showLogsOnFailure();
    await client.put('stm/conflict').value('0');
    const conflicting = client.stm({ retries: 0 }).transact(async (tx) => {
      await tx.get('stm/conflict').string();
      await client.put('stm/conflict').value('another');
      await tx.put('stm/conflict').value('mine');
    });
    await expect(conflicting).rejects.toThrow(STMConflictError);
    expect(await client.get('stm/conflict').string()).toBe('another');
  });

  test('an election has one winner, who is succeeded when it resigns; an observer sees both', async () => {
    place.showLogsOnFailure();
    const election = client.election('interop', 10);
    const first = election.campaign('first');
    await elected(first);
    expect(await election.leader()).toBe('first');
    const observer = await election.observe();
    const second = election.campaign('second');
    // It stands for election; it does not win it.
    await second.getCampaignKey();
    expect(await election.leader()).toBe('first');
    const changed = new Promise<void>((resolve) => {
      observer.on('change', (leader) => {
        if (leader === 'second') resolve();
      });
    });
    const succeeded = elected(second);
    await first.resign();
    await succeeded;
    await changed;
    expect(await election.leader()).toBe('second');
    await observer.cancel();
    await second.resign();
  });
}

async function elected(campaign: Campaign): Promise<void> {
  await once(campaign, 'elected');
}

/** The watcher's next events in words. */
function record(watcher: Watcher, count: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const seen: string[] = [];
    // Typed as absent, null on the wire's side.
    const add = (text: string, previous: IKeyValue | null | undefined): void => {
      seen.push(`${text} before ${previous?.value.toString() ?? '-'}`);
      if (seen.length === count) resolve(seen);
    };
    watcher.on('put', (kv, previous) => add(`put ${kv.key.toString()}=${kv.value.toString()}`, previous));
    watcher.on('delete', (kv, previous) => add(`delete ${kv.key.toString()}`, previous));
    watcher.on('error', reject);
  });
}
