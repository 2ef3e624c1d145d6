import { expect, test } from 'vitest';
import { usPerSecond } from '../../../../core/base/units.ts';
import { Command } from '../../../../core/chainfire/command.ts';
import { leaseTable } from '../../../../core/chainfire/lease/keys.ts';
import { type MemberResponse } from '../../../../core/chainfire/member-protocol.ts';
import { defaultRaftOptions } from '../../../../core/raft/types.ts';
import { TestCluster } from '../cluster.ts';
import { ask, get, line, op, put } from '../requests.ts';

type Answer<Kind extends MemberResponse['kind']> = Extract<MemberResponse, { kind: Kind }>['response' &
  keyof Extract<MemberResponse, { kind: Kind }>];

function as<Kind extends MemberResponse['kind']>(
  kind: Kind,
  response: MemberResponse | undefined,
): Answer<Kind> {
  expect(response).toMatchObject({ kind });
  return (response as unknown as { response: Answer<Kind> }).response;
}

const driftPpm = 1_000;
const lastsUs = (ttlSeconds: number): number => ttlSeconds * (usPerSecond + driftPpm);
/** From a lease's end to that of its keys, with a leader there: a tick and a round through the log. */
const boundUs = 50_000;

function others(cluster: TestCluster, leader: number): readonly [number, number] {
  const [one, two] = [...cluster.nodes.keys()].filter((id) => id !== leader);
  return [one as number, two as number];
}

function cluster3(): { cluster: TestCluster; leader: number; follower: number; other: number } {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  cluster.quiesce();
  const [follower, other] = others(cluster, leader);
  return { cluster, leader, follower, other };
}

function exists(cluster: TestCluster, id: number, lease: bigint): boolean {
  return cluster
    .member(id)
    .view.leases()
    .some((one) => one.id === lease);
}

test('a lease is granted, looked at, kept alive, listed and revoked through any member', () => {
  const { cluster, leader, follower, other } = cluster3();
  expect(as('leaseGrant', cluster.call(follower, ask.grant(60, 7n)))).toMatchObject({
    header: { clusterId: 7n, memberId: BigInt(follower), revision: 1 },
    id: 7n,
    ttlSeconds: 60,
  });
  cluster.run(9.5 * usPerSecond);
  expect(as('leaseTimeToLive', cluster.call(other, ask.timeToLive(7n)))).toMatchObject({
    header: { memberId: BigInt(other) },
    id: 7n,
    ttlSeconds: 50,
    grantedTtlSeconds: 60,
    keys: [],
  });
  expect(as('leaseKeepAlive', cluster.call(other, ask.keepAlive(7n)))).toMatchObject({
    header: { memberId: BigInt(other) },
    id: 7n,
    ttlSeconds: 60,
  });
  expect(as('leaseTimeToLive', cluster.call(leader, ask.timeToLive(7n))).ttlSeconds).toBe(60);
  cluster.call(leader, ask.grant(30, 9n));
  expect(as('leaseLeases', cluster.call(follower, ask.leases)).leases).toEqual([{ id: 9n }, { id: 7n }]);
  expect(as('leaseRevoke', cluster.call(leader, ask.revoke(7n))).header).toMatchObject({ revision: 1 });
  expect(as('leaseLeases', cluster.call(follower, ask.leases)).leases).toEqual([{ id: 9n }]);
});

test('a lease that is not there: revoked and attached to never, kept alive with nothing left, looked at below nothing', () => {
  const { cluster, follower } = cluster3();
  const notFound = { code: 'LEASE_NOT_FOUND', message: 'etcdserver: requested lease not found' };
  expect(cluster.call(follower, ask.revoke(5n))).toMatchObject(notFound);
  expect(cluster.call(follower, ask.put('a', 'x', { lease: 5n }))).toMatchObject(notFound);
  expect(cluster.call(follower, ask.txn({ success: [op.put(put('a', 'x', { lease: 5n }))] }))).toMatchObject(
    notFound,
  );
  expect(as('leaseKeepAlive', cluster.call(follower, ask.keepAlive(5n)))).toMatchObject({
    id: 5n,
    ttlSeconds: 0,
  });
  expect(as('leaseTimeToLive', cluster.call(follower, ask.timeToLive(5n, true)))).toMatchObject({
    id: 5n,
    ttlSeconds: -1,
    grantedTtlSeconds: 0,
    keys: [],
  });
  expect(cluster.member(follower).view.revision).toBe(1);
});

