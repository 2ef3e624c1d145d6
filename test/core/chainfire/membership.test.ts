import { expect, test } from 'vitest';
import { nodeId } from '../../../core/base/ids.ts';
import {
  MemberAddRequest,
  MemberListRequest,
  MemberPromoteRequest,
  MemberRemoveRequest,
  MemberUpdateRequest,
  MoveLeaderRequest,
} from '../../../core/chainfire/api/cluster.ts';
import { type MemberRequest, type MemberResponse } from '../../../core/chainfire/member-protocol.ts';
import { DataLossError } from '../../../core/raft/data-loss.ts';
import { TestCluster } from './cluster.ts';
import { put } from './requests.ts';

function add(id: number, isLearner = false): MemberRequest {
  return {
    kind: 'memberAdd',
    request: MemberAddRequest.create({ peerUrls: [`http://m${id}:2380`], isLearner }),
  };
}

function remove(id: number): MemberRequest {
  return { kind: 'memberRemove', request: MemberRemoveRequest.create({ id: BigInt(id) }) };
}

function promote(id: number): MemberRequest {
  return { kind: 'memberPromote', request: MemberPromoteRequest.create({ id: BigInt(id) }) };
}

function update(id: number, ...peerUrls: string[]): MemberRequest {
  return { kind: 'memberUpdate', request: MemberUpdateRequest.create({ id: BigInt(id), peerUrls }) };
}

function moveLeader(id: number): MemberRequest {
  return { kind: 'moveLeader', request: MoveLeaderRequest.create({ targetId: BigInt(id) }) };
}

const list: MemberRequest = {
  kind: 'memberList',
  request: MemberListRequest.create({ linearizable: true }),
};

function write(cluster: TestCluster, id: number, key: string): void {
  expect(cluster.call(id, { kind: 'put', request: put(key, key) }).kind).toBe('put');
}

/** Ids by role, as a member's list has them. */
function roles(response: MemberResponse): { voters: number[]; learners: number[] } {
  const members = 'response' in response && 'members' in response.response ? response.response.members : [];
  const ids = (learners: boolean): number[] =>
    members.filter(({ isLearner }) => isLearner === learners).map(({ id }) => Number(id));
  return { voters: ids(false), learners: ids(true) };
}

/** Somebody who does not lead: what it is asked goes through the leader. */
function follower(cluster: TestCluster): number {
  const leader = cluster.elect();
  return [...cluster.nodes.keys()].find((id) => id !== leader) ?? 0;
}

test('a voter that is added comes in as a learner, and votes once it has caught up', () => {
  const cluster = new TestCluster(3);
  const asked = follower(cluster);
  write(cluster, asked, 'before');
  const answer = cluster.call(asked, add(4));
  expect(answer).toMatchObject({
    kind: 'memberAdd',
    response: { member: { id: 4n, name: '', peerUrls: ['http://m4:2380'], isLearner: true } },
  });
  expect(roles(answer)).toEqual({ voters: [1, 2, 3], learners: [4] });
  cluster.join(4);
  cluster.runUntil(() => cluster.member(4).view.raft.configuration.voters.length === 4);
  cluster.quiesce();
  expect(roles(cluster.call(asked, list))).toEqual({ voters: [1, 2, 3, 4], learners: [] });
  expect(cluster.member(4).view.appliedHash).toBe(cluster.member(asked).view.appliedHash);
  expect(cluster.member(1).view.members[3]).toMatchObject({ name: 'm4', clientUrls: ['http://c:2379'] });
});

test('one that was added and never starts costs the others nothing', () => {
  const cluster = new TestCluster(1);
  cluster.elect();
  expect(cluster.call(1, add(2)).kind).toBe('memberAdd');
  write(cluster, 1, 'alone');
  expect(cluster.call(1, add(3))).toMatchObject({ code: 'NOT_ENOUGH_STARTED_MEMBERS' });
  expect(roles(cluster.call(1, remove(2)))).toEqual({ voters: [1], learners: [] });
});

