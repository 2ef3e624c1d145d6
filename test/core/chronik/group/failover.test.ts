import { expect, test } from 'vitest';

import { RecordBatch } from '../../../../core/wire/kafka/record-batch.ts';
import { decodeRecords, encodeBatch } from '../../../../core/wire/kafka/records.ts';
import { heartbeat, joinDefaults, sendJoin, shareOut, stableGroup, stateOf, text } from './members.ts';
import { errorIn, Stage } from './stage.ts';

const offsets = [{ name: 'orders', partitionIndexes: [0] }];
const commitOf = (offset: number): object => ({
  groupId: 'g',
  topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, committedOffset: offset }] }],
});

test('a new coordinator knows the generation, its members, and what each has', () => {
  const stage = new Stage();
  const [leader, other] = stableGroup(stage, 2);
  if (leader === undefined || other === undefined) throw new Error('two members');
  stage.failOver('kept');
  expect(stateOf(stage)).toBe('Stable');
  expect(heartbeat(stage, leader)).toBe('NONE');
  const { generationId, memberId } = other;
  const sync = stage.ask('syncGroup', { groupId: 'g', generationId, memberId });
  expect(sync).toMatchObject({ errorCode: 0, protocolName: 'range', assignment: text(memberId) });
});

test('every member has a whole session for finding the new coordinator', () => {
  const stage = new Stage();
  const [leader] = stableGroup(stage, 1);
  if (leader === undefined) throw new Error('one member');
  stage.pass(9_000);
  stage.failOver('kept');
  stage.pass(9_999);
  expect(stateOf(stage)).toBe('Stable');
  stage.pass(1);
  expect(stateOf(stage)).toBe('Empty');
});

test('a generation that was not shared out durably is begun again', () => {
  const stage = new Stage();
  const joined = stage.answer<'joinGroup'>(sendJoin(stage));
  stage.durable = false;
  const { memberId, generationId } = joined;
  const assignments = [{ memberId, assignment: text('lost') }];
  const sync = stage.send('syncGroup', { groupId: 'g', memberId, generationId, assignments });
  stage.failOver('lost');
  expect(errorIn(stage.answer<'syncGroup'>(sync))).toBe('NOT_COORDINATOR');
  stage.durable = true;
  expect(heartbeat(stage, joined)).toBe('UNKNOWN_MEMBER_ID');
  stableGroup(stage, 1);
});

test('who waits for others is sent to look for the coordinator again', () => {
  const stage = new Stage();
  stableGroup(stage, 1);
  const waiting = sendJoin(stage);
  stage.coordinator.partitionLeft(0);
  expect(errorIn(stage.answer<'joinGroup'>(waiting))).toBe('NOT_COORDINATOR');
  expect(errorIn(stage.ask('joinGroup', joinDefaults))).toBe('NOT_COORDINATOR');
  const { topics } = stage.ask('offsetCommit', commitOf(1));
  expect(topics[0]?.partitions.map(errorIn)).toEqual(['NOT_COORDINATOR']);
  expect(stage.coordinator.deadlineUs).toBeGreaterThan(stage.nowUs);
});

test('nobody is told anything before all that was appended by the former leader is durable', () => {
  const stage = new Stage();
  stage.ask('offsetCommit', commitOf(1));
  stage.durable = false;
  stage.send('offsetCommit', commitOf(2));
  stage.failOver('waits');
  stage.pass(60_000);
  const asked = (): object => stage.ask('offsetFetch', { groupId: 'g', topics: offsets }, 7);
  expect(asked()).toMatchObject({ errorCode: 14, topics: [] });
  // What has no better answer for a client, as Kafka has it.
  expect(heartbeat(stage, { ...stage.ask('joinGroup', joinDefaults), memberId: 'x' })).toBe('NONE');
  const sync = stage.ask('syncGroup', { groupId: 'g', memberId: 'x', generationId: 1 });
  expect(errorIn(sync)).toBe('REBALANCE_IN_PROGRESS');
  expect(errorIn(stage.ask('listGroups', {}))).toBe('COORDINATOR_LOAD_IN_PROGRESS');
  stage.settle();
  stage.pass(0);
  expect(asked()).toMatchObject({ errorCode: 0, topics: [{ partitions: [{ committedOffset: 2 }] }] });
});

