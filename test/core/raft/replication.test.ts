import { expect, test } from 'vitest';
import { Cluster } from './cluster.ts';

test('a single member elects itself and commits what it has made durable', () => {
  const cluster = new Cluster({ members: 1 });
  cluster.settle();
  expect(cluster.leader?.id).toBe(1);
  cluster.propose(1, 'a');
  expect(cluster.member(1).store.applied).toEqual([]);
  cluster.settle();
  expect(cluster.member(1).store.applied).toEqual(['a']);
});

test('three members elect a leader and apply what it commits (Raft §5.2, §5.3)', () => {
  const cluster = new Cluster({ members: 3 });
  cluster.run(5_000_000);
  const leader = cluster.leader;
  expect(leader).toBeDefined();
  cluster.propose(leader?.id ?? 1, 'a', 'b');
  cluster.settle();
  for (const id of [1, 2, 3]) expect(cluster.member(id).store.applied).toEqual(['a', 'b']);
});