test('an id is never given twice, removed or refused, across restarts and snapshots', () => {
  const cluster = new TestCluster(3, { trailingEntries: 0 });
  const leader = cluster.elect();
  const other = follower(cluster);
  expect(cluster.call(other, add(4, true))).toMatchObject({ response: { member: { id: 4n } } });
  expect(cluster.call(other, remove(4)).kind).toBe('memberRemove');
  for (const id of [1, 2, 3]) cluster.crash(id);
  for (const id of [1, 2, 3]) cluster.restart(id);
  cluster.elect();
  expect(cluster.call(leader, add(5, true))).toMatchObject({ response: { member: { id: 5n } } });
  cluster.join(5);
  cluster.runUntil(() => cluster.member(5).view.members.length === 4);
  expect(cluster.call(leader, remove(5)).kind).toBe('memberRemove');
  expect(cluster.call(leader, add(6, true))).toMatchObject({ response: { member: { id: 6n } } });
});

test('a learner is promoted when it has caught up, and not before (etcd: learner not ready)', () => {
  const cluster = new TestCluster(3);
  cluster.elect();
  for (let key = 0; key < 20; key += 1) write(cluster, 1, `k${key}`);
  expect(cluster.call(1, promote(2))).toMatchObject({ code: 'MEMBER_NOT_LEARNER' });
  expect(cluster.call(1, promote(9))).toMatchObject({ code: 'MEMBER_NOT_FOUND' });
  cluster.call(1, add(4, true));
  expect(cluster.call(1, promote(4))).toMatchObject({ code: 'LEARNER_NOT_READY' });
  expect(cluster.call(1, add(5, true))).toMatchObject({ code: 'TOO_MANY_LEARNERS' });
  cluster.join(4);
  cluster.quiesce();
  expect(cluster.member(4).view.isLearner).toBe(true);
  expect(roles(cluster.call(4, promote(4)))).toEqual({ voters: [1, 2, 3, 4], learners: [] });
});

test('a member that joins gets a snapshot where the log no longer begins at its beginning', () => {
  const cluster = new TestCluster(3, { trailingEntries: 0 });
  cluster.elect();
  for (let key = 0; key < 30; key += 1) write(cluster, 1, `k${key}`);
  cluster.call(2, add(4));
  cluster.join(4);
  cluster.runUntil(() => cluster.member(4).view.raft.configuration.voters.length === 4);
  cluster.quiesce();
  expect(cluster.snapshots).toBeGreaterThan(0);
  expect(cluster.member(4).view.appliedHash).toBe(cluster.member(1).view.appliedHash);
  expect(cluster.member(4).view.members).toEqual(cluster.member(1).view.members);
});

test('a member that joins reads of changes before its time, and is not among the members then', () => {
  const cluster = new TestCluster(3);
  cluster.elect();
  cluster.call(1, add(4));
  cluster.call(1, remove(4));
  expect(cluster.call(1, add(5))).toMatchObject({ response: { member: { id: 5n } } });
  cluster.join(5);
  cluster.runUntil(() => cluster.member(5).view.raft.configuration.voters.length === 4);
  expect(cluster.node(5).stopReason).toBeUndefined();
  expect(cluster.snapshots).toBe(0);
});

test('who is removed stops itself and says why; the others go on', () => {
  const cluster = new TestCluster(3);
  const removed = follower(cluster);
  expect(cluster.call(removed === 1 ? 2 : 1, remove(removed)).kind).toBe('memberRemove');
  cluster.runUntil(() => cluster.node(removed).stopReason !== undefined);
  expect(cluster.node(removed).stopReason).toMatch(/^member \d was removed from the cluster by entry/);
  write(cluster, removed === 1 ? 2 : 1, 'after');
});

test('a leader that is removed hands over, and its request is answered', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const asked = follower(cluster);
  expect(cluster.call(asked, remove(leader)).kind).toBe('memberRemove');
  cluster.runUntil(() => cluster.node(leader).stopReason !== undefined);
  write(cluster, asked, 'after');
});

