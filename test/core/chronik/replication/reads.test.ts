import { expect, test } from 'vitest';

import {
  type FetchFrom,
  type FetchRequest,
  offsetQueryTimes,
} from '../../../../core/chronik/replication/requests.ts';
import { ReplicasRig, type RigBroker } from './replicas-rig.ts';

function begun(options: ConstructorParameters<typeof ReplicasRig>[0] = {}): ReplicasRig {
  const rig = new ReplicasRig(options);
  rig.settle();
  rig.broker(1).takeTold();
  return rig;
}

function fetch(
  rig: ReplicasRig,
  broker: RigBroker,
  from: Partial<FetchFrom>,
  given: Partial<FetchRequest> = {},
): ReturnType<RigBroker['replication']['fetch']> {
  const request: FetchRequest = {
    token: 7,
    partitions: [
      {
        key: rig.key,
        fetchOffset: 0,
        currentLeaderEpoch: -1,
        lastFetchedEpoch: -1,
        bytesMax: 1_000_000,
        ...from,
      },
    ],
    isolation: 'readUncommitted',
    bytesMax: 1_000_000,
    bytesMin: 1,
    deadlineUs: rig.nowUs + 500_000,
    ...given,
  };
  return broker.step(() => broker.replication.fetch(request, rig.nowUs));
}

test('a consumer waits at the end of what is committed, and is answered when more is', () => {
  const rig = begun();
  const leader = rig.broker(1);
  leader.produce(['a']);
  expect(fetch(rig, leader, {})).toBeUndefined();
  leader.sync();
  expect(leader.takeTold()).toEqual([]);
  rig.settle();
  expect(leader.takeTold()).toContainEqual({
    fetched: 7,
    partitions: [
      {
        key: rig.key,
        error: 'NONE',
        highWatermark: 1,
        lastStableOffset: 1,
        logStartOffset: 0,
        divergence: undefined,
        abortedTransactions: [],
        currentLeader: undefined,
        records: { file: expect.stringContaining('segment_') as string, positionBytes: 0, lengthBytes: 69 },
      },
    ],
  });
});

test('a consumer that asks for more bytes than there are gets what there is when its time has come', () => {
  const rig = begun();
  const leader = rig.broker(1);
  leader.produce(['a']);
  rig.settle();
  leader.takeTold();
  expect(fetch(rig, leader, {}, { bytesMin: 100 })).toBeUndefined();
  rig.pass(499_999);
  expect(leader.takeTold()).toEqual([]);
  rig.pass(1);
  expect(leader.takeTold()).toMatchObject([{ fetched: 7, partitions: [{ records: { lengthBytes: 69 } }] }]);
  expect(leader.replication.waiting).toBe(0);
});

test('what is not committed is not out of range, what lies outside of the log is', () => {
  const rig = begun();
  const leader = rig.broker(1);
  leader.produce(['a', 'b']);
  expect(fetch(rig, leader, { fetchOffset: 2 }, { deadlineUs: 0 })).toMatchObject([
    { error: 'NONE', highWatermark: 0, records: undefined },
  ]);
  expect(fetch(rig, leader, { fetchOffset: 3 })).toMatchObject([
    { error: 'OFFSET_OUT_OF_RANGE', highWatermark: -1 },
  ]);
});

test('who asks a follower, or in another epoch, is told so (KIP-320)', () => {
  const rig = begun();
  rig.fence(1);
  rig.unfence(1);
  rig.settle();
  expect(rig.partition).toMatchObject({ leader: 2, leaderEpoch: 1 });
  const errorOf = (id: number, from: Partial<FetchFrom>): unknown => fetch(rig, rig.broker(id), from)?.[0];
  expect(errorOf(1, {})).toMatchObject({
    error: 'NOT_LEADER_OR_FOLLOWER',
    currentLeader: { leader: 2, leaderEpoch: 1 },
  });
  expect(errorOf(2, { currentLeaderEpoch: 0 })).toMatchObject({ error: 'FENCED_LEADER_EPOCH' });
  expect(errorOf(2, { currentLeaderEpoch: 2 })).toMatchObject({ error: 'UNKNOWN_LEADER_EPOCH' });
  expect(errorOf(2, { key: { created: 99, partition: 0 } })).toMatchObject({
    error: 'NOT_LEADER_OR_FOLLOWER',
    currentLeader: undefined,
  });
});

test('a consumer that waits when the leader changes is told at once', () => {
  const rig = begun();
  expect(fetch(rig, rig.broker(1), {})).toBeUndefined();
  rig.fence(1);
  rig.settle();
  expect(rig.broker(1).takeTold()).toContainEqual(
    expect.objectContaining({
      fetched: 7,
      partitions: [expect.objectContaining({ error: 'NOT_LEADER_OR_FOLLOWER' })],
    }),
  );
});