test('a long log is read in turns, others are served between', () => {
  const stage = new Stage({ settings: { loadBytesPerTurn: 1_000 } });
  for (let count = 1; count <= 100; count += 1) stage.ask('offsetCommit', commitOf(count));
  const log = stage.logs[0];
  if (log === undefined) throw new Error('one log');
  stage.coordinator.partitionLed({ partition: 0, leaderEpoch: 9, log }, stage.nowUs);
  let turns = 0;
  while (stage.coordinator.deadlineUs <= stage.nowUs) {
    expect(errorIn(stage.ask('offsetFetch', { groupId: 'g', topics: offsets }, 7))).toBe(
      'COORDINATOR_LOAD_IN_PROGRESS',
    );
    stage.coordinator.tick(stage.nowUs);
    turns += 1;
  }
  // A batch has 61 bytes of header and some 50 of record.
  expect(turns).toBeGreaterThan(10);
  const fetched = stage.ask('offsetFetch', { groupId: 'g', topics: offsets }, 7);
  expect(fetched.topics[0]?.partitions[0]?.committedOffset).toBe(100);
});

test('a log that compaction has left gaps in says the same', () => {
  const stage = new Stage();
  for (let count = 1; count <= 10; count += 1) stage.ask('offsetCommit', commitOf(count));
  stage.ask('offsetCommit', { ...commitOf(7), groupId: 'other' });
  const [log] = stage.logs;
  if (log === undefined) throw new Error('one log');
  // The latest record of each key is left, each in a batch of its own.
  log.batches = log.batches.slice(9);
  stage.failOver('kept');
  const fetched = stage.ask('offsetFetch', {
    groups: ['g', 'other'].map((groupId) => ({ groupId, topics: offsets })),
  });
  expect(fetched.groups.map(({ topics }) => topics[0]?.partitions[0]?.committedOffset)).toEqual([10, 7]);
});

test('records that are none of a coordinator of this kind are passed over', () => {
  const stage = new Stage();
  stage.ask('offsetCommit', commitOf(1));
  const strange = [
    { timestampMs: 1, key: new Uint8Array([0, 9, 1, 2, 3]), value: text('of later versions') },
    { timestampMs: 1, key: new Uint8Array([0, 1, 0, 200]), value: text('cut short') },
    { timestampMs: 1, value: text('no key') },
  ];
  stage.append('g', encodeBatch({ records: strange }));
  stage.append('g', new Uint8Array(encodeBatch({ records: [] })));
  stage.failOver('kept');
  expect(stage.ask('listGroups', {}).groups.map(({ groupId }) => groupId)).toEqual(['g']);
});

test('a rebalance after a failover goes on from the generation that was kept', () => {
  const stage = new Stage();
  const [leader] = stableGroup(stage, 1);
  stage.failOver('kept');
  const newcomer = sendJoin(stage);
  const again = sendJoin(stage, { memberId: leader?.memberId ?? '' });
  const joined = [newcomer, again].map((requestId) => stage.answer<'joinGroup'>(requestId));
  expect(joined.map(({ generationId }) => generationId)).toEqual([2, 2]);
  expect(joined.map(({ leader: id }) => id)).toEqual([leader?.memberId, leader?.memberId]);
  shareOut(stage, joined);
});

test('nothing is known before the wall time is: what is kept bears it, and expires by it', () => {
  const stage = new Stage();
  stage.ask('offsetCommit', commitOf(1));
  const [log] = stage.logs;
  if (log === undefined) throw new Error('one log');
  const records = log.batches.flatMap((batch) => decodeRecords(new RecordBatch(batch.bytes)));
  expect(records.map(({ timestampMs }) => timestampMs)).toEqual([stage.wallMs]);
  const coordinator = stage.newCoordinator();
  coordinator.partitionLed({ partition: 0, leaderEpoch: 9, log }, stage.nowUs);
  expect(coordinator.deadlineUs).toBeGreaterThan(stage.nowUs);
  coordinator.wallClock(stage.wallMs);
  expect(coordinator.deadlineUs).toBe(stage.nowUs);
});