test('an id is drawn where none is given: positive for those who read it as signed, and another each time', () => {
  const { cluster } = cluster3();
  const ids = [1, 2, 3, 1, 2, 3].map((id) => as('leaseGrant', cluster.call(id, ask.grant(60))).id);
  expect(new Set(ids).size).toBe(6);
  for (const id of ids) expect(id > 0n && id < 2n ** 63n).toBe(true);
});

test('a time to live that is too short is raised, one that is too long refused, an id in use refused', () => {
  const { cluster, leader, follower } = cluster3();
  // An election and a half of one second each, rounded up.
  expect(as('leaseGrant', cluster.call(leader, ask.grant(1, 1n))).ttlSeconds).toBe(2);
  expect(as('leaseGrant', cluster.call(leader, ask.grant(-5, 2n))).ttlSeconds).toBe(2);
  expect(as('leaseGrant', cluster.call(leader, ask.grant(9_000_000_000, 3n))).ttlSeconds).toBe(9_000_000_000);
  expect(cluster.call(leader, ask.grant(9_000_000_001))).toMatchObject({
    code: 'LEASE_TTL_TOO_LARGE',
    message: 'etcdserver: too large lease TTL',
  });
  expect(cluster.call(follower, ask.grant(10, 3n))).toMatchObject({
    code: 'LEASE_EXISTS',
    message: 'etcdserver: lease already exists',
  });
  expect(as('leaseTimeToLive', cluster.call(leader, ask.timeToLive(3n))).grantedTtlSeconds).toBe(
    9_000_000_000,
  );
});

test('there are no more leases than the bound', () => {
  const cluster = new TestCluster(1, { leasesMax: 2 });
  cluster.elect();
  cluster.call(1, ask.grant(10, 1n));
  cluster.call(1, ask.grant(10, 2n));
  expect(cluster.call(1, ask.grant(10, 3n))).toMatchObject({ code: 'TOO_MANY_LEASES' });
  cluster.call(1, ask.revoke(1n));
  expect(cluster.call(1, ask.grant(10, 3n))).toMatchObject({ kind: 'leaseGrant' });
});

test('a key belongs to the lease of its last put', () => {
  const { cluster, leader } = cluster3();
  cluster.call(leader, ask.grant(60, 1n));
  cluster.call(leader, ask.grant(60, 2n));
  const keys = (id: bigint): readonly string[] =>
    as('leaseTimeToLive', cluster.call(leader, ask.timeToLive(id, true))).keys;
  for (const key of ['d', 'b', 'a', 'c']) cluster.call(leader, ask.put(key, 'x', { lease: 1n }));
  expect(keys(1n)).toEqual(['a', 'b', 'c', 'd']);
  cluster.call(leader, ask.put('a', 'y'));
  cluster.call(leader, ask.put('b', 'y', { lease: 2n }));
  cluster.call(leader, ask.put('c', 'y', { ignoreLease: true }));
  cluster.call(leader, ask.del('d'));
  expect([keys(1n), keys(2n)]).toEqual([['c'], ['b']]);
  expect(as('leaseTimeToLive', cluster.call(leader, ask.timeToLive(1n))).keys).toEqual([]);
  const { kvs } = as('range', cluster.call(leader, ask.all()));
  expect(kvs.map(({ key, lease }) => [key, lease])).toEqual([
    ['a', 0n],
    ['b', 2n],
    ['c', 1n],
  ]);
});

test('the keys of a lease go with it in one revision, and without keys there is no revision', () => {
  const { cluster, leader, follower } = cluster3();
  cluster.call(leader, ask.grant(60, 1n));
  cluster.call(leader, ask.grant(60, 2n));
  const writes = ['a', 'b', 'c'].map((key) => op.put(put(key, 'x', { lease: 1n })));
  cluster.call(leader, ask.txn({ success: [...writes, op.put(put('d', 'x'))] }));
  expect(as('leaseRevoke', cluster.call(follower, ask.revoke(1n))).header?.revision).toBe(3);
  expect(as('leaseRevoke', cluster.call(follower, ask.revoke(2n))).header?.revision).toBe(3);
  expect(as('range', cluster.call(leader, ask.all())).kvs.map(line)).toEqual(['d=x c2 m2 v1']);
  expect(as('range', cluster.call(leader, ask.all({ revision: 2 }))).count).toBe(4);
});

