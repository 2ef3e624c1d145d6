import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';

import { parseAddress } from '../../adapters/config/address.ts';
import { GrpcChainfireClient } from '../../adapters/grpc/client.ts';
import { assert, present } from '../../core/base/assert.ts';
import { bytesFromLatin1 } from '../../core/base/bytes.ts';
import { PutRequest, RangeRequest } from '../../core/chainfire/api/kv.ts';
import { LeaseGrantRequest } from '../../core/chainfire/api/lease.ts';
import { eventTypes } from '../../core/chainfire/api/watch.ts';
import {
  type MemberRefusal,
  type MemberRequest,
  type MemberResponse,
} from '../../core/chainfire/member-protocol.ts';
import { seededPrng } from '../../sim/prng.ts';
import { Cluster, type MemberPlace } from './cluster.ts';

const leases = 1_000;
const ttlSeconds = 10;
const prefix = 'session/';
const prefixEnd = 'session0';
const callTimeoutMs = 30_000;
/** Grants and puts under way at once. */
const parallel = 64;
/**
 * What a lease may outlast its time by: the configured drift of a clock, an election, the applying of a thousand
 * expiries, and the way of the news to this process, all on a machine that does other things too. A lease whose time began
 * anew with the new leader would need half a time to live more than this.
 */
const lateMsMax = ttlSeconds * 1_000 * 0.4;

interface Session {
  readonly id: bigint;
  /** When the last request was sent that was acknowledged, and which kept the lease or granted it; in ms. */
  sentMs: number;
  lost: string | undefined;
  /** When its key was seen to go. */
  goneMs: number | undefined;
  /** Called at its next renewal. */
  onRenewed: () => void;
}

const nowMs = (): number => performance.now();

test(
  'leaders are killed while a thousand leases are kept alive: none ends early, none outlives its time',
  { timeout: 240_000 },
  async () => {
    const cluster = await Cluster.start(3);
    cluster.showLogsOnFailure();
    const client = connect(cluster.members);
    try {
      const sessions = new Map<bigint, Session>();
      await inParallel(leases, async () => {
        const session = await openSession(client);
        sessions.set(session.id, session);
      });
      const opened = await call(client, {
        kind: 'range',
        request: RangeRequest.create({ key: prefix, rangeEnd: prefixEnd, countOnly: true }),
      });
      expect(opened).toMatchObject({ kind: 'range', response: { count: leases } });

      let gone = 0;
      let allGone: () => void = () => undefined;
      const everyOne = new Promise<void>((resolve) => (allGone = resolve));
      const watch = client.watch(
        {
          key: prefix,
          rangeEnd: prefixEnd,
          startRevision: 0,
          prevKv: false,
          filters: [],
          progressNotify: false,
        },
        {
          delivered: ({ events }) => {
            for (const event of events) {
              if (event.type !== eventTypes.delete) continue;
              const id = BigInt(present(event.kv, 'a deletion names its key').key.slice(prefix.length));
              present(sessions.get(id), 'only sessions have keys there').goneMs ??= nowMs();
              gone += 1;
            }
            if (gone === leases) allGone();
          },
          ended: (end) => {
            throw new Error(`the watch ended: ${JSON.stringify(end)}`);
          },
        },
      );

      const kept = [...sessions.values()].map((session) =>
        client.keepLease(
          { leaseId: session.id, ttlSeconds, grantedUs: Math.floor(session.sentMs * 1_000) },
          {
            renewed: (_ttlSeconds, sentUs) => {
              session.sentMs = sentUs / 1_000;
              session.onRenewed();
            },
            lost: (reason) => (session.lost = reason),
          },
        ),
      );
      // Three leaders die while everything is kept alive for longer than a time to live.
      for (let death = 1; death <= 3; death += 1) {
        await renewedOnce(sessions);
        await replaceLeader(cluster);
      }
      await renewedOnce(sessions);
      expect(gone, 'keys that went while their leases were kept').toBe(0);
      expect([...sessions.values()].filter(({ lost }) => lost !== undefined)).toEqual([]);

      // Now nobody keeps them any more; half their time later one more leader dies, and the time goes on.
      for (const release of kept) release();
      const releasedMs = nowMs();
      await until(releasedMs + (ttlSeconds * 1_000) / 2);
      await replaceLeader(cluster);
      await everyOne;
      watch.close();

      for (const { id, sentMs, goneMs } of sessions.values()) {
        const lastedMs = present(goneMs, 'its key is gone') - sentMs;
        expect(lastedMs, `lease ${id} ended early`).toBeGreaterThanOrEqual(ttlSeconds * 1_000);
        // A keepalive that nobody acknowledged may have been sent until the release.
        expect((goneMs ?? 0) - releasedMs, `lease ${id} outlived its time`).toBeLessThan(
          ttlSeconds * 1_000 + lateMsMax,
        );
      }
      const lasted = [...sessions.values()].map(({ sentMs, goneMs }) => (goneMs ?? 0) - sentMs);
      console.log(
        `${leases} leases of ${ttlSeconds} s lasted ${Math.min(...lasted).toFixed(0)} to ${Math.max(...lasted).toFixed(0)} ms from their last keepalive`,
      );
    } finally {
      client.close();
      await cluster.remove();
    }
  },
);

async function openSession(client: GrpcChainfireClient): Promise<Session> {
  const sentMs = nowMs();
  const granted = await call(client, {
    kind: 'leaseGrant',
    request: LeaseGrantRequest.create({ ttlSeconds }),
  });
  assert(granted.kind === 'leaseGrant', 'a grant is answered as one');
  const { id } = granted.response;
  const request = PutRequest.create({ key: `${prefix}${id}`, value: bytesFromLatin1('here'), lease: id });
  await call(client, { kind: 'put', request });
  return { id, sentMs, lost: undefined, goneMs: undefined, onRenewed: () => undefined };
}

/** Resolves when every session has been renewed after this call. */
async function renewedOnce(sessions: ReadonlyMap<bigint, Session>): Promise<void> {
  await Promise.all(
    [...sessions.values()].map((session) => new Promise<void>((resolve) => (session.onRenewed = resolve))),
  );
}

/** Kills whoever leads, waits for another one, and starts the dead one again. */
async function replaceLeader(cluster: Cluster): Promise<void> {
  const leader = await leaderOf(cluster.members);
  await cluster.end(leader, 'SIGKILL');
  await leaderOf(cluster.members.filter(({ name }) => name !== leader));
  await cluster.startMember(leader);
}

async function leaderOf(members: readonly MemberPlace[]): Promise<string> {
  for (;;) {
    for (const { name, metrics } of members) {
      const text = await (await fetch(`http://${metrics}/metrics`)).text();
      if (/^etcd_server_is_leader 1$/m.test(text)) return name;
    }
    await pause(20);
  }
}

async function call(
  client: GrpcChainfireClient,
  request: MemberRequest,
): Promise<Exclude<MemberResponse, MemberRefusal>> {
  const outcome = await client.call(request, callTimeoutMs);
  if (outcome.kind !== 'answered') throw new Error(`${request.kind}: ${JSON.stringify(outcome)}`);
  return outcome.response;
}

async function inParallel(count: number, work: () => Promise<void>): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    for (; left > 0;) {
      left -= 1;
      await work();
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

async function until(ms: number): Promise<void> {
  await pause(Math.max(0, ms - nowMs()));
}

function connect(members: readonly MemberPlace[]): GrpcChainfireClient {
  const endpoints = members.map(({ client }) => present(parseAddress(client), `${client} is an address`));
  return new GrpcChainfireClient({ endpoints, prng: seededPrng(String(Date.now())) });
}
