import { expect, test } from 'vitest';
import { type Configuration, type RaftNodeEffect } from '../../../core/raft/types.ts';
import { Cluster, group1, ids, voters } from './cluster.ts';
import { accepted, alone, ofKind, received, sentOf } from './scene.ts';

function propose(cluster: Cluster, id: number, configuration: Configuration): readonly RaftNodeEffect[] {
  return cluster.step(id, { kind: 'configurationProposed', group: group1, configuration });
}

function refusal(effects: readonly RaftNodeEffect[]): string | undefined {
  return ofKind(effects, 'configurationRefused')[0]?.code;
}

/** Delivers until the leader has appended the entry that leaves the joint configuration, and no further. */
function untilLeft(cluster: Cluster, id: number): void {
  const { view } = cluster.member(id);
  for (let rounds = 0; rounds < 50; rounds += 1) {
    for (const member of cluster.members.values()) cluster.sync(member.id);
    const packets = cluster.packets;
    cluster.packets = [];
    for (const packet of packets) if (view.configuration.outgoing.length > 0) cluster.deliver(packet);
    if (view.configuration.outgoing.length === 0) return;
  }
  throw new Error('the joint configuration was not left');
}

test('a change goes through a joint configuration and leaves it by itself (Raft §4.3)', () => {
  const cluster = new Cluster({ members: 4, initial: voters(1, 2, 3) });
  cluster.elect(1);
  propose(cluster, 1, voters(1, 2, 4));
  expect(cluster.member(1).view.configuration).toEqual({
    voters: ids(1, 2, 4),
    outgoing: ids(1, 2, 3),
    learners: [],
  });
  cluster.run(500_000);
  for (const id of [1, 2, 4]) expect(cluster.member(id).view.configuration).toEqual(voters(1, 2, 4));
  expect(cluster.member(4).store.configuration).toEqual(voters(1, 2, 4));
});

test('a configuration is in force as soon as it is appended, and no more when its entry is replaced (Raft §4.1)', () => {
  const cluster = new Cluster({ members: 4, initial: voters(1, 2, 3) });
  cluster.elect(1);
  for (const link of ['1>2', '1>3', '1>4']) cluster.cut.add(link);
  propose(cluster, 1, voters(1, 2, 4));
  cluster.sync(1);
  expect(cluster.member(1).view.configuration.outgoing).toEqual(ids(1, 2, 3));
  cluster.run(4_000_000);
  cluster.cut.clear();
  cluster.elect(2);
  cluster.run(2_000_000);
  expect(cluster.member(1).view.configuration).toEqual(voters(1, 2, 3));
});

test('the joint configuration commits by both majorities, never by the new one alone (Raft §4.3)', () => {
  const cluster = new Cluster({ members: 5, initial: voters(1, 2, 3) });
  cluster.elect(1);
  // The two others of the old configuration are gone; the new one is whole.
  cluster.crash(2);
  cluster.crash(3);
  propose(cluster, 1, voters(1, 4, 5));
  cluster.settle();
  const before = cluster.member(1).view.commitIndex;
  cluster.run(500_000);
  expect(cluster.member(1).view.commitIndex).toBe(before);
  expect(cluster.member(1).view.configuration.outgoing).toEqual(ids(1, 2, 3));
});

test('one change at a time (Raft §4.1)', () => {
  const cluster = new Cluster({ members: 4, initial: voters(1, 2, 3) });
  cluster.elect(1);
  expect(refusal(propose(cluster, 1, voters(1, 2, 4)))).toBeUndefined();
  expect(refusal(propose(cluster, 1, voters(1, 2)))).toBe('CONFIGURATION_IN_PROGRESS');
  cluster.run(500_000);
  expect(refusal(propose(cluster, 1, voters(1, 2)))).toBeUndefined();
});