test('a consumer that is gone is forgotten, and one too many is not kept waiting', () => {
  const rig = begun({ settings: { waitingFetchesMax: 1 } });
  const leader = rig.broker(1);
  expect(fetch(rig, leader, {})).toBeUndefined();
  expect(fetch(rig, leader, {}, { token: 8 })).toMatchObject([{ error: 'NONE', records: undefined }]);
  leader.replication.cancelFetch(7);
  expect(leader.replication.waiting).toBe(0);
  expect(fetch(rig, leader, {}, { token: 9 })).toBeUndefined();
});

test('a batch that is larger than what a consumer wants comes alone', () => {
  const rig = begun();
  const leader = rig.broker(1);
  leader.produce(['a']);
  leader.produce(['b']);
  rig.settle();
  const [partition] = fetch(rig, leader, {})?.slice(0, 1) ?? [];
  expect(partition?.records?.lengthBytes).toBe(138);
  expect(fetch(rig, leader, {}, { bytesMax: 10 })?.[0]?.records?.lengthBytes).toBe(69);
  const twice = fetch(
    rig,
    leader,
    {},
    {
      bytesMax: 100,
      partitions: [0, 1].map((fetchOffset) => ({
        key: rig.key,
        fetchOffset,
        currentLeaderEpoch: -1,
        lastFetchedEpoch: -1,
        bytesMax: 1_000_000,
      })),
    },
  );
  expect(twice?.map(({ records }) => records?.lengthBytes)).toEqual([69, undefined]);
});

test('offsets are found by their place and by their time, as far as they are committed (ListOffsets)', () => {
  const rig = begun();
  const leader = rig.broker(1);
  const find = (timestampMs: number, isolation: 'readUncommitted' | undefined = 'readUncommitted'): unknown =>
    leader.replication.offsetOf({ key: rig.key, currentLeaderEpoch: -1, timestampMs, isolation });
  leader.produce(['a', 'b']);
  rig.settle();
  leader.produce(['c']);
  expect(find(offsetQueryTimes.earliest)).toMatchObject({ error: 'NONE', offset: 0 });
  expect(find(offsetQueryTimes.latest)).toEqual({
    error: 'NONE',
    offset: 2,
    timestampMs: -1,
    leaderEpoch: 0,
  });
  expect(
    leader.replication.offsetOf({
      key: rig.key,
      currentLeaderEpoch: -1,
      timestampMs: offsetQueryTimes.latest,
      isolation: undefined,
    }),
  ).toMatchObject({ offset: 3 });
  expect(find(1_700_000_000_000)).toEqual({
    error: 'NONE',
    offset: 0,
    timestampMs: 1_700_000_000_000,
    leaderEpoch: 0,
  });
  expect(find(1_700_000_000_001)).toMatchObject({ error: 'NONE', offset: -1 });
  expect(find(offsetQueryTimes.maxTimestamp)).toMatchObject({
    error: 'NONE',
    timestampMs: 1_700_000_000_000,
  });
});

test('a new leader does not say what the latest offset is before it knows all that its predecessor has shown (KIP-207)', () => {
  const rig = new ReplicasRig();
  rig.settle();
  rig.broker(1).produce(['a']);
  rig.settle({
    drops: ({ to, message }) =>
      to === 2 && message.kind === 'replicaFetchAnswered' && rig.broker(1).highWatermark === 1,
  });
  rig.fence(1);
  const leader = rig.broker(2);
  leader.applyTo(rig.entries.length);
  const latest = (): unknown =>
    leader.replication.offsetOf({
      key: rig.key,
      currentLeaderEpoch: -1,
      timestampMs: offsetQueryTimes.latest,
      isolation: 'readUncommitted',
    });
  expect(latest()).toMatchObject({ error: 'OFFSET_NOT_AVAILABLE' });
  rig.settle();
  expect(latest()).toMatchObject({ error: 'NONE', offset: 1 });
});

test('where an epoch ends is told to consumers that look for what was truncated (OffsetForLeaderEpoch)', () => {
  const rig = begun();
  rig.broker(1).produce(['a', 'b']);
  rig.settle();
  rig.fence(1);
  rig.settle();
  rig.broker(2).produce(['c']);
  rig.settle();
  const end = (leaderEpoch: number): unknown =>
    rig.broker(2).replication.endOffsetOfEpoch({ key: rig.key, currentLeaderEpoch: 1, leaderEpoch });
  expect([end(0), end(1), end(2)]).toEqual([
    { error: 'NONE', leaderEpoch: 0, endOffset: 2 },
    { error: 'NONE', leaderEpoch: 1, endOffset: 3 },
    { error: 'NONE', leaderEpoch: -1, endOffset: -1 },
  ]);
});
