import { describe, expect, test } from 'vitest';

import { type LogConfig } from '../../../../core/chronik/log/config.ts';
import { SimulatedSegments } from '../../../../sim/disk/segments.ts';
import { seededPrng } from '../../../../sim/prng.ts';
import { World } from '../../../../sim/world.ts';
import { TornSegments } from '../../storage/torn-segments.ts';
import { batchOf, directory, LogRig, smallLog } from './log-rig.ts';

const firstSegment = `${directory}/segment_00000000000000000000.wal`;
const firstIndex = `${directory}/index_00000000000000000000.wal`;

/** Some segments with their checkpoints, all of it on the disk; an active one with less than a checkpoint's worth. */
function longLog(config: LogConfig = smallLog): LogRig<TornSegments> {
  const rig = new LogRig(new TornSegments(), config);
  for (let at = 0; at < 40; at += 1) {
    rig.lead({ ...batchOf(2, `${at}-`), producerId: 7, producerEpoch: 0, baseSequence: 2 * at });
    rig.sync();
  }
  rig.upkeep();
  rig.sync();
  return rig;
}

function flip(at: number): (content: Uint8Array) => Uint8Array {
  return (content) => {
    content[at] = (content[at] ?? 0) ^ 0x40;
    return content;
  };
}

describe('what was durable and is not there', () => {
  test('is damage where a checkpoint bears witness: nothing is cut, nothing is taken, until it is given up', () => {
    const rig = longLog();
    const { logEndOffset } = rig.log;
    rig.files.remove(firstIndex);
    const before = rig.fileNames();
    rig.files.damage(firstSegment, flip(700));
    const log = rig.recover();
    expect(log.damage).toMatchObject({
      toOffset: expect.any(Number),
      reason: expect.stringContaining(firstSegment),
    });
    const lostFrom = log.damage?.fromOffset ?? 0;
    expect(lostFrom).toBeGreaterThan(0);
    expect(lostFrom).toBeLessThan(20);
    expect(log.damage?.toOffset).toBeGreaterThan(70);
    expect(log.logEndOffset).toBe(lostFrom);
    expect(rig.records().length).toBe(lostFrom);
    expect(rig.fileNames()).toEqual(before);
    expect(rig.lead(batchOf(1))).toMatchObject({ kind: 'refused', error: 'KAFKA_STORAGE_ERROR' });
    expect(rig.fileNames()).toEqual(before);

    rig.cut(rig.log.discardDamaged());
    expect(rig.log.damage).toBeUndefined();
    expect(rig.fileNames()).toEqual(['segment_00000000000000000000.wal']);
    expect(rig.lead(batchOf(1, 'again'))).toMatchObject({ kind: 'appended', firstOffset: lostFrom });
    rig.sync();
    expect(rig.recover()).toMatchObject({ damage: undefined, logEndOffset: lostFrom + 1 });
    expect(lostFrom).toBeLessThan(logEndOffset);
  });

  test('is found by a segment that is shorter than its checkpoint says', () => {
    const rig = longLog();
    rig.files.damage(firstSegment, (content) => content.subarray(0, 500));
    expect(rig.recover().damage).toMatchObject({ fromOffset: expect.any(Number) });
  });

  test('is found by a segment that is gone', () => {
    const rig = longLog();
    rig.files.remove(firstSegment);
    expect(rig.recover().damage).toMatchObject({ fromOffset: 0 });
    expect(rig.log.logEndOffset).toBe(0);
  });

  test('may be fetched anew: a log that begins again forgets its damage', () => {
    const rig = longLog();
    rig.files.remove(firstSegment);
    rig.recover();
    rig.cut(rig.log.restartAt(500));
    expect(rig.fileNames()).toEqual([]);
    expect(rig.log).toMatchObject({ damage: undefined, logStartOffset: 500, logEndOffset: 500 });
  });

  test('what the disk cannot read is damage, and no torn tail', () => {
    const world = new World();
    const files = new SimulatedSegments({ world, prng: seededPrng('bad'), syncMedianUs: 100 });
    const rig = new LogRig(files, { ...smallLog, segmentBytesMax: 100_000, checkpointBytes: 100_000 });
    for (let at = 0; at < 20; at += 1) rig.lead(batchOf(2, `${at}-`));
    files.sync(() => undefined);
    world.runUntil(1_000_000);
    expect(files.damage({ kind: 'unreadable', file: firstSegment, sector: 2 })).toBe(true);
    const log = rig.recover();
    expect(log.damage).toMatchObject({ reason: expect.stringContaining('unreadable') });
    expect(log.logEndOffset).toBeGreaterThan(0);
    expect(log.logEndOffset).toBeLessThan(40);
  });
});