test('the next change waits until the joint configuration is left for good, not only in the log (Raft §4.1)', () => {
  const cluster = new Cluster({ members: 4, initial: voters(1, 2, 3) });
  cluster.elect(1);
  propose(cluster, 1, voters(1, 2, 4));
  untilLeft(cluster, 1);
  expect(cluster.member(1).view.configuration).toEqual(voters(1, 2, 4));
  expect(refusal(propose(cluster, 1, voters(1, 2)))).toBe('CONFIGURATION_IN_PROGRESS');
});

test('no change before the term’s first commit (the bug of single-server changes, 2015)', () => {
  const cluster = new Cluster({ members: 3 });
  alone(cluster);
  cluster.nowUs += 2_000_000;
  cluster.step(1, { kind: 'tick' });
  cluster.step(1, received(2, { kind: 'voteResponse', term: 1, preVote: true, granted: true }));
  cluster.sync(1);
  cluster.step(1, received(2, { kind: 'voteResponse', term: 1, preVote: false, granted: true }));
  cluster.sync(1);
  expect(refusal(propose(cluster, 1, voters(1, 2)))).toBe('BUSY');
  cluster.step(1, received(2, accepted(1, 1)));
  expect(refusal(propose(cluster, 1, voters(1, 2)))).toBeUndefined();
});

test('what is no configuration, or changes nothing, is refused; so is whoever does not lead', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  expect(refusal(propose(cluster, 1, voters()))).toBe('INVALID_CONFIGURATION');
  expect(refusal(propose(cluster, 1, voters(2, 1)))).toBe('INVALID_CONFIGURATION');
  expect(refusal(propose(cluster, 1, { voters: ids(1, 2), outgoing: [], learners: ids(2) }))).toBe(
    'INVALID_CONFIGURATION',
  );
  expect(refusal(propose(cluster, 1, voters(1, 2, 3)))).toBe('INVALID_CONFIGURATION');
  expect(refusal(propose(cluster, 2, voters(1, 2)))).toBe('NOT_LEADER');
});

test('a leader that is left out serves until the new configuration has committed, then steps down (Raft §4.2.2)', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  propose(cluster, 1, voters(2, 3));
  cluster.settle();
  expect(cluster.member(1).view.role).toBe('follower');
  expect(cluster.member(1).view.configuration).toEqual(voters(2, 3));
  cluster.run(3_000_000);
  expect([2, 3]).toContain(cluster.leader?.id);
  cluster.propose(cluster.leader?.id ?? 0, 'a');
  cluster.settle();
  expect(cluster.member(2).store.applied).toEqual(['a']);
  expect(cluster.member(3).store.applied).toEqual(['a']);
});

test('a leader that is left out does not count itself (Raft §4.2.2)', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  cluster.cut.add('3>1');
  propose(cluster, 1, voters(2, 3));
  cluster.settle();
  // 1 and 2 hold the joint configuration: a majority of the old one, not of the new one.
  expect(cluster.member(1).view).toMatchObject({ role: 'leader', commitIndex: 1 });
});

test('who was removed is told so before it is left alone', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  propose(cluster, 1, voters(1, 2));
  cluster.settle();
  expect(cluster.member(3).store.configuration).toEqual(voters(1, 2));
  cluster.run(5_000_000);
  cluster.propose(1, 'a');
  cluster.settle();
  expect(cluster.member(3).store.applied).toEqual([]);
});

test('who was removed and does not know it disturbs nobody (dissertation §4.2.3)', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  cluster.cut.add('1>3');
  cluster.cut.add('2>3');
  propose(cluster, 1, voters(1, 2));
  cluster.run(20_000_000);
  expect(cluster.leader?.view).toMatchObject({ id: 1, term: 1 });
});

