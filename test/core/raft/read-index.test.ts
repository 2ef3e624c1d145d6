import { expect, test } from 'vitest';
import { Cluster, group1 } from './cluster.ts';
import { accepted, alone, beaten, heartbeat, ofKind, received, sent, sentOf } from './scene.ts';
import { type RaftMessage, type RaftNodeEffect, type RaftOptions } from '../../../core/raft/types.ts';

/** Member 1 of three leads term 1 and has committed nothing in it. */
function newLeader(options: Partial<RaftOptions> = {}): Cluster {
  const cluster = new Cluster({ members: 3, options });
  alone(cluster);
  cluster.nowUs += 2 * cluster.options.electionTimeoutUs;
  cluster.step(1, { kind: 'tick' });
  cluster.step(1, received(2, { kind: 'voteResponse', term: 1, preVote: true, granted: true }));
  cluster.sync(1);
  cluster.step(1, received(2, { kind: 'voteResponse', term: 1, preVote: false, granted: true }));
  cluster.sync(1);
  return cluster;
}

function lead(options: Partial<RaftOptions> = {}): Cluster {
  const cluster = newLeader(options);
  cluster.step(1, received(2, accepted(1, 1)));
  cluster.step(1, received(3, accepted(1, 1)));
  return cluster;
}

const read = (cluster: Cluster, id: number, context: number): readonly RaftNodeEffect[] =>
  cluster.step(id, { kind: 'readRequested', group: group1, context });

const answered = (effects: readonly RaftNodeEffect[]): readonly (readonly [number, number])[] =>
  ofKind(effects, 'readReady').map(({ context, index }) => [context, index]);

const beat = (readSeq: number): RaftMessage => beaten({ term: 1, readSeq, lastIndex: 1 });

test('a read is answered with the commit index once a quorum has confirmed the leader (dissertation §6.4)', () => {
  const cluster = lead();
  expect(sentOf(read(cluster, 1, 50), 'heartbeatRequest')).toEqual([heartbeat(1, 1, 1), heartbeat(1, 1, 1)]);
  expect(cluster.step(1, received(2, beat(1)))).toEqual([
    { kind: 'readReady', group: group1, context: 50, index: 1 },
  ]);
});

test('an answer to an older heartbeat confirms nothing that was asked later (dissertation §6.4)', () => {
  const cluster = lead();
  read(cluster, 1, 50);
  expect(answered(cluster.step(1, received(3, beat(0))))).toEqual([]);
  expect(answered(cluster.step(1, received(2, beat(1))))).toEqual([[50, 1]]);
  read(cluster, 1, 51);
  // Doubled by the network: it confirms round 1, not round 2.
  expect(answered(cluster.step(1, received(2, beat(1))))).toEqual([]);
  expect(answered(cluster.step(1, received(3, beat(1))))).toEqual([]);
  expect(answered(cluster.step(1, received(3, beat(2))))).toEqual([[51, 1]]);
});

test('before the first commit of its term a leader answers no read (dissertation §6.4)', () => {
  const cluster = newLeader();
  expect(read(cluster, 1, 50)).toEqual([]);
  cluster.step(1, received(2, beat(0)));
  const effects = cluster.step(1, received(2, accepted(1, 1)));
  expect(sentOf(effects, 'heartbeatRequest')[0]).toMatchObject({ readSeq: 1 });
  expect(answered(cluster.step(1, received(2, beat(1))))).toEqual([[50, 1]]);
});

test('reads that come while a round is under way share the next one', () => {
  const cluster = lead();
  read(cluster, 1, 50);
  expect(read(cluster, 1, 51)).toEqual([]);
  expect(read(cluster, 1, 52)).toEqual([]);
  const effects = cluster.step(1, received(2, beat(1)));
  expect(answered(effects)).toEqual([[50, 1]]);
  expect(sentOf(effects, 'heartbeatRequest')).toHaveLength(2);
  expect(answered(cluster.step(1, received(2, beat(2))))).toEqual([
    [51, 1],
    [52, 1],
  ]);
});

test('a lost round is made up for by the next heartbeat, which confirms all before it', () => {
  const cluster = lead();
  read(cluster, 1, 50);
  read(cluster, 1, 51);
  cluster.nowUs = cluster.member(1).node.deadlineUs;
  expect(sentOf(cluster.step(1, { kind: 'tick' }), 'heartbeatRequest')[0]).toMatchObject({ readSeq: 2 });
  expect(answered(cluster.step(1, received(2, beat(2))))).toEqual([
    [50, 1],
    [51, 1],
  ]);
});

test('an isolated leader answers no read, and refuses it when it steps down', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  for (const link of ['1>2', '2>1', '1>3', '3>1']) cluster.cut.add(link);
  read(cluster, 1, 50);
  cluster.run(4_000_000);
  const effects = cluster.member(1).effects;
  expect(ofKind(effects, 'readReady')).toEqual([]);
  expect(ofKind(effects, 'readRefused')).toEqual([
    { kind: 'readRefused', group: group1, context: 50, code: 'NOT_LEADER' },
  ]);
});

