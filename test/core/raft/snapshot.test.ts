import { expect, test } from 'vitest';
import { nodeId } from '../../../core/base/ids.ts';
import { type SnapshotHeader } from '../../../core/raft/types.ts';
import { Cluster, group1, voters } from './cluster.ts';
import {
  accepted,
  alone,
  appendRequest,
  commands,
  heartbeat,
  ofKind,
  received,
  sent,
  sentOf,
  terms,
} from './scene.ts';

/** Member 3 missed what the others have committed and given up. */
function behind(): Cluster {
  const cluster = new Cluster({ members: 3 });
  cluster.elect(1);
  cluster.crash(3);
  cluster.propose(1, 'a', 'b', 'c');
  cluster.settle();
  for (const id of [1, 2]) cluster.step(id, { kind: 'compacted', group: group1, index: 4 });
  expect(cluster.member(1).view.firstIndex).toBe(5);
  cluster.restart(3);
  return cluster;
}

const asked = (cluster: Cluster): number => ofKind(cluster.member(1).effects, 'snapshotNeeded').length;

test('a follower behind the log’s beginning gets a snapshot, asked for once (Raft §7)', () => {
  const cluster = behind();
  cluster.run(500_000);
  expect(ofKind(cluster.member(1).effects, 'snapshotNeeded')).toEqual([
    { kind: 'snapshotNeeded', group: group1, to: 3 },
  ]);
  cluster.propose(1, 'd');
  cluster.settle();
  cluster.sendSnapshot(1, 3);
  cluster.settle();
  cluster.step(1, { kind: 'snapshotSent', group: group1, to: nodeId(3) });
  cluster.propose(1, 'e');
  cluster.run(500_000);
  expect(cluster.member(3).store.applied).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(asked(cluster)).toBe(1);
});

test('a snapshot that failed is asked for again, with the next heartbeat', () => {
  const cluster = behind();
  cluster.run(500_000);
  cluster.step(1, { kind: 'snapshotFailed', group: group1, to: nodeId(3) });
  expect(asked(cluster)).toBe(1);
  cluster.run(300_000);
  expect(asked(cluster)).toBe(2);
});

test('a silent follower is not worth a snapshot', () => {
  const cluster = behind();
  cluster.crash(3);
  cluster.run(5_000_000);
  expect(asked(cluster)).toBe(0);
});

test('when the answer to a snapshot is lost, probing finds out what the follower holds', () => {
  const cluster = behind();
  cluster.run(500_000);
  cluster.cut.add('3>1');
  cluster.sendSnapshot(1, 3);
  cluster.settle();
  cluster.cut.clear();
  cluster.step(1, { kind: 'snapshotSent', group: group1, to: nodeId(3) });
  cluster.propose(1, 'd');
  cluster.run(500_000);
  expect(cluster.member(3).store.applied).toEqual(['a', 'b', 'c', 'd']);
  expect(asked(cluster)).toBe(1);
});

test('a leader that comes back to office does not ask again for what is under way', () => {
  const cluster = behind();
  cluster.run(500_000);
  cluster.elect(2);
  cluster.elect(1);
  cluster.run(500_000);
  expect(asked(cluster)).toBe(1);
});

/** Member 1 of three, follower of 2 in term 2, holding 1 1 2 2 of which one is committed. */
function follower(): Cluster {
  const cluster = new Cluster({ members: 3 });
  alone(cluster);
  cluster.step(1, received(2, appendRequest({ term: 2, entries: commands(1, 1, 1, 2, 2), commitIndex: 1 })));
  cluster.sync(1);
  return cluster;
}

function install(cluster: Cluster, fields: { index: number; term: number }): ReturnType<Cluster['step']> {
  const { store } = cluster.member(1);
  store.index = fields.index;
  store.term = fields.term;
  const header: SnapshotHeader = { group: group1, leaderTerm: 2, configuration: voters(1, 2, 3), ...fields };
  return cluster.step(1, { kind: 'snapshotInstalled', group: group1, from: nodeId(2), header });
}

