import { expect, test } from 'vitest';

import { encodeBatch } from '../../../../core/wire/kafka/records.ts';
import { batchOf, directory, memoryRig, record, smallLog, wallMs } from './log-rig.ts';

test('a leader gives batches their offsets and stamps them with its epoch', () => {
  const rig = memoryRig();
  expect(rig.lead(batchOf(3), { leaderEpoch: 4 })).toMatchObject({
    kind: 'appended',
    firstOffset: 0,
    endOffset: 3,
    logAppendTimeMs: -1,
  });
  expect(rig.lead(batchOf(2), { leaderEpoch: 5 })).toMatchObject({ firstOffset: 3, endOffset: 5 });
  const found = rig.batches().map(({ baseOffset, leaderEpoch }) => ({ baseOffset, leaderEpoch }));
  expect(found).toEqual([
    { baseOffset: 0, leaderEpoch: 4 },
    { baseOffset: 3, leaderEpoch: 5 },
  ]);
  expect(rig.batches().every((batch) => batch.isIntact())).toBe(true);
  expect(rig.log).toMatchObject({ logStartOffset: 0, logEndOffset: 5, syncedEndOffset: 0, lastEpoch: 5 });
  rig.sync();
  expect(rig.log.syncedEndOffset).toBe(5);
});

test('what is on the disk is counted by the sync that covers it', () => {
  const rig = memoryRig();
  const one = rig.log.appendAsLeader(encodeBatch(batchOf(1)), { leaderEpoch: 0, wallMs, origin: 'client' });
  rig.log.written(7);
  const two = rig.log.appendAsLeader(encodeBatch(batchOf(1)), { leaderEpoch: 0, wallMs, origin: 'client' });
  expect([one.kind, two.kind]).toEqual(['appended', 'appended']);
  rig.log.synced(7);
  expect(rig.log.syncedEndOffset).toBe(1);
  rig.log.written(9);
  rig.log.synced(8);
  expect(rig.log.syncedEndOffset).toBe(1);
  rig.log.synced(9);
  expect(rig.log.syncedEndOffset).toBe(2);
});

test('records of a topic with log append time get the time of their append, and a checksum that fits', () => {
  const rig = memoryRig({ ...smallLog, timestampType: 'logAppendTime' });
  expect(rig.lead({ records: [record('a', 5)] })).toMatchObject({ logAppendTimeMs: wallMs });
  const [batch] = rig.batches();
  expect(batch).toMatchObject({ timestampType: 'logAppendTime', maxTimestampMs: wallMs });
  expect(batch?.isIntact()).toBe(true);
  expect(rig.log.offsetOfTimestamp(wallMs)).toMatchObject({ offset: 0, timestampMs: wallMs });
});

test('segments roll by size and by time, and a set of batches is parted between them', () => {
  const rig = memoryRig({ ...smallLog, segmentBytesMax: 200, segmentMsMax: 1_000 });
  rig.lead({ records: [record('a', 1_000)] });
  rig.lead({ records: [record('b', 2_000)] });
  rig.lead({ records: [record('c', 2_001)] });
  expect(rig.fileNames()).toEqual(['segment_00000000000000000000.wal', 'segment_00000000000000000002.wal']);
  const follower = memoryRig({ ...smallLog, segmentBytesMax: 100 });
  const whole = rig.log.read({ fromOffset: 0, toOffset: 2, bytesMax: 1_000, minOneBatch: true });
  expect(whole).toMatchObject({ positionBytes: 0 });
  if (whole !== undefined) follower.follow(rig.bytesOf(whole));
  expect(follower.fileNames()).toEqual([
    'segment_00000000000000000000.wal',
    'segment_00000000000000000001.wal',
  ]);
  expect(follower.records()).toEqual([
    [0, 'a'],
    [1, 'b'],
  ]);
});