test('a put and the end of its lease may share a batch', () => {
  const { cluster, leader } = cluster3();
  cluster.call(leader, ask.grant(60, 1n));
  cluster.send(leader, ask.put('a', 'x', { lease: 1n }));
  const revoked = cluster.send(leader, ask.revoke(1n));
  cluster.runUntil(() => cluster.replies.has(revoked));
  expect(as('range', cluster.call(leader, ask.get('a'))).count).toBe(0);
});

test('a lease that nobody keeps alive ends with its keys: not before its time, and soon after', () => {
  const { cluster, leader, follower } = cluster3();
  const grantedUs = cluster.nowUs;
  cluster.call(follower, ask.grant(5, 1n));
  cluster.call(follower, ask.put('a', 'x', { lease: 1n }));
  const renewedUs = cluster.nowUs;
  cluster.call(follower, ask.keepAlive(1n));
  const revision = cluster.member(leader).view.revision;
  cluster.runUntil(() => cluster.nowUs >= renewedUs + lastsUs(5) - 1_000);
  expect(exists(cluster, leader, 1n)).toBe(true);
  cluster.runUntil(() => !exists(cluster, follower, 1n));
  expect(cluster.nowUs).toBeGreaterThan(grantedUs + lastsUs(5));
  expect(cluster.nowUs).toBeLessThan(renewedUs + lastsUs(5) + boundUs);
  expect(cluster.member(follower).view.revision).toBe(revision + 1);
  expect(as('range', cluster.call(follower, ask.get('a'))).count).toBe(0);
  expect(as('leaseKeepAlive', cluster.call(follower, ask.keepAlive(1n))).ttlSeconds).toBe(0);
});

test('a fast clock at the bound ends no lease early, a slow one none much later', () => {
  for (const clockPpm of [-driftPpm, driftPpm]) {
    const cluster = new TestCluster(3);
    for (const node of cluster.nodes.values()) node.clockPpm = clockPpm;
    const leader = cluster.elect();
    const sentUs = cluster.nowUs;
    cluster.call(leader, ask.grant(1_000, 1n));
    cluster.runUntil(() => !exists(cluster, leader, 1n), 2_000 * usPerSecond);
    expect(cluster.nowUs - sentUs).toBeGreaterThanOrEqual(1_000 * usPerSecond);
    expect(cluster.nowUs - sentUs).toBeLessThan(1_000 * (usPerSecond + 2 * driftPpm + 10) + boundUs);
  }
});

test('an election neither ends a lease nor gives it time', () => {
  const { cluster, leader, follower } = cluster3();
  cluster.call(follower, ask.grant(20, 1n));
  cluster.call(follower, ask.grant(6, 2n));
  const sentUs = cluster.nowUs;
  cluster.run(3 * usPerSecond);
  cluster.crash(leader);
  const next = cluster.elect();
  // What was granted under the old leader has its time from then on, whoever leads.
  cluster.runUntil(() => cluster.nowUs >= sentUs + 6 * usPerSecond);
  expect(exists(cluster, next, 2n)).toBe(true);
  cluster.runUntil(() => !exists(cluster, next, 2n));
  expect(cluster.nowUs).toBeLessThan(sentUs + lastsUs(6) + boundUs);
  expect(exists(cluster, next, 1n)).toBe(true);
  cluster.runUntil(() => !exists(cluster, next, 1n));
  expect(cluster.nowUs).toBeGreaterThanOrEqual(sentUs + 19 * usPerSecond);
  expect(cluster.nowUs).toBeLessThan(sentUs + lastsUs(20) + boundUs);
});

test('what ends while nobody leads ends as soon as somebody does', () => {
  const { cluster, leader, follower, other } = cluster3();
  cluster.call(follower, ask.grant(3, 1n));
  cluster.quiesce();
  cluster.crash(leader);
  cluster.crash(other);
  cluster.run(10 * usPerSecond);
  expect(exists(cluster, follower, 1n)).toBe(true);
  cluster.restart(other);
  cluster.elect();
  const electedUs = cluster.nowUs;
  cluster.runUntil(() => !exists(cluster, follower, 1n));
  // The one that slept counts from its start; the one that did not has found it overdue long ago.
  expect(cluster.nowUs).toBeLessThan(electedUs + lastsUs(3) + boundUs);
});

