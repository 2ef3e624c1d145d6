import { expect, test } from 'vitest';

import { AppendWaits } from '../../../../core/chronik/replication/append-waits.ts';
import { encodeBatch } from '../../../../core/wire/kafka/records.ts';
import { ReplicasRig } from './replicas-rig.ts';

function begun(options: ConstructorParameters<typeof ReplicasRig>[0] = {}): ReplicasRig {
  const rig = new ReplicasRig(options);
  rig.settle();
  rig.broker(1).takeTold();
  return rig;
}

const batch = (value: string, producer: object = {}): Uint8Array =>
  encodeBatch({
    records: [{ timestampMs: 1_700_000_000_000, value: new TextEncoder().encode(value) }],
    ...producer,
  });

test('acks=1 waits for this broker’s disk alone, acks=0 for nothing', () => {
  const rig = begun();
  const leader = rig.broker(1);
  expect(leader.produce(['a'], { acks: 0 })).toMatchObject({ kind: 'done', baseOffset: 0, endOffset: 1 });
  const { token } = leader.produce(['b'], { acks: 1 });
  rig.network = [];
  expect(leader.takeTold()).toEqual([]);
  leader.sync();
  expect(leader.takeTold()).toEqual([{ appended: token, end: 'NONE' }]);
  expect(leader.highWatermark).toBe(0);
});

test('a wait that is longer than its request’s time-out ends with it', () => {
  const rig = begun();
  const leader = rig.broker(1);
  rig.broker(2).crash();
  const first = leader.produce(['a'], { deadlineUs: rig.nowUs + 3_000_000 });
  const second = leader.produce(['b'], { deadlineUs: rig.nowUs + 1_000_000 });
  rig.pass(999_999);
  expect(leader.takeTold()).toEqual([]);
  rig.pass(1);
  expect(leader.takeTold()).toEqual([{ appended: second.token, end: 'REQUEST_TIMED_OUT' }]);
  rig.pass(2_000_000);
  expect(leader.takeTold()).toEqual([{ appended: first.token, end: 'REQUEST_TIMED_OUT' }]);
  expect(leader.replication.waiting).toBe(0);
});

test('appends that wait are bounded in count and in bytes, and one too many changes nothing', () => {
  const rig = begun({ settings: { waitingAppendsMax: 2, waitingAppendBytesMax: 1_000 } });
  const leader = rig.broker(1);
  leader.produce(['a']);
  leader.produce(['b']);
  expect(leader.produce(['c'])).toMatchObject({ kind: 'refused', error: 'THROTTLING_QUOTA_EXCEEDED' });
  expect(leader.theLog.logEndOffset).toBe(2);
  expect(leader.produce(['d'], { acks: 0 })).toMatchObject({ kind: 'done' });
  rig.settle();
  expect(leader.produce(['x'.repeat(1_000)])).toMatchObject({ error: 'THROTTLING_QUOTA_EXCEEDED' });
  expect(leader.produce(['e'])).toMatchObject({ kind: 'waits' });
});

test('an append to who does not lead, or leads in another epoch, is refused', () => {
  const rig = begun();
  const error = 'NOT_LEADER_OR_FOLLOWER';
  expect(rig.broker(2).produce(['a'])).toMatchObject({ kind: 'refused', error });
  expect(rig.broker(1).produce(['a'], { leaderEpoch: 1 })).toMatchObject({ kind: 'refused', error });
  expect(rig.broker(1).produce(['a'], { leaderEpoch: 0 })).toMatchObject({ kind: 'waits' });
  expect(rig.broker(1).produce(['a'], { key: { created: 1, partition: 0 } })).toMatchObject({ error });
});

test('what a log refuses is refused, with the log’s word on it', () => {
  const rig = begun();
  const bytes = batch('a');
  bytes[bytes.length - 1] = 7;
  expect(rig.broker(1).append(bytes)).toEqual({
    kind: 'refused',
    error: 'CORRUPT_MESSAGE',
    message: 'a batch does not fit its checksum',
    logStartOffset: 0,
    token: 1,
  });
});