test('a read gives whole batches: from the one that holds the offset, below the limit, within the bytes', () => {
  const rig = memoryRig();
  for (let at = 0; at < 4; at += 1) rig.lead(batchOf(3));
  const size = encodeBatch(batchOf(3)).length;
  const read = (fromOffset: number, toOffset: number, bytesMax: number, minOneBatch = false): unknown => {
    const slice = rig.log.read({ fromOffset, toOffset, bytesMax, minOneBatch });
    return slice === undefined ? undefined : [slice.positionBytes / size, slice.lengthBytes / size];
  };
  expect(read(0, 12, 10_000)).toEqual([0, 4]);
  expect(read(4, 12, 10_000)).toEqual([1, 3]);
  expect(read(3, 9, 10_000)).toEqual([1, 2]);
  expect(read(3, 10, 10_000)).toEqual([1, 2]);
  expect(read(3, 5, 10_000)).toBeUndefined();
  expect(read(0, 12, 2 * size + 1)).toEqual([0, 2]);
  expect(read(0, 12, 2 * size)).toEqual([0, 2]);
  expect(read(0, 12, size - 1)).toBeUndefined();
  expect(read(0, 12, size - 1, true)).toEqual([0, 1]);
  expect(read(12, 12, 10_000, true)).toBeUndefined();
  expect(read(99, 99, 10_000, true)).toBeUndefined();
  expect(rig.log.read({ fromOffset: 0, toOffset: 12, bytesMax: 9_999, minOneBatch: true })?.file).toBe(
    `${directory}/segment_00000000000000000000.wal`,
  );
});

test('a restart finds the log as it was', () => {
  const rig = memoryRig();
  for (let at = 0; at < 60; at += 1)
    rig.lead(batchOf(1 + (at % 3), `${at}-`), { leaderEpoch: Math.floor(at / 20) });
  rig.sync();
  rig.upkeep();
  const before = rig.records();
  expect(rig.fileNames().length).toBeGreaterThan(5);
  const log = rig.recover();
  expect(log.damage).toBeUndefined();
  expect(rig.records()).toEqual(before);
  expect(log.lastEpoch).toBe(2);
  expect(log.syncedEndOffset).toBe(log.logEndOffset);
});

test('a log is cut to an offset, and goes on from there', () => {
  const rig = memoryRig();
  for (let at = 0; at < 40; at += 1) rig.lead(batchOf(2, `${at}-`), { leaderEpoch: Math.floor(at / 10) });
  rig.sync();
  rig.truncateTo(31);
  expect(rig.log).toMatchObject({ logEndOffset: 30, syncedEndOffset: 30, lastEpoch: 1 });
  expect(rig.log.endOffsetOfEpoch(1)).toEqual({ epoch: 1, endOffset: 30 });
  rig.lead(batchOf(1, 'new-'), { leaderEpoch: 7 });
  expect(rig.records().slice(-3)).toEqual([
    [28, '14-0'],
    [29, '14-1'],
    [30, 'new-0'],
  ]);
  rig.sync();
  rig.recover();
  expect(rig.log).toMatchObject({ logEndOffset: 31, lastEpoch: 7, damage: undefined });
  rig.truncateTo(0);
  expect(rig.fileNames()).toEqual([]);
  expect(rig.log).toMatchObject({ logEndOffset: 0, lastEpoch: -1 });
});

test('a follower that begins anew forgets all it had, and remembers where it began', () => {
  const rig = memoryRig();
  for (let at = 0; at < 20; at += 1) rig.lead(batchOf(2));
  rig.sync();
  rig.cut(rig.log.restartAt(1_000));
  expect(rig.fileNames()).toEqual([]);
  expect(rig.log).toMatchObject({ logStartOffset: 1_000, logEndOffset: 1_000, syncedEndOffset: 1_000 });
  expect(rig.follow(encodeBatch(batchOf(1, 'x', { baseOffset: 999, leaderEpoch: 3 })))).toMatchObject({
    kind: 'refused',
    message: 'a batch has offsets 999 to 999, the log ends at 1000',
  });
  rig.follow(encodeBatch(batchOf(1, 'x', { baseOffset: 1_000, leaderEpoch: 3 })));
  rig.sync();
  expect(rig.recover()).toMatchObject({ logStartOffset: 1_000, logEndOffset: 1_001, lastEpoch: 3 });
  rig.truncateTo(1_000);
  expect(rig.recover()).toMatchObject({ logStartOffset: 1_000, logEndOffset: 1_000 });
});
