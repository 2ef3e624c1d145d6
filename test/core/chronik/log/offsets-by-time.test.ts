import { expect, test } from 'vitest';

import { batchOf, memoryRig, record, smallLog } from './log-rig.ts';

test('the first record that is not older answers for a time, across batches and segments', () => {
  const rig = memoryRig({ ...smallLog, segmentBytesMax: 300, indexIntervalBytes: 1 });
  for (const times of [[10, 30, 20], [25], [40, 41], [35], [60]]) {
    rig.lead({ records: times.map((time) => record('v', time)) });
  }
  const at = (timestampMs: number): unknown => rig.log.offsetOfTimestamp(timestampMs)?.offset;
  expect([0, 10, 11, 30, 31, 40, 41, 42, 60, 61].map(at)).toEqual([0, 0, 1, 1, 4, 4, 5, 7, 7, undefined]);
  expect(rig.log.offsetOfMaxTimestamp()).toEqual({ offset: 7, timestampMs: 60, leaderEpoch: 0 });
});

test('what lies in front of the log’s start answers for nothing', () => {
  const rig = memoryRig();
  rig.lead({ records: [record('v', 50), record('v', 10), record('v', 20)] });
  rig.carryOut(rig.log.deleteTo(1));
  expect(rig.log.offsetOfTimestamp(5)).toEqual({ offset: 1, timestampMs: 10, leaderEpoch: 0 });
  expect(rig.log.offsetOfTimestamp(21)).toBeUndefined();
});

test('of a compressed batch its first offset answers, since it is not unpacked', () => {
  const rig = memoryRig();
  rig.lead(batchOf(2));
  const compression = { codec: 'lz4', compress: (records: Uint8Array) => records } as const;
  const records = [record('v', 2_000_000_000_000), record('v', 2_000_000_000_005)];
  rig.lead({ records, compression }, { leaderEpoch: 3 });
  const expected = { offset: 2, timestampMs: 2_000_000_000_005, leaderEpoch: 3 };
  expect(rig.log.offsetOfTimestamp(2_000_000_000_003)).toEqual(expected);
  expect(rig.log.offsetOfMaxTimestamp()).toEqual(expected);
});

test('an empty log has no time', () => {
  expect(memoryRig().log.offsetOfTimestamp(0)).toBeUndefined();
  expect(memoryRig().log.offsetOfMaxTimestamp()).toBeUndefined();
});