test('who was removed while it was down hears of it when it comes back, and disturbs nobody', () => {
  const cluster = new TestCluster(3);
  const removed = follower(cluster);
  const other = [1, 2, 3].find((id) => id !== removed) ?? 0;
  cluster.crash(removed);
  cluster.run(3_000_000);
  expect(cluster.call(other, remove(removed)).kind).toBe('memberRemove');
  // Longer than anybody bids it farewell.
  cluster.run(5_000_000);
  const { term } = cluster.member(other).view.raft;
  cluster.restart(removed);
  cluster.runUntil(() => cluster.node(removed).stopReason !== undefined);
  expect(cluster.node(removed).stopReason).toMatch(/as member \d says/);
  expect(cluster.member(other).view.raft.term).toBe(term);
});

test('a learner that was removed while it was down asks, and is told', () => {
  const cluster = new TestCluster(3);
  cluster.elect();
  cluster.call(1, add(4, true));
  cluster.join(4);
  cluster.quiesce();
  cluster.crash(4);
  cluster.run(3_000_000);
  cluster.call(1, remove(4));
  cluster.run(5_000_000);
  cluster.restart(4);
  cluster.runUntil(() => cluster.node(4).stopReason !== undefined);
  expect(cluster.node(4).stopReason).toMatch(/as member \d says/);
});

test('who starts only after its removal asks its contacts, and is told', () => {
  const cluster = new TestCluster(3);
  cluster.elect();
  cluster.call(1, add(4));
  cluster.call(1, remove(4));
  cluster.run(5_000_000);
  cluster.join(4, [2, 3]);
  cluster.runUntil(() => cluster.node(4).stopReason !== undefined);
  expect(cluster.node(4).stopReason).toMatch(/as member \d says/);
});

test('a voter that was away until all whom it knew had left hears of its removal from its contacts', () => {
  const cluster = new TestCluster(3);
  cluster.elect();
  cluster.crash(3);
  cluster.run(3_000_000);
  expect(cluster.call(1, remove(3)).kind).toBe('memberRemove');
  for (const id of [4, 5]) {
    cluster.call(1, add(id));
    cluster.join(id);
    cluster.runUntil(() => cluster.member(id).view.raft.configuration.voters.includes(nodeId(id)));
    cluster.run(3_000_000);
  }
  for (const id of [1, 2]) {
    expect(cluster.call(4, remove(id)).kind).toBe('memberRemove');
    cluster.runUntil(() => cluster.node(id).stopReason !== undefined);
    cluster.crash(id);
    cluster.run(3_000_000);
  }
  cluster.restart(3);
  cluster.run(10_000_000);
  expect(cluster.node(3).stopReason, 'nobody whom it knows is left').toBeUndefined();
  cluster.restart(3, [4, 5]);
  cluster.runUntil(() => cluster.node(3).stopReason !== undefined);
  expect(cluster.node(3).stopReason).toMatch(/as member [45] says/);
});

test('a member that may yet be added is not told that it was removed', () => {
  const cluster = new TestCluster(3);
  cluster.elect();
  cluster.join(4, [1, 2, 3]);
  cluster.run(5_000_000);
  expect(cluster.node(4).up).toBe(true);
  expect(cluster.call(1, add(4))).toMatchObject({ response: { member: { id: 4n } } });
  cluster.runUntil(() => cluster.member(4).view.raft.configuration.voters.length === 4);
});

test('what would leave no quorum of those that are here is refused (etcd: strict reconfiguration)', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const [down = 0, up = 0] = [1, 2, 3].filter((id) => id !== leader);
  cluster.crash(down);
  cluster.run(3_000_000);
  expect(cluster.call(leader, remove(up))).toMatchObject({ code: 'UNHEALTHY' });
  expect(cluster.call(leader, add(4))).toMatchObject({ code: 'UNHEALTHY' });
  expect(cluster.call(leader, remove(down)).kind).toBe('memberRemove');
  expect(roles(cluster.call(up, list)).voters).toEqual([leader, up].sort());
});

test('the last voter is not removed', () => {
  const cluster = new TestCluster(1);
  cluster.elect();
  expect(cluster.call(1, remove(1))).toMatchObject({ code: 'NOT_ENOUGH_STARTED_MEMBERS' });
});

