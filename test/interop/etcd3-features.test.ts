import { once } from 'node:events';
import { type Election, LeaseState, Range, type WatchBuilder } from 'etcd3';
// What the options of etcd3 take, from the package that it stands on.
import { ConstantBackoff, handleAll, retry } from 'cockatiel';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { keyPrograms } from './etcd3-keys.ts';
import { CalledMethods, Etcd3Twins, plain, record, refusal } from './etcd3-stage.ts';
import { describeWith } from './requirement.ts';

describeWith(['etcd'], 'everything that the npm client etcd3 has, told by both the same', () => {
  let called: CalledMethods;
  let twins: Etcd3Twins;
  beforeAll(async () => {
    called = new CalledMethods();
    twins = await Etcd3Twins.start();
  });
  afterAll(() => twins?.stop());

  keyPrograms(() => twins);

  test('watchers: of a key, a prefix, a range; what is ignored; from the past; as they say what happens to them', async () => {
    await twins.same(async ({ client }) => {
      const first = await client.put('w/a').value('0');
      const from = (builder: WatchBuilder): WatchBuilder => builder.startRevision(first.header.revision);
      const kinds: Record<string, WatchBuilder> = {
        key: from(client.watch().key('w/a')),
        prefix: from(client.watch().prefix('w/')).withPreviousKV(),
        range: from(client.watch().inRange({ start: 'w/b', end: 'w/c' })),
        puts: from(client.watch().prefix('w/').only('put')),
        deletions: from(client.watch().prefix('w/').ignore('put')).withPreviousKV(),
      };
      const counts: Record<string, number> = { key: 3, prefix: 6, range: 2, puts: 4, deletions: 2 };
      const watchers = Object.entries(kinds).map(([name, builder]) => [name, builder.watcher()] as const);
      const seen = watchers.map(async ([name, watcher]) => [name, await record(watcher, counts[name] ?? 0)]);
      await client.put('w/b').value('1');
      await client
        .if('w/a', 'Version', '>', 0)
        .then(client.put('w/a').value('2'), client.put('w/z').value('3'))
        .commit();
      await client.delete().key('w/a');
      await client.delete().key('w/b');
      const told = await Promise.all(seen);
      const revisions = watchers.map(([, watcher]) => typeof watcher.lastRevision());
      const ids = new Set(watchers.map(([, { id }]) => id)).size;
      await Promise.all(watchers.map(([, watcher]) => watcher.cancel()));
      return [told, revisions, ids];
    });
  });

  test('a watcher says that it connects, is connected, hears and ends; one that begins in what is gone is told', async () => {
    await twins.same(async ({ client }) => {
      const heard: string[] = [];
      const watcher = client.watch().key('x/key').watcher();
      watcher.on('connecting', () => heard.push('connecting'));
      watcher.on('data', () => heard.push('data'));
      const connected = new Promise<void>((resolve) => watcher.on('connected', () => resolve()));
      await connected;
      heard.push('connected');
      const put = record(watcher, 1);
      await client.put('x/key').value('v');
      await put;
      const ended = new Promise<void>((resolve) => watcher.on('end', resolve));
      await watcher.cancel();
      await ended;
      const { header } = await client.put('x/key').value('w');
      await client.kv.compact({ revision: header.revision });
      const late = client.watch().key('x/key').startRevision('1').watcher();
      const [failure] = (await once(late, 'error')) as [Error];
      return [heard, failure.constructor.name, failure.message];
    });
  });

  test('leases: states, keys, keepalives one by one and by themselves, loss, release, and what is refused', async () => {
    await twins.same(async ({ client }) => {
      const lease = client.lease(60);
      const states = [lease.state === LeaseState.Pending];
      const id = await lease.grant();
      states.push(lease.state === LeaseState.Alive, lease.revoked());
      await lease.put('l/a').value('1');
      const kept = await lease.keepaliveOnce();
      const listed = (await client.leaseClient.leaseLeases()).leases.map(({ ID }) => ID);
      const stream = await client.leaseClient.leaseKeepAlive();
      const answered = new Promise<{ readonly TTL: string }>((resolve) => stream.on('data', resolve));
      stream.write({ ID: id });
      const { TTL } = await answered;
      stream.end();
      await lease.revoke();
      states.push(lease.revoked());
      const own = await client.leaseClient.leaseGrant({ ID: '77', TTL: '60' });
      const same = await refusal(client.leaseClient.leaseGrant({ ID: '77', TTL: '60' }));
      const lost = client.lease(60, { autoKeepAlive: false });
      await client.leaseClient.leaseRevoke({ ID: await lost.grant() });
      const loss = once(lost, 'lost');
      const put = await refusal(lost.put('l/b').value('x'));
      const [failure] = (await loss) as [Error];
      const released = client.lease(60);
      await released.grant();
      released.release();
      await client.leaseClient.leaseRevoke({ ID: '77' });
      return [
        states,
        kept.TTL,
        TTL,
        listed.includes(id),
        plain(own),
        same,
        put.replace(/\d+/g, ''),
        failure.constructor.name,
        await refusal(lost.keepaliveOnce()).then((text) => text.replace(/\d+/g, '')),
        await refusal(client.leaseClient.leaseRevoke({ ID: '77' })),
        await refusal(client.leaseClient.leaseGrant({ TTL: '9000000001' })),
        (await client.leaseClient.leaseTimeToLive({ ID: '77', keys: true })).TTL,
      ];
    });
  });

  test('a lease keeps itself: it says when it asks and when it is answered', async () => {
    await twins.same(async ({ client }) => {
      // It asks every third of its time.
      const lease = client.lease(3);
      const heard: Promise<unknown>[] = ['keepaliveEstablished', 'keepaliveFired', 'keepaliveSucceeded'].map(
        (name) => once(lease, name),
      );
      await lease.put('kept').value('v');
      await Promise.all(heard);
      const there = await client.get('kept').string();
      await lease.revoke();
      return [there, await client.get('kept').string()];
    });
  });

  test('locks: one holds, another fails, whatever is done under it is done alone', async () => {
    await twins.same(async ({ client }) => {
      const lock = client
        .lock('k/lock')
        .ttl(20)
        .options({ deadline: Date.now() + 20_000 });
      const before = await lock.leaseId();
      await lock.acquire();
      const held = typeof (await lock.leaseId());
      const second = await refusal(client.lock('k/lock').acquire());
      await lock.release();
      const done = await client.lock('k/lock').do(async () => client.get('k/lock').exists());
      const failed = await refusal(client.lock('k/lock').do(() => Promise.reject(new Error('of mine'))));
      return [before, held, second, done, failed, await client.get('k/lock').exists()];
    });
  });

  // As the client numbers them.
  test.each([
    ['SerializableSnapshot', 0],
    ['Serializable', 1],
    ['RepeatableReads', 2],
    ['ReadCommitted', 3],
  ])('transactions in memory of isolation %s', async (name, isolation) => {
    await twins.same(async ({ client }) => {
      const key = (part: string): string => `stm/${name}/${part}`;
      await client.put(key('a')).value('1');
      await client.put(key('gone')).value('x');
      let attempts = 0;
      const outcome = await client
        .stm({ isolation, retries: 3, prefetch: [key('a')], callOptions: {} })
        .transact(async (tx) => {
          attempts += 1;
          const before = Number(await tx.get(key('a')).string());
          // Somebody else writes what was read, once.
          if (attempts === 1) await client.put(key('a')).value('10');
          await tx.put(key('b')).value(String(before + 1));
          await tx.delete().key(key('gone'));
          return [await tx.get(key('b')).string(), await tx.get(key('gone')).string()];
        });
      const blind = await refusal(
        client.stm({ isolation, retries: 0 }).transact(async (tx) => {
          await tx.get(key('a')).string();
          await client.put(key('a')).value('again');
          await tx.put(key('a')).value('mine');
        }),
      ).catch((failure: Error) => failure.message);
      return [attempts, outcome, blind, await client.getAll().prefix(key(''))];
    });
  });

  test('elections: campaigns, proclamations, observers, resignation', async () => {
    await twins.same(async ({ client }) => {
      const election: Election = client.election('office', 10);
      const none = await election.leader();
      const first = election.campaign('first');
      await first.wait();
      const observer = await election.observe();
      const changes: (string | undefined)[] = [];
      const heard = (value: string): Promise<void> =>
        new Promise((resolve) => {
          observer.on('change', (leader) => {
            changes.push(leader);
            if (leader === value) resolve();
          });
        });
      const proclaimed = heard('first, again');
      await first.proclaim('first, again');
      await proclaimed;
      const second = election.campaign('second');
      const key = await second.getCampaignKey();
      const elected = once(second, 'elected');
      const follows = heard('second');
      await first.resign();
      await Promise.all([elected, follows]);
      const leaders = [
        observer.leader(),
        observer.leader('buffer'),
        await election.leader('buffer'),
        observer.hasLeader,
      ];
      await observer.cancel();
      await second.resign();
      return [
        none,
        key.startsWith('election/office/'),
        plain(leaders),
        changes.at(-1),
        await refusal(first.proclaim('late')),
      ];
    });
  });

  test('faults: policies, backoffs and options of calls are the client’s own; hosts that are not there are passed over', async () => {
    await twins.same(async ({ hosts, connect }) => {
      const contexts: string[] = [];
      const client = connect({
        hosts: ['127.0.0.1:1', ...hosts],
        dialTimeout: 5_000,
        grpcOptions: { 'grpc.keepalive_time_ms': 10_000 },
        defaultCallOptions: ({ method, isStream }) => {
          contexts.push(`${method}${isStream ? ' stream' : ''}`);
          return isStream ? {} : { deadline: Date.now() + 20_000 };
        },
        faultHandling: {
          host: () => retry(handleAll, { maxAttempts: 1, backoff: new ConstantBackoff(10) }),
          global: retry(handleAll, { maxAttempts: 20, backoff: new ConstantBackoff(10) }),
          // Its types ask for more than it uses, and than its own default has.
          watchBackoff: new ConstantBackoff(10) as never,
        },
      });
      const told: unknown[] = [];
      for (const value of ['1', '2', '3']) {
        await client.put('f/key').value(value);
        told.push(await client.get('f/key').string());
      }
      const watcher = await client.watch().key('f/key').create();
      const seen = record(watcher, 1);
      await client.delete().key('f/key');
      told.push(await seen);
      await watcher.cancel();
      const nobody = connect({
        hosts: ['127.0.0.1:1'],
        faultHandling: { global: retry(handleAll, { maxAttempts: 2, backoff: new ConstantBackoff(10) }) },
      });
      told.push((await refusal(nobody.get('f/key').string())).split(':')[0]);
      client.close();
      told.push(await refusal(client.get('f/key').string()));
      return [told, [...new Set(contexts)].sort()];
    });
  });

  test('members and their upkeep: lists, learners, status, hashes, defragmentation, snapshots, alarms', async () => {
    await twins.same(async ({ hosts, connect }) => {
      const one = connect({ hosts: [hosts[0] ?? ''] });
      await one.put('m/key').value('v');
      const members = (await one.cluster.memberList({})).members;
      const added = await one.cluster.memberAdd({ peerURLs: ['http://127.0.0.1:1'], isLearner: true });
      const ID = added.member?.ID ?? '';
      const told: unknown[] = [
        members.length === hosts.length,
        added.member?.peerURLs,
        added.member?.isLearner,
        added.members.length - members.length,
        await refusal(one.cluster.memberPromote({ ID })),
        await refusal(one.cluster.memberAdd({ peerURLs: ['nonsense'] })),
      ];
      const updated = await one.cluster.memberUpdate({ ID, peerURLs: ['http://127.0.0.1:2'] });
      told.push(updated.members.find((member) => member.ID === ID)?.peerURLs);
      const removed = await one.cluster.memberRemove({ ID });
      told.push(removed.members.length - members.length);
      told.push(await refusal(one.cluster.memberUpdate({ ID, peerURLs: ['http://127.0.0.1:3'] })));
      const status = await one.maintenance.status();
      told.push([
        status.version.split('.').slice(0, 2),
        Number(status.dbSize) > 0,
        status.leader !== '0',
        status.errors,
      ]);
      told.push(typeof (await one.maintenance.hash()).hash);
      // The client calls it by a name that its own stub does not know, whoever serves.
      told.push(await refusal(one.maintenance.hashKV({ revision: '0' })));
      await one.maintenance.defragment();
      const snapshot = await one.maintenance.snapshot();
      let bytes = 0;
      snapshot.on('data', ({ blob }: { readonly blob: Buffer }) => (bytes += blob.length));
      await new Promise<void>((resolve, reject) => {
        snapshot.on('end', resolve);
        (snapshot as unknown as NodeJS.ReadableStream).on('error', reject);
      });
      told.push(bytes % 512);
      told.push(
        (await one.maintenance.alarm({ action: 'Get' as never, memberID: '0', alarm: 'None' as never }))
          .alarms,
      );
      told.push(
        await refusal(one.maintenance.moveLeader({ targetID: '1234' })).then((text) => text.split(':')[0]),
      );
      return told;
    });
  });

  test('roles, permissions, users, passwords, tokens: set up by the client, and held to', async () => {
    await twins.same(async ({ client, connect }) => {
      const told: unknown[] = [];
      const role = await client.role('apps').create();
      const root = await client.role('root').create();
      told.push(await refusal(client.role('apps').create()), await refusal(client.role('none').delete()));
      await role.grant({ permission: 'Readwrite', range: Range.prefix('app/') });
      await role.grant([
        { permission: 'Read', key: 'one' },
        { permission: 'Write', range: client.range({ start: 'a', end: 'b' }) },
      ]);
      told.push(plain(await role.permissions()));
      await role.revoke({ permission: 'Read', key: 'one' });
      told.push(
        plain(await role.permissions()),
        await refusal(role.revoke({ permission: 'Read', key: 'one' })),
      );
      const ann = await client.user('ann').create('secret');
      const boss = await client.user('root').create('root');
      told.push(await refusal(client.user('ann').create('x')), await refusal(client.user('nobody').roles()));
      await boss.addRole(root);
      await ann.addRole('apps');
      await role.removeUser(ann);
      told.push(await refusal(role.removeUser('ann')));
      await role.addUser('ann');
      told.push(
        (await ann.roles()).map(({ name }) => name),
        await refusal(ann.addRole('none')),
      );
      told.push(
        (await client.getUsers()).map(({ name }) => name),
        (await client.getRoles()).map(({ name }) => name),
      );
      await client.auth.authEnable();
      const asRoot = connect({
        auth: { username: 'root', password: 'root', callOptions: { deadline: Date.now() + 60_000 } },
      });
      const asAnn = connect({ auth: { username: 'ann', password: 'secret' } });
      told.push(await refusal(client.get('app/k').string()));
      await asAnn.put('app/k').value('v');
      told.push(await asAnn.get('app/k').string(), await refusal(asAnn.get('secret').string()));
      told.push(await refusal(asAnn.put('secret').value('x')), await refusal(asAnn.role('apps').delete()));
      told.push(
        await refusal(
          connect({ auth: { username: 'ann', password: 'wrong' } })
            .get('app/k')
            .string(),
        ),
      );
      const watcher = await asAnn.watch().prefix('app/').create();
      const seen = record(watcher, 1);
      await asAnn.if('app/k', 'Version', '>', 0).then(asAnn.put('app/k').value('w')).commit();
      told.push(await seen);
      await watcher.cancel();
      const lease = asAnn.lease(30);
      await lease.put('app/leased').value('x');
      await lease.revoke();
      told.push(await asAnn.getAll().prefix('app/'));
      await asRoot.user('ann').setPassword('changed');
      told.push(
        await refusal(
          connect({ auth: { username: 'ann', password: 'secret' } })
            .get('app/k')
            .string(),
        ),
      );
      const { token } = await client.auth.authenticate({ name: 'ann', password: 'changed' });
      told.push(token.length > 0);
      await asRoot.user('ann').removeRole('apps');
      const stripped = connect({ auth: { username: 'ann', password: 'changed' } });
      told.push(await refusal(stripped.get('app/k').string()));
      await asRoot.auth.authDisable();
      await client.user('ann').delete();
      await client.user('root').delete();
      for (const name of ['apps', 'root']) await client.role(name).delete();
      told.push(
        (await client.getUsers()).length,
        (await client.getRoles()).length,
        await client.get('app/k').string(),
      );
      return told;
    });
  });

  test('nothing of it was left out', () => {
    expect(called.count).toBeGreaterThan(100);
    expect(called.uncalled.filter((method) => !(method in notCompared))).toEqual([]);
    for (const method of Object.keys(notCompared))
      expect([method, called.uncalled.includes(method)]).toEqual([method, true]);
  });
});

/** Why a method is called nowhere here. */
const notCompared: Readonly<Record<string, string>> = {
  'Etcd3.mock': 'puts the user’s own in the place of a server',
  'Etcd3.unmock': 'puts the user’s own in the place of a server',
  'MaintenanceClient.downgrade': 'etcd 3.4 has no such method',
  'AuthClient.authStatus': 'etcd 3.4 has no such method; auth.test.ts asks ours',
};