test('the log restarts behind a snapshot that it does not contain, acknowledged once that is durable (Raft §7)', () => {
  const cluster = follower();
  expect(install(cluster, { index: 9, term: 2 })).toMatchObject([
    { kind: 'persist', syncSeq: 3 },
    { kind: 'send', to: 2, afterSyncSeq: 3, messages: [{ message: accepted(2, 9) }] },
  ]);
  expect(cluster.member(1).view).toMatchObject({ firstIndex: 10, lastIndex: 9, commitIndex: 9 });
  expect(cluster.member(1).view.termAt(9)).toBe(2);
  const next = appendRequest({ term: 2, previous: [9, 2], entries: commands(10, 2) });
  expect(sentOf(cluster.step(1, received(2, next)), 'appendResponse')).toEqual([accepted(2, 10)]);
});

test('entries behind a snapshot that the log contains stay (Raft §7)', () => {
  const cluster = follower();
  const effects = install(cluster, { index: 3, term: 2 });
  expect(sent(effects)).toEqual([{ to: 2, afterSyncSeq: 0, message: accepted(2, 3) }]);
  expect(terms(cluster, 1)).toEqual([1, 1, 2, 2]);
  expect(cluster.member(1).view).toMatchObject({ commitIndex: 3, lastIndex: 4 });
});

test('a log of another history at the snapshot’s position is given up', () => {
  const cluster = new Cluster({ members: 3 });
  alone(cluster);
  cluster.step(1, received(2, appendRequest({ term: 1, entries: commands(1, 1, 1, 1, 1) })));
  install(cluster, { index: 3, term: 2 });
  expect(cluster.member(1).view).toMatchObject({ firstIndex: 4, lastIndex: 3, commitIndex: 3, term: 2 });
});

test('entries go on being applied behind a snapshot, without those that it covers', () => {
  const cluster = follower();
  install(cluster, { index: 3, term: 2 });
  cluster.step(1, received(2, heartbeat(2, 4)));
  expect(cluster.member(1).store.index).toBe(4);
});

test('a snapshot never takes the state machine back', () => {
  const cluster = follower();
  cluster.step(1, received(2, heartbeat(2, 4)));
  expect(() => install(cluster, { index: 2, term: 1 })).toThrow('never takes the state machine back');
});

test('a restart finds the log behind its snapshot', () => {
  const cluster = follower();
  install(cluster, { index: 9, term: 2 });
  cluster.step(1, received(2, appendRequest({ term: 2, previous: [9, 2], entries: commands(10, 2, 2) })));
  cluster.sync(1);
  cluster.crash(1);
  expect(cluster.restart(1).view).toMatchObject({ firstIndex: 10, lastIndex: 11, commitIndex: 9, term: 2 });
});

test('a crash between the snapshot’s installation and the log’s word of it: the log restarts behind what is applied', () => {
  const cluster = follower();
  install(cluster, { index: 9, term: 2 });
  cluster.crash(1);
  expect(cluster.restart(1).view).toMatchObject({ firstIndex: 10, lastIndex: 9, commitIndex: 9, term: 2 });
  // And once more, now that the log has said so.
  cluster.settle();
  cluster.crash(1);
  expect(cluster.restart(1).view).toMatchObject({ firstIndex: 10, lastIndex: 9, commitIndex: 9, term: 2 });
});

test('a store that is older than its log is refused: something was restored without the other', () => {
  const cluster = new Cluster({ members: 1 });
  cluster.settle();
  cluster.propose(1, 'a', 'b', 'c');
  cluster.settle();
  cluster.step(1, { kind: 'compacted', group: group1, index: 3 });
  cluster.propose(1, 'd');
  cluster.settle();
  cluster.crash(1);
  cluster.member(1).store.index = 2;
  expect(() => cluster.restart(1)).toThrow('the store is older than the log');
});
