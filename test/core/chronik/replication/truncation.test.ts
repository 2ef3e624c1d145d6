import { expect, test } from 'vitest';

import { ReplicasRig } from './replicas-rig.ts';

/** Everybody has the record, and knows that it is committed. */
function begun(replicas: readonly number[], configs: Readonly<Record<string, string>> = {}): ReplicasRig {
  const rig = new ReplicasRig({ replicas, configs });
  rig.settle();
  rig.broker(1).produce(['a']);
  rig.settle();
  return rig;
}

/** The process is gone, and the controller has found out. */
function lose(rig: ReplicasRig, id: number, keptOf?: (unsyncedBytes: number) => number): void {
  rig.broker(id).crash(keptOf);
  rig.fence(id);
}

function comeBack(rig: ReplicasRig, id: number): void {
  rig.broker(id).restart();
  rig.register(id);
  rig.applyAll();
  rig.unfence(id);
}

test('a follower that restarts before it hears of the new high watermark keeps its records, so that no leader change loses them (KIP-101, first scenario)', () => {
  const rig = begun([1, 2]);
  const leader = rig.broker(1);
  const { token } = leader.produce(['b']);
  // The follower has the record on its disk and the leader knows; the follower has not heard that it is committed.
  rig.settle({
    drops: ({ to, message }) =>
      to === 2 && message.kind === 'replicaFetchAnswered' && leader.highWatermark === 2,
  });
  expect(leader.told).toContainEqual({ appended: token, end: 'NONE' });
  expect(rig.broker(2).highWatermark).toBe(1);
  lose(rig, 2);
  comeBack(rig, 2);
  rig.settle();
  lose(rig, 1);
  rig.settle();
  expect(rig.partition).toMatchObject({ leader: 2, isr: [2] });
  expect(rig.broker(2).records()).toEqual(['0:a', '0:b']);
  expect(rig.broker(2).highWatermark).toBe(2);
});

test('logs that parted at the same offset under two leaders become one again, batch for batch (KIP-101, second scenario)', () => {
  const rig = begun([1, 2], { 'unclean.leader.election.enable': 'true' });
  const leader = rig.broker(1);
  // The leader has a record that the follower never got, and both lose power; the follower comes up first.
  leader.produce(['b1', 'b2'], { acks: 1 });
  leader.sync();
  rig.network = [];
  lose(rig, 2);
  lose(rig, 1);
  comeBack(rig, 2);
  rig.settle();
  expect(rig.partition).toMatchObject({ leader: 2, uncleanElections: 1 });
  rig.broker(2).produce(['c']);
  rig.settle();
  const epoch = rig.partition.leaderEpoch;
  comeBack(rig, 1);
  rig.settle();
  expect(rig.broker(1).records()).toEqual(['0:a', `${epoch}:c`]);
  expect(rig.broker(1).records()).toEqual(rig.broker(2).records());
  expect(rig.partition.isr).toEqual([1, 2]);
});

test('logs that parted more than once are cut back epoch by epoch to what both have (KIP-279)', () => {
  const rig = begun([1, 2], { 'unclean.leader.election.enable': 'true' });
  // Each in turn leads alone, appends, and is gone before the other sees any of it.
  const epochs: number[] = [];
  for (const [leads, value] of [
    [1, 'w'],
    [2, 'x'],
    [1, 'y'],
    [2, 'z'],
  ] as const) {
    const other = 3 - leads;
    if (rig.broker(other).isUp) lose(rig, other);
    if (!rig.broker(leads).isUp) comeBack(rig, leads);
    rig.settle();
    expect(rig.partition.leader).toBe(leads);
    epochs.push(rig.partition.leaderEpoch);
    rig.broker(leads).produce([value, value], { acks: 1 });
    rig.settle();
  }
  const [, second, , fourth] = epochs;
  const kept = ['0:a', `${second}:x`, `${second}:x`, `${fourth}:z`, `${fourth}:z`];
  expect(rig.broker(2).records()).toEqual(kept);
  comeBack(rig, 1);
  rig.settle();
  expect(rig.broker(1).records()).toEqual(kept);
  expect(rig.broker(1).highWatermark).toBe(5);
});