test('one change at a time: of two that come together the later is refused', () => {
  const cluster = new TestCluster(3);
  const asked = follower(cluster);
  const first = cluster.send(asked, add(4));
  const second = cluster.send(asked, remove(asked));
  cluster.runUntil(() => cluster.replies.has(first) && cluster.replies.has(second));
  expect(cluster.replies.get(first)?.kind).toBe('memberAdd');
  expect(cluster.replies.get(second)).toMatchObject({ code: 'MEMBER_CHANGE_IN_PROGRESS' });
});

test('a change that was taken is carried out by the next leader, and answered by whom it was asked of', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const asked = follower(cluster);
  // The log takes the wish; what the leader makes of it reaches nobody.
  cluster.onMessage = (from, _, { message }) =>
    from === leader &&
    message.kind === 'appendRequest' &&
    message.entries.some(({ kind }) => kind === 'configuration')
      ? 0
      : 1;
  const first = cluster.send(asked, remove(leader));
  cluster.runUntil(() => cluster.member(asked).view.membership.change !== undefined);
  cluster.run(20_000);
  expect(cluster.replies.has(first)).toBe(false);
  cluster.crash(leader);
  cluster.onMessage = () => 1;
  cluster.runUntil(() => cluster.replies.has(first));
  expect(cluster.replies.get(first)?.kind).toBe('memberRemove');
});

test('peer addresses are checked, are one member’s own, and are not for the member to change', () => {
  const cluster = new TestCluster(3);
  cluster.elect();
  expect(cluster.call(1, update(2))).toMatchObject({ code: 'INVALID_PEER_URLS' });
  expect(cluster.call(1, update(2, 'nowhere'))).toMatchObject({ code: 'INVALID_PEER_URLS' });
  expect(cluster.call(1, update(2, 'http://h:2380/path'))).toMatchObject({ code: 'INVALID_PEER_URLS' });
  expect(cluster.call(1, update(2, 'http://m3:2380'))).toMatchObject({ code: 'PEER_URL_EXISTS' });
  expect(cluster.call(1, add(3))).toMatchObject({ code: 'PEER_URL_EXISTS' });
  expect(cluster.call(1, update(9, 'http://x:1'))).toMatchObject({ code: 'MEMBER_NOT_FOUND' });
  expect(cluster.call(3, update(2, 'http://new:2380', 'https://[::1]:2380')).kind).toBe('memberUpdate');
  cluster.crash(2);
  cluster.restart(2);
  cluster.run(10_000_000);
  for (const id of [1, 2, 3]) {
    expect(cluster.member(id).view.members[1]).toMatchObject({
      peerUrls: ['http://new:2380', 'https://[::1]:2380'],
      clientUrls: ['http://c:2379'],
    });
  }
});

test('the leadership moves to whom the leader is told', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const [other = 0] = [1, 2, 3].filter((id) => id !== leader);
  expect(cluster.call(other, moveLeader(other))).toMatchObject({ code: 'NOT_LEADER' });
  expect(cluster.call(leader, moveLeader(9))).toMatchObject({ code: 'BAD_LEADER_TRANSFEREE' });
  expect(cluster.call(leader, moveLeader(leader)).kind).toBe('moveLeader');
  expect(cluster.call(leader, moveLeader(other)).kind).toBe('moveLeader');
  expect(cluster.elect()).toBe(other);
  cluster.crash(leader);
  const third = 6 - leader - other;
  cluster.onMessage = (_, to) => (to === third ? 0 : 1);
  expect(cluster.call(other, moveLeader(third))).toMatchObject({ code: 'TIMEOUT' });
});

test('a learner is no leader to be', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  cluster.call(leader, add(4, true));
  expect(cluster.call(leader, moveLeader(4))).toMatchObject({ code: 'BAD_LEADER_TRANSFEREE' });
});

test('a member that has started before does not start with nothing: what it promised is lost', () => {
  expect(() => new TestCluster(1, { hasStarted: true })).toThrow(DataLossError);
});
