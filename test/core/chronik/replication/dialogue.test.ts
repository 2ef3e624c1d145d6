import { expect, test } from 'vitest';

import { recordsBytes } from '../../../../core/chronik/replication/message-codec.ts';
import { type Envelope, ReplicasRig } from './replicas-rig.ts';

/** A message as a line: who to whom, and what counts in it. */
function line({ from, to, message }: Envelope): string {
  const way = `${from}→${to}`;
  switch (message.kind) {
    case 'replicaFetch':
      return message.positions
        .map(
          ({ leaderEpoch, fetchOffset, lastFetchedEpoch, syncedOffset }) =>
            `${way} fetch #${message.fetchSeq} epoch ${leaderEpoch} from ${fetchOffset} behind epoch ${lastFetchedEpoch}, synced ${syncedOffset}`,
        )
        .join('; ');
    case 'replicaFetchAnswered':
      return message.answers
        .map(({ fetchSeq, error, highWatermark, divergence, records }) => {
          const what =
            error !== 'NONE'
              ? error
              : divergence !== undefined
                ? `parts: epoch ${divergence.epoch} ends at ${divergence.endOffset}`
                : `${recordsBytes(records)} bytes`;
          return `${way} answer #${fetchSeq} ${what}, high watermark ${highWatermark}`;
        })
        .join('; ');
    case 'replicaSynced':
      return message.marks.map(({ syncedOffset }) => `${way} synced ${syncedOffset}`).join('; ');
  }
}

/** Delivers what is on the way, and what is on the way because of it. @returns every message, in its order */
function exchange(rig: ReplicasRig): readonly string[] {
  const lines: string[] = [];
  while (rig.network[0] !== undefined) {
    lines.push(line(rig.network[0]));
    rig.deliver();
  }
  return lines;
}

test('a record goes to the followers while the leader syncs, and is committed when the last disk is done', () => {
  const rig = new ReplicasRig();
  rig.applyAll();
  expect(exchange(rig)).toEqual([
    '2→1 fetch #1 epoch 0 from 0 behind epoch -1, synced 0',
    '3→1 fetch #1 epoch 0 from 0 behind epoch -1, synced 0',
    '1→2 answer #1 0 bytes, high watermark 0',
    '1→3 answer #1 0 bytes, high watermark 0',
    '2→1 fetch #2 epoch 0 from 0 behind epoch -1, synced 0',
    '3→1 fetch #2 epoch 0 from 0 behind epoch -1, synced 0',
  ]);
  const leader = rig.broker(1);
  const { token } = leader.produce(['a']);
  expect(exchange(rig)).toEqual([
    '1→2 answer #2 69 bytes, high watermark 0',
    '1→3 answer #2 69 bytes, high watermark 0',
    '2→1 fetch #3 epoch 0 from 1 behind epoch 0, synced 0',
    '3→1 fetch #3 epoch 0 from 1 behind epoch 0, synced 0',
  ]);
  rig.broker(2).sync();
  expect(exchange(rig)).toEqual(['2→1 synced 1']);
  leader.sync();
  expect(exchange(rig)).toEqual([]);
  expect(leader.takeTold()).toEqual([{ led: 0 }]);
  rig.broker(3).sync();
  expect(exchange(rig)).toEqual([
    '3→1 synced 1',
    '1→2 answer #3 0 bytes, high watermark 1',
    '1→3 answer #3 0 bytes, high watermark 1',
    '2→1 fetch #4 epoch 0 from 1 behind epoch 0, synced 1',
    '3→1 fetch #4 epoch 0 from 1 behind epoch 0, synced 1',
  ]);
  expect(leader.takeTold()).toEqual([{ appended: token, end: 'NONE' }, { highWatermark: 1 }]);
});

test('a fetch for which there is nothing new is answered after half a second, and one that is lost is made again, ever later', () => {
  const rig = new ReplicasRig({ replicas: [1, 2] });
  rig.applyAll();
  exchange(rig);
  rig.nowUs = 499_999;
  rig.broker(1).tick();
  expect(exchange(rig)).toEqual([]);
  rig.nowUs = 500_000;
  rig.broker(1).tick();
  expect(rig.network.map(line)).toEqual(['1→2 answer #2 0 bytes, high watermark 0']);
  rig.network = [];
  const times: number[] = [];
  for (let count = 0; count < 4; count += 1) {
    const { deadlineUs } = rig.broker(2).replication;
    rig.nowUs = deadlineUs;
    rig.broker(2).tick();
    expect(rig.network).toHaveLength(1);
    rig.network = [];
    times.push(deadlineUs);
  }
  expect(times).toEqual([2_000_000, 6_000_000, 14_000_000, 22_000_000]);
});

test('a fetch of another epoch is told so: an older one is fenced, a newer one not known yet (KIP-320)', () => {
  const rig = new ReplicasRig({ replicas: [1, 2, 3] });
  rig.applyAll();
  exchange(rig);
  // The first leads no more; the second knows, and neither the first nor the third does.
  rig.fence(1);
  rig.unfence(1);
  rig.broker(2).applyTo(rig.entries.length);
  rig.nowUs = 600_000;
  rig.broker(1).tick();
  exchange(rig);
  const third = rig.broker(3);
  rig.nowUs = third.replication.deadlineUs;
  expect(rig.partition).toMatchObject({ leader: 2, leaderEpoch: 1 });
  const fetch = {
    kind: 'replicaFetch',
    fetchSeq: 1_000,
    brokerEpoch: rig.truth.epochOf(3),
    positions: [
      {
        key: rig.key,
        leaderEpoch: 0,
        fetchOffset: 0,
        lastFetchedEpoch: -1,
        syncedOffset: 0,
        logStartOffset: 0,
      },
    ],
  } as const;
  rig.network = [{ from: 3, to: 2, message: fetch }];
  rig.deliver();
  expect(rig.network.map(line)).toEqual(['2→3 answer #1000 FENCED_LEADER_EPOCH, high watermark 0']);
  const newer = { ...fetch, positions: fetch.positions.map((position) => ({ ...position, leaderEpoch: 1 })) };
  rig.network = [{ from: 3, to: 1, message: newer }];
  rig.deliver();
  expect(rig.network.map(line)).toEqual(['1→3 answer #1000 UNKNOWN_LEADER_EPOCH, high watermark 0']);
});

test('a fetch that comes twice, or after a later one, is answered once', () => {
  const rig = new ReplicasRig({ replicas: [1, 2] });
  rig.applyAll();
  const first = rig.network[0] as Envelope;
  exchange(rig);
  rig.broker(1).produce(['a']);
  const answered = exchange(rig);
  expect(answered).toHaveLength(2);
  rig.network = [first, first];
  expect(exchange(rig)).toHaveLength(2);
});

test('a leader without an answer to what it does not hold says so, and the follower tries again a little later', () => {
  const rig = new ReplicasRig({ replicas: [1, 2] });
  // The follower knows of the topic, its leader does not yet.
  rig.broker(2).applyTo(rig.entries.length);
  expect(exchange(rig)).toEqual([
    '2→1 fetch #1 epoch 0 from 0 behind epoch -1, synced 0',
    '1→2 answer #1 UNKNOWN_TOPIC_OR_PARTITION, high watermark 0',
  ]);
  expect(rig.broker(2).replication.deadlineUs).toBe(rig.settings.fetchBackoffUs);
  rig.broker(1).applyTo(rig.entries.length);
  rig.nowUs = rig.settings.fetchBackoffUs;
  rig.broker(2).tick();
  expect(exchange(rig)[0]).toBe('2→1 fetch #2 epoch 0 from 0 behind epoch -1, synced 0');
});
