import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { memberMethods } from '../../adapters/grpc/member-methods.ts';
import {
  CampaignRequest,
  CampaignResponse,
  LeaderKey,
  LeaderRequest,
  LeaderResponse,
  ProclaimRequest,
  ProclaimResponse,
  ResignRequest,
  ResignResponse,
} from '../../core/chainfire/api/election.ts';
import { CompactionRequest, PutRequest, RangeRequest } from '../../core/chainfire/api/kv.ts';
import {
  MemberAddRequest,
  MemberListRequest,
  MemberRemoveRequest,
  MemberUpdateRequest,
  StatusRequest,
} from '../../core/chainfire/api/cluster.ts';
import {
  LeaseGrantRequest,
  LeaseKeepAliveRequest,
  LeaseLeasesRequest,
} from '../../core/chainfire/api/lease.ts';
import { LockRequest, LockResponse, UnlockRequest, UnlockResponse } from '../../core/chainfire/api/lock.ts';
import { Event, WatchCreateRequest, WatchRequest, WatchResponse } from '../../core/chainfire/api/watch.ts';
import { type CallEnding, RawClient, type RawStream } from './raw-client.ts';
import { describeWith } from './requirement.ts';
import { Twins } from './twins.ts';

const watchMethod = { path: '/etcdserverpb.Watch/Watch', request: WatchRequest, response: WatchResponse };
const lock = { path: '/v3lockpb.Lock/Lock', request: LockRequest, response: LockResponse };
const unlock = { path: '/v3lockpb.Lock/Unlock', request: UnlockRequest, response: UnlockResponse };
const election = (name: string) => `/v3electionpb.Election/${name}`;
const campaign = { path: election('Campaign'), request: CampaignRequest, response: CampaignResponse };
const proclaim = { path: election('Proclaim'), request: ProclaimRequest, response: ProclaimResponse };
const leader = { path: election('Leader'), request: LeaderRequest, response: LeaderResponse };
const observe = { path: election('Observe'), request: LeaderRequest, response: LeaderResponse };
const resign = { path: election('Resign'), request: ResignRequest, response: ResignResponse };

const utf8 = (text: string) => new TextEncoder().encode(text);
const put = (key: string, value = 'v', lease = 0n) => PutRequest.create({ key, value: utf8(value), lease });
const create = (fields: Parameters<typeof WatchCreateRequest.create>[0]) =>
  WatchRequest.create({ create: WatchCreateRequest.create(fields) });
const cancel = (watchId: number) => WatchRequest.create({ cancel: { watchId } });
const progress = WatchRequest.create({ progress: {} });

/** What two clusters must agree on: no ids, no terms. Revisions count: both sides are told the same. */
function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return new TextDecoder('latin1').decode(value);
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) =>
      name === 'clusterId' || name === 'memberId' || name === 'raftTerm'
        ? [name, 'any']
        : [name, comparable(part)],
    ),
  );
}

const readable = (response: WatchResponse) =>
  comparable({ ...response, events: response.events.map((event) => Event.decode(event)) });