test('learners confirm nothing', () => {
  const initial = { voters: [1, 2, 3], outgoing: [], learners: [4] } as never;
  const cluster = new Cluster({ members: 4, initial });
  cluster.elect(1);
  for (const link of ['2>1', '3>1']) cluster.cut.add(link);
  read(cluster, 1, 50);
  cluster.settle();
  expect(ofKind(cluster.member(1).effects, 'readReady')).toEqual([]);
});

test('a follower asks its leader, and answers with its index', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  cluster.propose(1, 'a');
  cluster.settle();
  read(cluster, 2, 70);
  cluster.settle();
  expect(ofKind(cluster.member(2).effects, 'readReady')).toEqual([
    { kind: 'readReady', group: group1, context: 70, index: 2 },
  ]);
});

test('an answer that an earlier life of the member asked for is not taken for a new one’s (stale read)', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  read(cluster, 2, 70);
  // The answer is held up on the way while the member starts anew and asks again under the same context.
  while (!cluster.packets.some(({ messages }) => messages[0]?.message.kind === 'readIndexResponse')) {
    const [packet] = cluster.packets.splice(0, 1);
    if (packet !== undefined) cluster.deliver(packet);
  }
  const late = cluster.packets.find(({ messages }) => messages[0]?.message.kind === 'readIndexResponse');
  cluster.packets = [];
  cluster.propose(1, 'a');
  cluster.settle();
  cluster.crash(2);
  cluster.restart(2);
  cluster.run(200_000);
  read(cluster, 2, 70);
  if (late !== undefined) cluster.deliver(late);
  expect(ofKind(cluster.member(2).effects, 'readReady')).toEqual([]);
  cluster.settle();
  expect(answered(cluster.member(2).effects)).toEqual([[70, 2]]);
});

test('without a leader a read is refused; when the leader changes, what it was asked is', () => {
  const cluster = new Cluster({ members: 3 });
  alone(cluster);
  expect(ofKind(read(cluster, 1, 50), 'readRefused')).toMatchObject([{ context: 50, code: 'NO_LEADER' }]);
  cluster.step(1, received(2, heartbeat(1)));
  expect(ofKind(read(cluster, 1, 51), 'readRefused')).toEqual([]);
  const effects = cluster.step(1, received(3, heartbeat(2)));
  expect(ofKind(effects, 'readRefused')).toMatchObject([{ context: 51, code: 'NO_LEADER' }]);
});

test('pending reads are bounded, at the leader and at a follower whose questions are lost', () => {
  const cluster = lead({ pendingReadsMax: 2 });
  read(cluster, 1, 1);
  read(cluster, 1, 2);
  expect(ofKind(read(cluster, 1, 3), 'readRefused')).toMatchObject([{ context: 3, code: 'BUSY' }]);
  cluster.step(1, received(2, beat(1)));
  expect(ofKind(read(cluster, 1, 4), 'readRefused')).toEqual([]);

  const other = new Cluster({ members: 3, options: { pendingReadsMax: 2 } });
  alone(other);
  other.step(1, received(2, heartbeat(1)));
  read(other, 1, 1);
  read(other, 1, 2);
  expect(ofKind(read(other, 1, 3), 'readRefused')).toMatchObject([{ context: 3, code: 'BUSY' }]);
  // What was lost does not fill the table for good.
  other.nowUs += 2_000_000;
  other.step(1, received(2, heartbeat(1)));
  expect(ofKind(read(other, 1, 4), 'readRefused').map(({ context }) => context)).toEqual([1, 2]);
  expect(sent(read(other, 1, 5))).toHaveLength(1);
});

test('a single voter confirms itself', () => {
  const cluster = new Cluster({ members: 1 });
  cluster.settle();
  expect(answered(read(cluster, 1, 9))).toEqual([[9, 1]]);
});

test('in a joint configuration a round needs both majorities (Raft §4.3)', () => {
  const cluster = new Cluster({
    members: 5,
    initial: { voters: [1, 2, 3], outgoing: [], learners: [] } as never,
  });
  cluster.elect(1);
  cluster.cut.add('4>1');
  cluster.cut.add('5>1');
  const target = { voters: [1, 4, 5], outgoing: [], learners: [] } as never;
  cluster.step(1, { kind: 'configurationProposed', group: group1, configuration: target });
  cluster.settle();
  read(cluster, 1, 50);
  cluster.settle();
  expect(ofKind(cluster.member(1).effects, 'readReady')).toEqual([]);
  cluster.cut.delete('4>1');
  cluster.run(300_000);
  expect(answered(cluster.member(1).effects).map(([context]) => context)).toEqual([50]);
});
