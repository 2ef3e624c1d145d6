import { expect, test } from 'vitest';

import { type Envelope, ReplicasRig } from './replicas-rig.ts';

function begun(configs: Readonly<Record<string, string>> = {}): ReplicasRig {
  const rig = new ReplicasRig({ configs });
  rig.settle();
  return rig;
}

const lagUs = 10_000_000;
const towards = (id: number) => ({
  drops: ({ to, from }: Envelope): boolean => to === id || from === id,
});

test('a follower that was not caught up for replica.lag.time.max.ms leaves the in-sync set, and producers go on (KIP-16)', () => {
  const rig = begun();
  const leader = rig.broker(1);
  const { token } = leader.produce(['a']);
  rig.pass(lagUs - 100_000, towards(3));
  expect(rig.partition.isr).toEqual([1, 2, 3]);
  expect(leader.told).not.toContainEqual({ appended: token, end: 'NONE' });
  rig.pass(200_000, towards(3));
  expect(rig.partition.isr).toEqual([1, 2]);
  expect(leader.told).toContainEqual({ appended: token, end: 'NONE' });
});

test('a silent follower of a partition to which nothing is appended stays in sync', () => {
  const rig = begun();
  rig.pass(3 * lagUs, towards(3));
  expect(rig.partition.isr).toEqual([1, 2, 3]);
});

test('a leader that did not run for a while does not hold it against its followers', () => {
  const rig = begun();
  const leader = rig.broker(1);
  leader.produce(['a']);
  leader.sync();
  while (rig.network.some(({ to }) => to !== 1)) rig.deliver(rig.network.findIndex(({ to }) => to !== 1));
  for (const id of [2, 3]) rig.broker(id).sync();
  // All that they say waits while the leader sleeps; what it does first is look at the clock.
  rig.nowUs += 2 * lagUs;
  leader.tick();
  rig.settle();
  expect(rig.partition).toMatchObject({ isr: [1, 2, 3], partitionEpoch: 0 });
  expect(leader.highWatermark).toBe(1);
});

test('a follower that is always a sync behind, and never long, stays in sync', () => {
  const rig = begun();
  const leader = rig.broker(1);
  for (let count = 0; count < 60; count += 1) {
    leader.produce([`v${count}`]);
    leader.sync();
    while (rig.network.length > 0) rig.deliver();
    // Its disk is done with what came before this, never with the newest.
    leader.produce([`w${count}`]);
    while (rig.network.length > 0) rig.deliver();
    for (const id of [2, 3]) rig.broker(id).sync();
    rig.nowUs += 500_000;
    for (const id of [1, 2, 3]) rig.broker(id).tick();
  }
  rig.applyAll();
  expect(rig.partition.isr).toEqual([1, 2, 3]);
});

test('a follower that is fenced leaves at once, by the metadata', () => {
  const rig = begun();
  const leader = rig.broker(1);
  rig.broker(3).crash();
  const { token } = leader.produce(['a']);
  rig.settle();
  expect(leader.told).not.toContainEqual({ appended: token, end: 'NONE' });
  rig.fence(3);
  rig.settle();
  expect(leader.told).toContainEqual({ appended: token, end: 'NONE' });
});

test('a follower that has caught up joins again, and only once it is unfenced (KIP-841)', () => {
  const rig = begun();
  const leader = rig.broker(1);
  rig.broker(3).crash();
  rig.fence(3);
  leader.produce(['a', 'b']);
  rig.settle();
  rig.broker(3).restart();
  rig.register(3);
  rig.pass(2_000_000);
  expect(rig.broker(3).theLog.syncedEndOffset).toBe(2);
  expect(rig.partition.isr).toEqual([1, 2]);
  rig.unfence(3);
  rig.pass(1_000_000);
  expect(rig.partition.isr).toEqual([1, 2, 3]);
});

test('while a follower is about to join, the high watermark waits for it as well', () => {
  const rig = begun();
  const leader = rig.broker(1);
  rig.broker(3).crash();
  rig.fence(3);
  leader.produce(['a']);
  rig.settle();
  rig.broker(3).restart();
  rig.register(3);
  rig.applyAll();
  rig.unfence(3);
  rig.applyAll();
  // As far as it goes without the leader hearing from the metadata that the follower has joined.
  const known = rig.entries.length;
  while (rig.entries.length === known) {
    rig.broker(3).sync();
    rig.broker(2).sync();
    rig.deliver();
  }
  expect(leader.view?.inSyncReplicasMaximal).toEqual([1, 2, 3]);
  expect(leader.view?.assignment.isr).toEqual([1, 2]);
  const { token } = leader.produce(['b']);
  leader.sync();
  const dropsThird = ({ from, to }: Envelope): boolean => from === 3 || to === 3;
  for (let round = 0; round < 20; round += 1) {
    rig.network = rig.network.filter((envelope) => !dropsThird(envelope));
    rig.deliver();
    rig.broker(2).sync();
  }
  expect(rig.broker(2).theLog.syncedEndOffset).toBe(2);
  expect(leader.told).not.toContainEqual({ appended: token, end: 'NONE' });
  expect(leader.highWatermark).toBe(1);
  rig.pass(5_000_000);
  expect(leader.told).toContainEqual({ appended: token, end: 'NONE' });
});