test('a follower whose end is gone at the leader begins anew where the leader’s log begins', () => {
  const rig = begun([1, 2, 3]);
  lose(rig, 3);
  rig.settle();
  const leader = rig.broker(1);
  leader.produce(['b', 'c']);
  leader.produce(['d']);
  rig.settle();
  leader.step(() =>
    leader.replication.deleteRecords({ key: rig.key, offset: 3, token: 1, deadlineUs: Infinity }),
  );
  rig.settle();
  comeBack(rig, 3);
  rig.settle();
  const { logStartOffset, logEndOffset } = rig.broker(3).theLog;
  expect({ logStartOffset, logEndOffset }).toEqual({ logStartOffset: 3, logEndOffset: 4 });
  expect(rig.broker(3).records()).toEqual(['0:d']);
  expect(rig.partition.isr).toEqual([1, 2, 3]);
});

test('a log that begins within a batch is taken over with that batch, which comes whole', () => {
  const rig = begun([1, 2, 3]);
  lose(rig, 3);
  rig.settle();
  const leader = rig.broker(1);
  leader.produce(['b', 'c', 'd']);
  rig.settle();
  leader.step(() =>
    leader.replication.deleteRecords({ key: rig.key, offset: 2, token: 1, deadlineUs: Infinity }),
  );
  rig.settle();
  comeBack(rig, 3);
  rig.settle();
  const { logStartOffset, logEndOffset } = rig.broker(3).theLog;
  expect({ logStartOffset, logEndOffset }).toEqual({ logStartOffset: 2, logEndOffset: 4 });
  expect(rig.broker(3).highWatermark).toBe(4);
});

test('a leader that was cut off and led on alone gives up what nobody else has, once it hears of its successor', () => {
  const rig = begun([1, 2, 3]);
  const zombie = rig.broker(1);
  const cutOff = ({ from, to }: { from: number; to: number }): boolean => from === 1 || to === 1;
  rig.network = rig.network.filter((envelope) => !cutOff(envelope));
  rig.fence(1);
  for (const id of [2, 3]) rig.broker(id).applyTo(rig.entries.length);
  expect(rig.partition.leader).toBe(2);
  // It knows nothing of that, and takes a record that nobody will ever confirm.
  const lost = zombie.produce(['lost']);
  expect(lost.kind).toBe('waits');
  zombie.sync();
  rig.network = rig.network.filter((envelope) => !cutOff(envelope));
  rig.broker(2).produce(['kept']);
  for (const id of [2, 3]) rig.broker(id).sync();
  expect(zombie.told).not.toContainEqual({ appended: lost.token, end: 'NONE' });
  expect(zombie.highWatermark).toBe(1);
  rig.unfence(1);
  rig.settle();
  expect(zombie.told).toContainEqual({ appended: lost.token, end: 'NOT_LEADER_OR_FOLLOWER' });
  expect(zombie.records()).toEqual(['0:a', '1:kept']);
});

test('a zombie leader cannot change the in-sync set: the metadata knows of a newer epoch', () => {
  const rig = begun([1, 2, 3]);
  rig.fence(1);
  for (const id of [2, 3]) rig.broker(id).applyTo(rig.entries.length);
  const { isr, leaderEpoch } = rig.partition;
  const zombie = rig.broker(1);
  zombie.produce(['lost']);
  zombie.sync();
  const before = rig.entries.length;
  for (let count = 0; count < 11; count += 1) {
    rig.network = [];
    rig.nowUs += 1_000_000;
    zombie.tick();
  }
  // It has asked to go on alone, and was refused.
  expect(rig.entries.length).toBe(before + 1);
  expect(rig.partition).toMatchObject({ isr, leaderEpoch, leader: 2 });
});