test('who is left out by a change that did not commit still campaigns: the others may need what it holds (§4.2.2)', () => {
  const cluster = new Cluster({ members: 5, initial: voters(1, 2, 3) });
  cluster.elect(1);
  propose(cluster, 1, voters(3, 4, 5));
  // The last entry, which leaves the joint configuration, reaches only those whom it leaves out.
  untilLeft(cluster, 1);
  cluster.packets = cluster.packets.filter(({ to }) => to === 2);
  cluster.settle();
  cluster.crash(1);
  expect(cluster.member(2).view.configuration).toEqual(voters(3, 4, 5));
  expect(cluster.member(3).view.configuration.outgoing).toEqual(ids(1, 2, 3));
  cluster.run(20_000_000);
  expect(cluster.member(3).view.configuration).toEqual(voters(3, 4, 5));
  expect([3, 4, 5]).toContain(cluster.leader?.id);
});

test('a learner receives everything and decides nothing', () => {
  const cluster = new Cluster({
    members: 4,
    initial: { voters: ids(1, 2, 3), outgoing: [], learners: ids(4) },
  });
  cluster.elect(1);
  cluster.propose(1, 'a');
  cluster.settle();
  expect(cluster.member(4).store.applied).toEqual(['a']);
  cluster.crash(2);
  cluster.crash(3);
  cluster.propose(1, 'b');
  cluster.settle();
  expect(cluster.member(1).store.applied).toEqual(['a']);
});

test('a learner is promoted, and a voter demoted, through the joint configuration', () => {
  const cluster = new Cluster({
    members: 4,
    initial: { voters: ids(1, 2, 3), outgoing: [], learners: ids(4) },
  });
  cluster.elect(1);
  const target: Configuration = { voters: ids(1, 2, 4), outgoing: [], learners: ids(3) };
  propose(cluster, 1, target);
  expect(cluster.member(1).view.configuration).toEqual({
    voters: ids(1, 2, 4),
    outgoing: ids(1, 2, 3),
    learners: ids(3),
  });
  cluster.run(500_000);
  for (const id of [1, 2, 3, 4]) expect(cluster.member(id).view.configuration).toEqual(target);
});

test('a new leader leaves the joint configuration that its predecessor entered', () => {
  const cluster = new Cluster({ members: 4, initial: voters(1, 2, 3) });
  cluster.elect(1);
  cluster.cut.add('2>1');
  cluster.cut.add('3>1');
  propose(cluster, 1, voters(1, 2, 4));
  cluster.settle();
  cluster.crash(1);
  cluster.cut.clear();
  cluster.run(8_000_000);
  expect(cluster.leader).toBeDefined();
  for (const id of [2, 4]) expect(cluster.member(id).view.configuration).toEqual(voters(1, 2, 4));
});

test('a configuration survives a restart, also when only the log holds it', () => {
  const cluster = new Cluster({ members: 4, initial: voters(1, 2, 3) });
  cluster.elect(1);
  for (const link of ['1>2', '1>3', '1>4']) cluster.cut.add(link);
  propose(cluster, 1, voters(1, 4));
  cluster.sync(1);
  cluster.crash(1);
  expect(cluster.restart(1).view.configuration).toEqual({
    voters: ids(1, 4),
    outgoing: ids(1, 2, 3),
    learners: [],
  });
});

test('a member that is added is caught up from the beginning', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  cluster.propose(1, 'a', 'b');
  cluster.settle();
  cluster.join(4);
  propose(cluster, 1, voters(1, 2, 3, 4));
  cluster.run(500_000);
  expect(cluster.member(4).store.applied).toEqual(['a', 'b']);
  expect(cluster.member(4).view.configuration).toEqual(voters(1, 2, 3, 4));
});

test('no change begins during a transfer, and nobody hands over to whom was removed', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  cluster.crash(3);
  cluster.step(1, { kind: 'transferRequested', group: group1, to: ids(3)[0] as never });
  expect(refusal(propose(cluster, 1, voters(1, 2)))).toBe('BUSY');
  cluster.run(1_000_001);
  expect(refusal(propose(cluster, 1, voters(1, 2)))).toBeUndefined();
  cluster.settle();
  expect(
    sentOf(
      cluster.step(1, { kind: 'transferRequested', group: group1, to: ids(3)[0] as never }),
      'timeoutNow',
    ),
  ).toEqual([]);
});