test('what a follower reports in an earlier life of it counts for nothing (KIP-903)', () => {
  const rig = begun();
  const leader = rig.broker(1);
  leader.produce(['a']);
  while (rig.network.length > 0) rig.deliver();
  // Its disk is done, and the report is on its way when it dies: what comes back is another life.
  rig.broker(2).sync();
  const late = rig.network.filter(({ from }) => from === 2);
  expect(late.length).toBeGreaterThan(0);
  rig.broker(2).crash();
  rig.broker(2).restart();
  rig.register(2);
  leader.applyTo(rig.entries.length);
  rig.network = late;
  while (rig.network.some(({ to }) => to === 1)) rig.deliver();
  expect(leader.view?.assignment.isr).toEqual([1, 3]);
  expect(rig.partition.isr).toEqual([1, 3]);
  expect(rig.network.filter(({ to }) => to === 2).map(({ message }) => message)).toMatchObject(
    late.some(({ message }) => message.kind === 'replicaFetch')
      ? [{ kind: 'replicaFetchAnswered', answers: [{ error: 'STALE_BROKER_EPOCH' }] }]
      : [],
  );
});

test('with fewer replicas in sync than min.insync.replicas nothing is taken with acks=−1, and nothing is committed', () => {
  const rig = begun({ 'min.insync.replicas': '2' });
  const leader = rig.broker(1);
  for (const id of [2, 3]) {
    rig.broker(id).crash();
    rig.fence(id);
  }
  rig.settle();
  expect(rig.partition.isr).toEqual([1]);
  expect(leader.produce(['a'])).toMatchObject({
    kind: 'refused',
    error: 'NOT_ENOUGH_REPLICAS',
    message: '1 replicas are in sync, min.insync.replicas is 2',
  });
  const { token } = leader.produce(['b'], { acks: 1 });
  rig.settle();
  expect(leader.told).toContainEqual({ appended: token, end: 'NONE' });
  expect(leader.highWatermark).toBe(0);
});

test('a producer that waits is told at once when too few replicas are left in sync', () => {
  const rig = begun({ 'min.insync.replicas': '2' });
  const leader = rig.broker(1);
  for (const id of [2, 3]) rig.broker(id).crash();
  const { token } = leader.produce(['a']);
  leader.sync();
  rig.fence(2);
  rig.applyAll();
  expect(leader.told).toEqual([{ led: 0 }]);
  rig.fence(3);
  rig.applyAll();
  expect(leader.told).toContainEqual({ appended: token, end: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' });
  expect(leader.highWatermark).toBe(0);
});

test('a topic that demands more replicas in sync than it has is content with all of them', () => {
  const rig = new ReplicasRig({ replicas: [1], configs: { 'min.insync.replicas': '2' } });
  rig.settle();
  const { token } = rig.broker(1).produce(['a']);
  rig.settle();
  expect(rig.broker(1).told).toContainEqual({ appended: token, end: 'NONE' });
});

test('a follower that has all that the new leader knows to be committed, and not all that may be, does not join yet', () => {
  const rig = new ReplicasRig({ replicas: [1, 2, 3, 4] });
  rig.settle();
  rig.broker(3).crash();
  rig.fence(3);
  rig.settle();
  const { token } = rig.broker(1).produce(['a']);
  // Committed on 1, 2 and 4; the second has not heard of it when it becomes the leader.
  rig.settle({
    drops: ({ to, message }) =>
      to === 2 && message.kind === 'replicaFetchAnswered' && rig.broker(1).highWatermark === 1,
  });
  expect(rig.broker(1).told).toContainEqual({ appended: token, end: 'NONE' });
  rig.broker(3).restart();
  rig.register(3);
  rig.applyAll();
  rig.unfence(3);
  rig.applyAll();
  rig.network = [];
  rig.broker(1).crash();
  rig.fence(1);
  rig.applyAll();
  const leader = rig.broker(2);
  expect(leader.view).toMatchObject({ role: 'leader', highWatermark: 0 });
  // The third fetches first, from where the high watermark seems to be.
  rig.network = rig.network.filter(({ from }) => from === 3);
  expect(rig.network).toHaveLength(1);
  rig.deliver();
  expect(leader.view?.inSyncReplicasMaximal).toEqual([2, 4]);
  rig.pass(5_000_000);
  expect(rig.partition.isr).toEqual([2, 3, 4]);
  expect(rig.broker(3).records()).toEqual(['0:a']);
});