describeWith(['etcd'], 'calls that no client library makes, beside etcd', () => {
  let twins: Twins;
  let clients: readonly [RawClient, RawClient];
  beforeAll(async () => {
    twins = await Twins.start();
    // The first of ours: whether it leads or not must make no difference.
    clients = [new RawClient(twins.cluster.place('a').client), new RawClient(twins.etcd.endpoint)];
  });
  afterAll(async () => {
    clients?.forEach((client) => client.close());
    await twins?.stop();
  });

  async function same(scenario: (client: RawClient) => Promise<unknown>): Promise<unknown> {
    twins.cluster.showLogsOnFailure();
    const [ours, theirs] = await Promise.all(clients.map((client) => scenario(client)));
    expect(comparable(ours)).toEqual(comparable(theirs));
    return ours;
  }

  /** The responses until so many have come, or the end of the stream. */
  async function heard(
    stream: RawStream<WatchRequest, WatchResponse>,
    count: number,
  ): Promise<readonly unknown[]> {
    const ending = await stream.read(count);
    const responses: unknown[] = stream.received.map(readable);
    return ending === undefined ? responses : [...responses, ending];
  }

  describe('a stream of watches', () => {
    const dialogues: readonly (readonly [string, readonly WatchRequest[], number])[] = [
      ['numbers of the member’s choice, from 0', [create({ key: 'a' }), create({ key: 'b' })], 2],
      ['a number of the client’s', [create({ key: 'a', watchId: 77 }), create({ key: 'b' })], 2],
      ['a number given twice', [create({ key: 'a', watchId: 5 }), create({ key: 'b', watchId: 5 })], 2],
      ['an empty key is every key from the first', [create({ key: '', rangeEnd: '\0' })], 1],
      ['a range that ends before it begins', [create({ key: 'z', rangeEnd: 'a' })], 1],
      ['a range that ends where it begins', [create({ key: 'z', rangeEnd: 'z' })], 1],
      ['a cancellation', [create({ key: 'a' }), cancel(0), create({ key: 'b' })], 3],
      ['a cancellation of what is not there', [cancel(99), create({ key: 'b' })], 1],
      ['a cancellation twice', [create({ key: 'a' }), cancel(0), cancel(0), create({ key: 'b' })], 3],
      ['a request that asks nothing', [WatchRequest.create(), create({ key: 'b' })], 1],
      ['progress', [create({ key: 'a' }), progress], 2],
      ['filters that leave nothing', [create({ key: 'a', filters: [0, 1] })], 1],
    ];
    test.each(dialogues)('%s', async (_, requests, count) => {
      await same(async (client) => {
        const stream = client.stream(watchMethod);
        for (const request of requests) stream.send(request);
        const said = await heard(stream, count);
        stream.cancel();
        return said;
      });
    });

    test('filters: puts alone, deletions alone', async () => {
      await same(async (client) => {
        const stream = client.stream(watchMethod);
        stream.send(create({ key: 'f', filters: [0] }));
        stream.send(create({ key: 'f', filters: [1], prevKv: true }));
        await stream.read(2);
        await client.call(memberMethods.put, put('f'));
        await stream.read(3);
        await client.call(memberMethods.deleteRange, { key: 'f', rangeEnd: '', prevKv: false });
        const said = await heard(stream, 4);
        stream.cancel();
        return said;
      });
    });

    test('a start that is compacted, one that is not, and one of the future', async () => {
      await same(async (client) => {
        for (const value of ['1', '2', '3', '4']) await client.call(memberMethods.put, put('c', value));
        const { header } = await client.call(memberMethods.put, put('c', '5'));
        const revision = header?.revision ?? 0;
        await client.call(
          memberMethods.compact,
          CompactionRequest.create({ revision: revision - 2, physical: true }),
        );
        const found = [];
        for (const startRevision of [1, revision - 3, revision - 2, revision]) {
          const stream = client.stream(watchMethod);
          stream.send(create({ key: 'c', startRevision, watchId: 3, prevKv: true }));
          found.push(await heard(stream, 2));
          stream.cancel();
        }
        const future = client.stream(watchMethod);
        future.send(create({ key: 'c', startRevision: revision + 2 }));
        await future.read(1);
        await client.call(memberMethods.put, put('c', 'not yet'));
        await client.call(memberMethods.put, put('c', 'now'));
        found.push(await heard(future, 2));
        future.cancel();
        return found;
      });
    });

    test('a negative number of a watch', async () => {
      await same(async (client) => {
        const stream = client.stream(watchMethod);
        stream.send(create({ key: 'a', watchId: -5 }));
        const said = await heard(stream, 1);
        stream.cancel();
        return said;
      });
    });

    test('a negative start, the one deliberate difference: refused by name, where etcd begins at the first', async () => {
      const created = [];
      for (const client of clients) {
        const stream = client.stream(watchMethod);
        stream.send(create({ key: 'a', startRevision: -3 }));
        await stream.read(1);
        created.push(stream.received[0]);
        stream.cancel();
      }
      expect(created[0]).toMatchObject({ created: true, canceled: true });
      expect(created[0]?.cancelReason).toContain('start_revision is -3');
      expect(created[1]).toMatchObject({ created: true, canceled: false });
    });

    test('one that wants a leader is served while there is one', async () => {
      await same(async (client) => {
        const stream = client.stream(watchMethod, { hasleader: 'true' });
        stream.send(create({ key: 'a' }));
        const said = await heard(stream, 1);
        stream.cancel();
        return said;
      });
    });
  });

  describe('leases', () => {
    const grant = (ttlSeconds: number, id: bigint) => LeaseGrantRequest.create({ ttlSeconds, id });
    test('an id of the client’s, given twice, given negative', async () => {
      await same(async (client) => [
        await client.unary(memberMethods.leaseGrant, grant(100, 77n)),
        await client.unary(memberMethods.leaseGrant, grant(100, 77n)),
        await client.unary(memberMethods.leaseGrant, grant(100, BigInt.asUintN(64, -5n))),
        await client.unary(memberMethods.leaseGrant, grant(-1, 78n)),
        await client.unary(memberMethods.leaseGrant, grant(0, 79n)),
        await client.unary(memberMethods.leaseGrant, grant(9_000_000_000, 80n)),
        await client.unary(memberMethods.leaseGrant, grant(9_000_000_001, 81n)),
        await client.unary(memberMethods.leaseRevoke, { id: 0n }),
        await client.unary(memberMethods.leaseRevoke, { id: 12_345n }),
        await client.unary(memberMethods.leaseTimeToLive, { id: 12_345n, keys: true }),
        await client.unary(memberMethods.leaseRevoke, { id: 77n }),
        await client.unary(memberMethods.leaseTimeToLive, { id: 77n, keys: true }),
        await client.unary(memberMethods.put, put('k', 'v', 77n)),
        await client.unary(memberMethods.put, put('k', 'v', BigInt.asUintN(64, -5n))),
      ]);
    });

    test('keepalives of one stream, of leases that are and are not, in order', async () => {
      await same(async (client) => {
        await client.call(memberMethods.leaseGrant, grant(100, 501n));
        await client.call(memberMethods.leaseGrant, grant(200, 502n));
        const stream = client.stream(memberMethods.leaseKeepAlive);
        for (const id of [501n, 0n, 502n, 999n, 501n]) stream.send(LeaseKeepAliveRequest.create({ id }));
        stream.halfClose();
        const ending = await stream.until(() => false);
        return [stream.received, ending];
      });
    });
  });

  describe('the lock service', () => {
    const locked = (name: string, lease: bigint) => LockRequest.create({ name, lease });
    const granted = (client: RawClient, id: bigint) =>
      client.call(memberMethods.leaseGrant, LeaseGrantRequest.create({ ttlSeconds: 100, id }));

    test('locks, locks again on the same lease, waits, unlocks', async () => {
      await same(async (client) => {
        await granted(client, 601n);
        await granted(client, 602n);
        const first = await client.call(lock, locked('n', 601n));
        const again = await client.call(lock, locked('n', 601n));
        const second = client.call(lock, locked('n', 602n));
        await queued(client, 'n/', 2);
        const unlocked = await client.call(unlock, { key: first.key });
        const { key } = await second;
        const twice = await client.call(unlock, { key: first.key });
        return [first, again, unlocked, key, twice, await client.call(unlock, { key })];
      });
    });

    test('a lease that is not, an empty key', async () => {
      await same(async (client) => [
        await client.unary(lock, locked('m', 60_001n)),
        await client.unary(unlock, { key: '' }),
        await client.unary(unlock, { key: 'nobodys' }),
      ]);
    });

    test('an empty name is a name', async () => {
      await same(async (client) => {
        await granted(client, 603n);
        const { key } = await client.call(lock, locked('', 603n));
        return [key, await client.call(unlock, { key })];
      });
    });

    test('no lease is a lease of a minute', async () => {
      await same(async (client) => {
        const { key } = await client.call(lock, locked('own', 0n));
        const id = BigInt(`0x${key.slice('own/'.length)}`);
        const { grantedTtlSeconds, keys } = await client.call(memberMethods.leaseTimeToLive, {
          id,
          keys: true,
        });
        return [grantedTtlSeconds, keys.length];
      });
    });

    test('a client that leaves while it waits gives up its place', async () => {
      await same(async (client) => {
        await granted(client, 604n);
        await granted(client, 605n);
        const { key } = await client.call(lock, locked('left', 604n));
        const waiting = client.begin(lock, locked('left', 605n));
        await queued(client, 'left/', 2);
        waiting.cancel();
        await queued(client, 'left/', 1);
        await waiting.outcome;
        return client.call(unlock, { key });
      });
    });
  });

  describe('the election service', () => {
    const stand = (lease: bigint, value: string) =>
      CampaignRequest.create({ name: 'e', lease, value: utf8(value) });
    const whoLeads = LeaderRequest.create({ name: 'e' });

    test('campaigns, proclaims, is observed, resigns; the next leads', async () => {
      await same(async (client) => {
        for (const id of [701n, 702n]) {
          await client.call(memberMethods.leaseGrant, LeaseGrantRequest.create({ ttlSeconds: 100, id }));
        }
        const nobody = await client.unary(leader, whoLeads);
        const first = await client.call(campaign, stand(701n, 'one'));
        const led = await client.call(leader, whoLeads);
        const observer = client.stream(observe);
        observer.send(whoLeads);
        observer.halfClose();
        await observer.read(1);
        await client.call(
          proclaim,
          ProclaimRequest.create({ leader: first.leader, value: utf8('one more') }),
        );
        await observer.read(2);
        const second = client.call(campaign, stand(702n, 'two'));
        await queued(client, 'e/', 2);
        const resigned = await client.call(resign, ResignRequest.create({ leader: first.leader }));
        const { leader: now } = await second;
        await observer.read(3);
        observer.cancel();
        const late = await client.unary(
          proclaim,
          ProclaimRequest.create({ leader: first.leader, value: utf8('too late') }),
        );
        const again = await client.unary(resign, ResignRequest.create({ leader: first.leader }));
        return [nobody, first, led, resigned, now, late, again, observer.received.map(({ kv }) => kv)];
      });
    });

    test('without a leader in the request; with one that never was', async () => {
      const never = LeaderKey.create({ name: 'e', key: 'e/never', revision: 3, lease: 702n });
      await same(async (client) => [
        await client.unary(proclaim, ProclaimRequest.create()),
        await client.unary(resign, ResignRequest.create()),
        await client.unary(proclaim, ProclaimRequest.create({ leader: never })),
        await client.unary(resign, ResignRequest.create({ leader: never })),
        await client.unary(campaign, CampaignRequest.create({ name: 'e', lease: 70_001n })),
      ]);
    });
  });

  async function queued(client: RawClient, key: string, count: number): Promise<void> {
    const rangeEnd = `${key.slice(0, -1)}0`;
    for (;;) {
      const found = await client.call(
        memberMethods.range,
        RangeRequest.create({ key, rangeEnd, countOnly: true }),
      );
      if (found.count === count) return;
    }
  }

  describe('the header of an answer that is no read and no write', () => {
    const headerOf = async (
      client: RawClient,
      kind: 'memberList' | 'memberAdd' | 'memberUpdate' | 'memberRemove' | 'leaseLeases' | 'status',
      request: object,
    ) => {
      const { header } = (await client.call(memberMethods[kind] as never, request as never)) as {
        header: object;
      };
      return header;
    };

    test('of the members: none has a revision', async () => {
      await same(async (client) => {
        const headers = [await headerOf(client, 'memberList', MemberListRequest.create())];
        const peerUrls = ['http://127.0.0.1:9'];
        const { header, member } = await client.call(
          memberMethods.memberAdd,
          MemberAddRequest.create({ peerUrls, isLearner: true }),
        );
        headers.push(header ?? {});
        const id = member?.id ?? 0n;
        const moved = MemberUpdateRequest.create({ id, peerUrls: ['http://127.0.0.1:10'] });
        headers.push(await headerOf(client, 'memberUpdate', moved));
        headers.push(await headerOf(client, 'memberRemove', MemberRemoveRequest.create({ id })));
        return headers;
      });
    });

    test.each([
      ['leaseLeases', LeaseLeasesRequest.create()],
      ['status', StatusRequest.create()],
    ] as const)('of %s', async (kind, request) => {
      await same((client) => headerOf(client, kind, request));
    });
  });

  describe('how new a read must be, by metadata', () => {
    const read = (client: RawClient, value: string) =>
      client.unary(memberMethods.range, RangeRequest.create({ key: 'nothing' }), {
        'photon-read-consistency': value,
      });

    test.each(['local', 'serializable', 'linearizable'])('%s is answered', async (value) => {
      expect(await read(clients[0], value)).toHaveProperty('kvs');
    });

    test('anything else is refused, and the allowed values are named', async () => {
      expect(await read(clients[0], 'eventual')).toEqual({
        code: 'INVALID_ARGUMENT',
        details: 'photon-read-consistency is "eventual", it must be one of local, serializable, linearizable',
      } satisfies CallEnding);
    });
  });
});