test('after a restart of all, every lease has its full time from there', () => {
  const { cluster, leader, follower } = cluster3();
  cluster.call(follower, ask.grant(10, 1n));
  cluster.call(follower, ask.put('a', 'x', { lease: 1n }));
  cluster.quiesce();
  cluster.run(8 * usPerSecond);
  for (const id of cluster.nodes.keys()) cluster.crash(id);
  const downUs = cluster.nowUs;
  for (const id of cluster.nodes.keys()) cluster.restart(id);
  const next = cluster.elect();
  expect(cluster.member(leader).view.leases()).toMatchObject([{ id: 1n, ttlSeconds: 10 }]);
  expect(as('leaseTimeToLive', cluster.call(next, ask.timeToLive(1n, true))).keys).toEqual(['a']);
  cluster.runUntil(() => !exists(cluster, next, 1n));
  expect(cluster.nowUs).toBeGreaterThanOrEqual(downUs + 10 * usPerSecond);
  expect(as('range', cluster.call(next, ask.get('a'))).count).toBe(0);
});

test('a snapshot brings leases, their keys and their full time', () => {
  const cluster = new TestCluster(3, { trailingEntries: 10 });
  const leader = cluster.elect();
  const [follower, other] = others(cluster, leader);
  cluster.call(leader, ask.grant(3, 1n));
  cluster.call(leader, ask.grant(1_000, 2n));
  cluster.quiesce();
  cluster.crash(follower);
  cluster.call(leader, ask.revoke(1n));
  cluster.call(leader, ask.grant(1_000, 3n));
  for (let at = 0; at < 100; at += 1) cluster.call(leader, ask.put(`k${at}`, 'x', { lease: 3n }));
  cluster.restart(follower);
  cluster.quiesce();
  expect(cluster.snapshots).toBe(1);
  const replicated = (id: number): unknown =>
    cluster
      .member(id)
      .view.leases()
      .map(({ id: lease, ttlSeconds, renewedIndex }) => ({ lease, ttlSeconds, renewedIndex }));
  expect(replicated(follower)).toEqual(replicated(leader));
  expect(
    cluster
      .member(follower)
      .view.leases()
      .map(({ id }) => id),
  ).toEqual([2n, 3n]);
  expect(cluster.member(follower).view.leaseKeys(3n)).toEqual(cluster.member(other).view.leaseKeys(3n));
  for (const { remainingUs } of cluster.member(follower).view.leases()) {
    expect(remainingUs).toBeGreaterThan(999 * usPerSecond);
  }
  // The restored member knows which keys to end, and how long it may wait.
  cluster.crash(leader);
  cluster.elect();
  expect(as('leaseRevoke', cluster.call(follower, ask.revoke(3n))).header?.revision).toBe(102);
  expect(as('range', cluster.call(follower, ask.all({ countOnly: true }))).count).toBe(0);
});

test('a renewal that came into the log before the end was proposed wins, though the leader had not applied it', () => {
  const { cluster, leader } = cluster3();
  cluster.call(leader, ask.grant(5, 1n));
  const sentUs = cluster.nowUs;
  cluster.quiesce();
  cluster.runUntil(() => cluster.nowUs >= sentUs + lastsUs(5) - 400_000);
  // From here on nothing commits, though the leader still hears from the others.
  cluster.onMessage = (_, __, { message }) => (message.kind === 'appendResponse' ? 0 : 1);
  const renewed = cluster.send(leader, ask.keepAlive(1n));
  const { lastIndex } = cluster.member(leader).view.raft;
  cluster.runUntil(() => cluster.member(leader).view.raft.lastIndex > lastIndex);
  const [, expiry] = cluster.member(leader).view.raft.entries(lastIndex, lastIndex + 1, 1_000_000);
  expect(Command.decode(expiry?.data as Uint8Array, 10).leaseExpire).toMatchObject({ ids: [1n] });
  expect(cluster.replies.has(renewed)).toBe(false);
  cluster.onMessage = () => 1;
  cluster.quiesce();
  expect(as('leaseKeepAlive', cluster.replies.get(renewed)).ttlSeconds).toBe(5);
  expect([1, 2, 3].map((id) => exists(cluster, id, 1n))).toEqual([true, true, true]);
});