describe('what only looks like it', () => {
  test('damage to an index costs a look at its segment, and nothing else', () => {
    const rig = longLog();
    const records = rig.records();
    const producers = rig.log.activeProducers();
    for (const { file } of rig.files.list(`${directory}/index_`)) rig.files.damage(file, flip(50));
    expect(rig.recover()).toMatchObject({ damage: undefined, logEndOffset: 80 });
    expect(rig.records()).toEqual(records);
    expect(rig.log.activeProducers()).toEqual(producers);
    rig.upkeep();
    rig.sync();
    const written = rig.files.list(`${directory}/index_`);
    expect(written.length).toBeGreaterThan(2);
    expect(rig.recover()).toMatchObject({ damage: undefined, logEndOffset: 80 });
    expect(rig.log.activeProducers()).toEqual(producers);
  });

  test('a segment that is sealed is not read again at a start', () => {
    const rig = longLog();
    let readBytes = 0;
    const read = rig.files.read.bind(rig.files);
    rig.files.read = (file, position, length) => {
      const found = read(file, position, length);
      if (file.includes('/segment_')) readBytes += found.length;
      return found;
    };
    rig.recover();
    expect(readBytes).toBeLessThan(smallLog.checkpointBytes + 100);
    expect(rig.log.lengthBytes).toBeGreaterThan(2 * smallLog.segmentBytesMax);
  });

  test('a batch of an older epoch at the end is not the log’s', () => {
    const rig = new LogRig(new TornSegments());
    rig.lead(batchOf(2), { leaderEpoch: 5 });
    const size = rig.log.lengthBytes;
    rig.sync();
    rig.lead(batchOf(2), { leaderEpoch: 5 });
    rig.files.damage(firstSegment, (content) => {
      content[size + 15] = 4; // The last byte of the second batch's leader epoch, which no checksum covers.
      return content;
    });
    expect(rig.recover()).toMatchObject({ logEndOffset: 2, damage: undefined });
    expect(rig.files.list(firstSegment)).toEqual([{ file: firstSegment, lengthBytes: size }]);
  });
});

test('the log start survives a restart, and what lies in front of it leaves once that is certain', () => {
  const rig = longLog();
  const before = rig.fileNames().length;
  rig.carryOut(rig.log.deleteTo(55));
  expect(rig.log.logStartOffset).toBe(55);
  expect(rig.log.hasMoreUpkeep).toBe(false);
  expect(rig.fileNames().length).toBe(before + 1);
  rig.sync();
  expect(rig.log.hasMoreUpkeep).toBe(true);
  rig.upkeep();
  expect(rig.fileNames().length).toBeLessThan(before);
  expect(rig.records()[0]?.[0]).toBeLessThanOrEqual(55);
  rig.sync();
  expect(rig.recover()).toMatchObject({ logStartOffset: 55, logEndOffset: 80, damage: undefined });
  rig.carryOut(rig.log.deleteTo(40));
  expect(rig.log.logStartOffset).toBe(55);
  for (let at = 56; at <= 80; at += 1) {
    rig.carryOut(rig.log.deleteTo(at));
    rig.sync();
  }
  expect(rig.recover()).toMatchObject({ logStartOffset: 80, logEndOffset: 80 });
  expect(rig.lead(batchOf(1))).toMatchObject({ firstOffset: 80 });
});

describe('retention', () => {
  test('by size gives up whole segments, never the last one, never what is not replicated', () => {
    const rig = longLog();
    rig.log.configure({ ...smallLog, retentionBytes: 1_500 });
    rig.upkeep({ highWatermark: 0 });
    expect(rig.log.logStartOffset).toBe(0);
    rig.upkeep({ highWatermark: 80 });
    expect(rig.log.logStartOffset).toBeGreaterThan(0);
    expect(rig.log.lengthBytes).toBeGreaterThanOrEqual(1_500);
    expect(rig.log.lengthBytes).toBeLessThan(1_500 + smallLog.segmentBytesMax);
  });

  test('by time gives up what is too old, at last all of it, and the log goes on behind', () => {
    const rig = longLog({ ...smallLog, retentionMs: 1_000 });
    rig.upkeep({ wallMs: 1_700_000_001_000 });
    expect(rig.log.logStartOffset).toBe(0);
    rig.upkeep({ wallMs: 1_700_000_001_001 });
    expect(rig.log).toMatchObject({ logStartOffset: 80, logEndOffset: 80 });
    rig.sync();
    rig.upkeep();
    expect(rig.fileNames()).toEqual(['state_0000000001.wal']);
    expect(rig.lead(batchOf(1))).toMatchObject({ firstOffset: 80 });
    rig.sync();
    expect(rig.recover()).toMatchObject({ logStartOffset: 80, logEndOffset: 81, damage: undefined });
  });

  test('is no matter of a topic that is only compacted', () => {
    const rig = longLog({ ...smallLog, deletes: false, retentionMs: 0, retentionBytes: 0 });
    rig.upkeep({ wallMs: 1_800_000_000_000 });
    expect(rig.log.logStartOffset).toBe(0);
  });
});
