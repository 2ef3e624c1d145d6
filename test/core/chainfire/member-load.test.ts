import { expect, test } from 'vitest';
import { defaultRaftOptions } from '../../../core/raft/types.ts';
import { TestCluster } from './cluster.ts';
import { ask } from './requests.ts';

test('a follower catches up while more is written than the log keeps', () => {
  const cluster = new TestCluster(3, {
    trailingEntries: 5,
    raft: { ...defaultRaftOptions, segmentBytesMax: 4_096, cacheBytesMax: 1_024 },
  });
  const leader = cluster.elect();
  const follower = [...cluster.nodes.keys()].find((id) => id !== leader) ?? 0;
  cluster.crash(follower);
  const write = (count: number): void => {
    for (let at = 0; at < count; at += 1) cluster.call(leader, ask.put(`k${at % 50}`, 'v'.repeat(200)));
  };
  write(100);
  cluster.snapshotUs = 300_000;
  cluster.restart(follower);
  // Some 150 writes while a snapshot is on its way.
  for (let round = 0; round < 10; round += 1) write(100);
  const { appliedIndex } = cluster.member(leader).view;
  expect(cluster.member(follower).view.appliedIndex).toBeGreaterThan(appliedIndex - 20);
  expect(cluster.snapshots).toBe(1);
  // What was held back for it is let go.
  cluster.run(5_000_000);
  write(20);
  expect(cluster.member(leader).view.raft.firstIndex).toBeGreaterThan(appliedIndex - 100);
});

test('reads of much are answered turn by turn, though one word of the leader confirms them all', () => {
  const cluster = new TestCluster(3);
  const leader = cluster.elect();
  const follower = [...cluster.nodes.keys()].find((id) => id !== leader) ?? 0;
  for (const key of ['a', 'b']) cluster.call(leader, ask.put(key, 'x'.repeat(600_000)));
  cluster.call(follower, ask.get('a'));
  const member = cluster.member(follower);
  const step = member.step.bind(member);
  const answered: number[] = [];
  const times: number[] = [];
  member.step = (event, nowUs) => {
    const effects = step(event, nowUs);
    const replies = effects.filter(({ kind }) => kind === 'reply').length;
    if (replies > 0) {
      answered.push(replies);
      times.push(nowUs);
    }
    return effects;
  };
  // The first is asked for alone, the others together.
  const requests = [
    ask.get('a'),
    ask.all(),
    ask.all(),
    ask.all({ countOnly: true }),
    ask.get('a'),
    ask.get('b'),
  ].map((request) => cluster.send(follower, request));
  cluster.run(100_000);
  for (const id of requests) expect(cluster.replies.get(id)).toMatchObject({ kind: 'range' });
  expect(answered).toEqual([1, 1, 1, 3]);
  // The next turn follows at once: no message could have come in between.
  expect((times[3] ?? Infinity) - (times[1] ?? 0)).toBeLessThan(1_000);
});