test('a storm of keepalives makes few entries', () => {
  const { cluster, leader } = cluster3();
  for (let at = 1; at <= 50; at += 1) cluster.call(leader, ask.grant(600, BigInt(at)));
  cluster.quiesce();
  const { lastIndex } = cluster.member(leader).view.raft;
  const sent: number[] = [];
  for (let round = 0; round < 100; round += 1) {
    for (let at = 1; at <= 50; at += 1) sent.push(cluster.send(1 + (round % 3), ask.keepAlive(BigInt(at))));
  }
  cluster.runUntil(() => sent.every((requestId) => cluster.replies.has(requestId)));
  for (const requestId of sent) {
    expect(as('leaseKeepAlive', cluster.replies.get(requestId)).ttlSeconds).toBe(600);
  }
  expect(cluster.member(leader).view.raft.lastIndex - lastIndex).toBeLessThanOrEqual(6);
});

test('a keepalive whose way to the leader is cut is answered once there is one again, or refused in time', () => {
  const { cluster, leader, follower } = cluster3();
  cluster.call(leader, ask.grant(600, 1n));
  let lost = 0;
  cluster.onMessage = (_, __, { message }) => {
    if (message.kind !== 'proposalForwarded' || lost >= 2) return 1;
    lost += 1;
    return 0;
  };
  expect(as('leaseKeepAlive', cluster.call(follower, ask.keepAlive(1n))).ttlSeconds).toBe(600);
  expect(lost).toBe(2);
  cluster.crash(leader);
  cluster.onMessage = () => 1;
  const [other] = others(cluster, leader).filter((id) => id !== follower);
  cluster.crash(other as number);
  cluster.run(3 * usPerSecond);
  const sentUs = cluster.nowUs;
  expect(cluster.call(follower, ask.keepAlive(1n))).toMatchObject({ code: 'NO_LEADER' });
  expect(cluster.nowUs - sentUs).toBeLessThanOrEqual(7.1 * usPerSecond);
  expect(cluster.member(follower).view.pendingRequests).toBe(0);
});

test('a keepalive that waits for a leader goes to it as soon as there is one', () => {
  const { cluster, leader, follower } = cluster3();
  cluster.call(leader, ask.grant(600, 1n));
  cluster.crash(leader);
  cluster.runUntil(() => cluster.member(follower).view.raft.leader === 0);
  const requestId = cluster.send(follower, ask.keepAlive(1n));
  cluster.elect();
  const electedUs = cluster.nowUs;
  cluster.runUntil(() => cluster.replies.has(requestId));
  expect(as('leaseKeepAlive', cluster.replies.get(requestId)).ttlSeconds).toBe(600);
  expect(cluster.nowUs - electedUs).toBeLessThan(20_000);
});

test('a keepalive that nobody waits for any more makes room', () => {
  const cluster = new TestCluster(3, { pendingRequestsMax: 1 });
  const first = cluster.send(1, ask.keepAlive(1n));
  expect(cluster.replies.get(cluster.send(1, ask.keepAlive(2n)))).toMatchObject({
    code: 'TOO_MANY_REQUESTS',
  });
  cluster.step(1, { kind: 'cancelled', requestId: first });
  expect(cluster.member(1).view.pendingRequests).toBe(0);
});

test('thousands of leases that end at once do, a hundred an entry', () => {
  const cluster = new TestCluster(1);
  cluster.elect();
  const sent: number[] = [];
  for (let at = 1; at <= 2_500; at += 1) sent.push(cluster.send(1, ask.grant(5, BigInt(at))));
  cluster.runUntil(() => sent.every((requestId) => cluster.replies.has(requestId)));
  cluster.quiesce();
  const { lastIndex } = cluster.member(1).view.raft;
  expect(cluster.member(1).view.leaseCount).toBe(2_500);
  cluster.runUntil(() => cluster.member(1).view.leaseCount === 0);
  expect(cluster.member(1).view.raft.lastIndex - lastIndex).toBeGreaterThanOrEqual(25);
  expect(cluster.member(1).view.raft.lastIndex - lastIndex).toBeLessThanOrEqual(26);
});