test('an idempotent producer’s batch that is there already is acknowledged when it would have been (KIP-98)', () => {
  const rig = begun();
  const leader = rig.broker(1);
  const producer = { producerId: 9, producerEpoch: 0, baseSequence: 0 };
  const first = leader.append(batch('a', producer));
  const again = leader.append(batch('a', producer));
  expect(first).toMatchObject({ kind: 'waits', baseOffset: 0 });
  expect(again).toMatchObject({ kind: 'waits', baseOffset: 0 });
  leader.sync();
  expect(leader.takeTold()).toEqual([]);
  rig.settle();
  expect(leader.takeTold()).toEqual([
    { appended: first.token, end: 'NONE' },
    { appended: again.token, end: 'NONE' },
    { highWatermark: 1 },
  ]);
  expect(leader.append(batch('a', producer))).toMatchObject({ kind: 'done', baseOffset: 0 });
});

test('a batch out of order is refused only when it is sure that nobody else leads (KIP-98)', () => {
  const rig = begun();
  const leader = rig.broker(1);
  const ahead = (baseSequence: number) => batch('b', { producerId: 9, producerEpoch: 0, baseSequence });
  const first = leader.append(ahead(5));
  const second = leader.append(ahead(6));
  const message = 'producer 9: sequence 5 is the first of this producer';
  expect(first).toMatchObject({ kind: 'doubted', message, logStartOffset: 0 });
  expect(leader.theLog.logEndOffset).toBe(0);
  expect(leader.takeTold()).toEqual([]);
  leader.confirmed(1);
  const end = 'OUT_OF_ORDER_SEQUENCE_NUMBER';
  expect(leader.takeTold()).toEqual([{ appended: first.token, end }]);
  leader.confirmed(2);
  expect(leader.takeTold()).toEqual([{ appended: second.token, end }]);
  expect(leader.replication.waiting).toBe(0);
  // Who does not wait for replicas is told what this log says.
  expect(leader.append(ahead(7), { acks: 1 })).toMatchObject({ kind: 'refused', error: end });
  expect(leader.confirmationsAsked).toBe(2);
});

test('a leader that was overtaken never says that a batch is out of order: another has what it lacks', () => {
  const rig = begun();
  const leader = rig.broker(1);
  const ahead = batch('b', { producerId: 9, producerEpoch: 0, baseSequence: 5 });
  const late = leader.append(ahead.slice(), { deadlineUs: rig.nowUs + 1_000 });
  const known = leader.append(ahead.slice());
  rig.pass(1_000);
  expect(leader.takeTold()).toEqual([{ appended: late.token, end: 'REQUEST_TIMED_OUT' }]);
  rig.fence(1);
  leader.applyTo(rig.entries.length);
  leader.confirmed(2);
  expect(leader.takeTold()).toEqual([{ appended: known.token, end: 'NOT_LEADER_OR_FOLLOWER' }, 'left']);
  expect(leader.replication.waiting).toBe(0);
});

test('a leader that stops leading tells everybody who waits', () => {
  const rig = begun();
  const leader = rig.broker(1);
  const all = leader.produce(['a']);
  const own = leader.produce(['b'], { acks: 1 });
  rig.fence(1);
  leader.applyTo(rig.entries.length);
  const end = 'NOT_LEADER_OR_FOLLOWER';
  expect(leader.takeTold()).toEqual([{ appended: all.token, end }, { appended: own.token, end }, 'left']);
  expect(leader.replication.waiting).toBe(0);
});

test('waits end in the order of their offsets, also one that comes out of turn', () => {
  const waits = new AppendWaits();
  for (const [token, upTo] of [
    [1, 10],
    [2, 20],
    [3, 10],
    [4, 5],
  ] as const) {
    waits.add({ token, upTo, bytes: 1, deadlineUs: 100 - token });
  }
  const tokens = (offset: number): readonly number[] => waits.takeUpTo(offset).map(({ token }) => token);
  expect(tokens(4)).toEqual([]);
  expect(tokens(10)).toEqual([4, 1, 3]);
  expect(waits.deadlineUs).toBeLessThanOrEqual(98);
  expect(waits.takeExpired(97)).toEqual([]);
  expect(waits.takeExpired(98).map(({ token }) => token)).toEqual([2]);
  expect(waits.deadlineUs).toBe(Infinity);
});