test('the checksum of the whole state knows leases, that of keys does not', () => {
  const { cluster, leader, follower } = cluster3();
  cluster.call(leader, ask.put('a', 'x'));
  const hashes = (id: number): readonly [number, number] => [
    as('hash', cluster.call(id, ask.hash)).hash,
    as('hashKv', cluster.call(id, ask.hashKv())).hash,
  ];
  const before = hashes(leader);
  cluster.call(leader, ask.grant(600, 1n));
  cluster.quiesce();
  const granted = hashes(leader);
  expect(hashes(follower)).toEqual(granted);
  expect([granted[0] === before[0], granted[1] === before[1]]).toEqual([false, true]);
  cluster.call(leader, ask.keepAlive(1n));
  cluster.quiesce();
  expect(hashes(leader)[0]).not.toBe(granted[0]);
  expect(hashes(follower)).toEqual(hashes(leader));
  cluster
    .node(follower)
    .store.write([{ table: leaseTable, key: '\x00\x00\x00\x00\x00\x00\x00\x01', value: undefined }]);
  expect(hashes(follower)[0]).not.toBe(hashes(leader)[0]);
});

test('a follower that the leader has no room for says so at once', () => {
  const raft = { ...defaultRaftOptions, uncommittedBytesMax: 500 };
  const cluster = new TestCluster(3, { raft });
  const leader = cluster.elect();
  cluster.quiesce();
  const [follower] = others(cluster, leader);
  cluster.onMessage = (_, __, { message }) => (message.kind === 'appendResponse' ? 0 : 1);
  const sent = [1, 2, 3].map((at) => cluster.send(follower, ask.put(`${at}`, 'v'.repeat(300))));
  const kept = cluster.send(follower, ask.keepAlive(1n));
  cluster.run(100_000);
  expect(sent.map((requestId) => cluster.replies.get(requestId)?.kind)).toEqual([
    undefined,
    'refused',
    'refused',
  ]);
  expect(cluster.replies.get(sent[2] as number)).toMatchObject({ code: 'TOO_MANY_REQUESTS' });
  cluster.onMessage = () => 1;
  cluster.runUntil(() => cluster.replies.has(kept) && cluster.replies.has(sent[0] as number));
  expect(cluster.replies.get(sent[0] as number)).toMatchObject({ kind: 'put' });
  expect(as('leaseKeepAlive', cluster.replies.get(kept)).ttlSeconds).toBe(0);
  expect(as('range', cluster.call(leader, ask.all())).count).toBe(1);
});

test('a local read is answered at once from what is here, whoever leads and whatever is committed', () => {
  const { cluster, leader, follower, other } = cluster3();
  cluster.call(leader, ask.put('a', '1'));
  cluster.quiesce();
  const local = (id: number): MemberResponse | undefined =>
    cluster.replies.get(cluster.send(id, { kind: 'range', request: get('a'), consistency: 'local' }));
  expect(as('range', local(follower)).kvs.map(line)).toEqual(['a=1 c2 m2 v1']);
  const read = {
    kind: 'txn',
    request: { compare: [], success: [op.range(get('a'))], failure: [] },
    consistency: 'local',
  } as const;
  const answer = cluster.replies.get(cluster.send(follower, read));
  expect(as('txn', answer).responses[0]?.responseRange?.count).toBe(1);
  cluster.crash(leader);
  cluster.crash(other);
  cluster.run(5 * usPerSecond);
  expect(cluster.member(follower).view.raft.leader).toBe(0);
  expect(as('range', local(follower)).kvs.map(line)).toEqual(['a=1 c2 m2 v1']);
  // What it writes goes through the log all the same.
  const write = { ...read, request: { ...read.request, success: [op.put(put('a', '2'))] } } as const;
  expect(cluster.call(follower, write)).toMatchObject({ code: 'NO_LEADER' });
});

test('a local read does not even wait for what is known to be committed', () => {
  const cluster = new TestCluster(1, { storeBacklogBytesMax: 1 });
  cluster.elect();
  cluster.quiesce();
  cluster.node(1).holdsStored = true;
  cluster.call(1, ask.put('a', '1'));
  cluster.send(1, ask.put('a', '2'));
  cluster.runUntil(() => cluster.member(1).view.raft.commitIndex > cluster.member(1).view.appliedIndex);
  const serializable = cluster.send(1, ask.get('a', { serializable: true }));
  const local = cluster.send(1, { kind: 'range', request: get('a'), consistency: 'local' });
  expect([cluster.replies.has(serializable), cluster.replies.has(local)]).toEqual([false, true]);
});
