import { expect, test } from 'vitest';

import { type LogConfig } from '../../../../core/chronik/log/config.ts';
import { encodeEndMarker } from '../../../../core/wire/kafka/control-records.ts';
import { decodeRecords } from '../../../../core/wire/kafka/records.ts';
import { bytes, type LogRig, memoryRig, record, smallLog, text, wallMs } from './log-rig.ts';

const compacted: LogConfig = {
  ...smallLog,
  segmentBytesMax: 640,
  deletes: false,
  compacts: true,
  minCleanableDirtyPercent: 1,
  deleteRetentionMs: 1_000,
};

/** Appends one record; what was appended is on the disk then. */
function put(rig: LogRig, key: string, value: string | undefined, more: object = {}): void {
  const outcome = rig.lead({
    records: [
      { timestampMs: wallMs, key: bytes(key), value: value === undefined ? undefined : bytes(value) },
    ],
    ...more,
  });
  expect(outcome.kind).toBe('appended');
  rig.sync();
}

/** Closes the segment that is written to: what lies in it may be compacted then. */
function close(rig: LogRig): void {
  put(rig, 'filler', 'x'.repeat(500));
}

function compact(rig: LogRig, wall = wallMs): void {
  for (let turn = 0; turn < 100; turn += 1) {
    rig.upkeep({ wallMs: wall });
    rig.sync();
    if (!rig.log.hasMoreUpkeep && turn > 4) return;
  }
  throw new Error('compaction comes to no end');
}

/** Offsets, keys and values of what is left, but for the filling. */
function left(rig: LogRig): readonly unknown[] {
  return rig.batches().flatMap((batch) => {
    if (batch.isControl) return [`marker at ${batch.baseOffset}`];
    if (batch.compression !== 'none') return [`compressed at ${batch.baseOffset}`];
    return decodeRecords(batch)
      .filter(({ key }) => text(key) !== 'filler')
      .map(({ offset, key, value }) => `${offset} ${text(key)}=${text(value)}`);
  });
}

test('of the records of a key the last one stays, at its offset; what is written to is left alone', () => {
  const rig = memoryRig(compacted);
  for (const [key, value] of [
    ['a', '1'],
    ['b', '2'],
    ['a', '3'],
    ['c', '4'],
  ] as const) {
    put(rig, key, value);
  }
  close(rig);
  put(rig, 'a', '5');
  const end = rig.log.logEndOffset;
  compact(rig);
  expect(left(rig)).toEqual(['1 b=2', '2 a=3', '3 c=4', '5 a=5']);
  expect(rig.log).toMatchObject({ logStartOffset: 0, logEndOffset: end });
  expect(rig.fileNames().filter((name) => name.startsWith('segment'))).toEqual([
    'segment_00000000000000000000.1.wal',
    'segment_00000000000000000004.1.wal',
    'segment_00000000000000000005.wal',
  ]);
  rig.recover();
  expect(left(rig)).toEqual(['1 b=2', '2 a=3', '3 c=4', '5 a=5']);
});

test('offsets of which nothing is left are one empty batch, so that a follower still finds each offset', () => {
  const rig = memoryRig(compacted);
  for (let at = 0; at < 4; at += 1) put(rig, 'a', String(at));
  close(rig);
  close(rig);
  compact(rig);
  const shapes = rig
    .batches()
    .map(({ baseOffset, lastOffset, recordCount }) => [baseOffset, lastOffset, recordCount]);
  expect(shapes).toEqual([
    [0, 2, 0],
    [3, 3, 1],
    [4, 4, 1],
    [5, 5, 1],
  ]);
  const follower = memoryRig(compacted);
  for (const batch of rig.batches()) expect(follower.follow(batch.bytes.slice()).kind).toBe('appended');
  expect(follower.log.logEndOffset).toBe(6);
  for (let offset = 0; offset < 3; offset += 1) {
    expect(rig.log.read({ fromOffset: offset, toOffset: 6, bytesMax: 1, minOneBatch: true })).toMatchObject({
      positionBytes: 0,
    });
  }
});

test('nothing at or above the high watermark is compacted', () => {
  const rig = memoryRig(compacted);
  put(rig, 'a', '1');
  put(rig, 'a', '2');
  close(rig);
  close(rig);
  for (let turn = 0; turn < 20; turn += 1) {
    rig.upkeep({ highWatermark: 1 });
    rig.sync();
  }
  expect(left(rig)).toEqual(['0 a=1', '1 a=2']);
  compact(rig);
  expect(left(rig)).toEqual(['1 a=2']);
});

test('a deletion stays for delete.retention.ms behind its first compaction, with its own timestamp (KIP-534)', () => {
  const rig = memoryRig(compacted);
  put(rig, 'a', '1');
  put(rig, 'a', undefined);
  close(rig);
  compact(rig, wallMs + 50_000);
  expect(left(rig)).toEqual(['1 a=(none)']);
  const [record] = rig.batches().flatMap((batch) => (batch.baseOffset === 1 ? decodeRecords(batch) : []));
  expect(record?.timestampMs).toBe(wallMs);
  close(rig);
  compact(rig, wallMs + 50_999);
  expect(left(rig)).toEqual(['1 a=(none)']);
  close(rig);
  compact(rig, wallMs + 51_000);
  expect(left(rig)).toEqual([]);
});

test('what is compressed neither goes nor makes others go, and a deletion behind it stays', () => {
  const rig = memoryRig({ ...compacted, deleteRetentionMs: 0 });
  put(rig, 'a', '0');
  const compression = { codec: 'gzip', compress: (records: Uint8Array) => records } as const;
  put(rig, 'a', '1', { compression });
  put(rig, 'a', undefined);
  close(rig);
  for (let round = 0; round < 3; round += 1) {
    compact(rig, wallMs + 1_000 * round);
    close(rig);
  }
  expect(left(rig)).toEqual(['compressed at 1', '2 a=(none)']);
});

test('aborted records go, and then their marker; a committed transaction’s marker stays as long as a record of it', () => {
  const rig = memoryRig({ ...compacted, deleteRetentionMs: 0 });
  const transactional = { producerId: 7, producerEpoch: 0, isTransactional: true };
  const end = (outcome: 'commit' | 'abort'): void => {
    const marker = encodeEndMarker({
      outcome,
      coordinatorEpoch: 0,
      producerId: 7,
      producerEpoch: 0,
      timestampMs: wallMs,
    });
    rig.leadBytes(marker, { leaderEpoch: 0, origin: 'coordinator' });
    rig.sync();
  };
  put(rig, 'a', 'committed', { ...transactional, baseSequence: 0 });
  end('commit');
  put(rig, 'a', 'aborted', { ...transactional, baseSequence: 1 });
  end('abort');
  close(rig);
  compact(rig);
  expect(left(rig)).toEqual(['0 a=committed', 'marker at 1', 'marker at 3']);
  expect(rig.log.abortedTransactions(0, 9)).toEqual([{ producerId: 7, firstOffset: 2 }]);
  close(rig);
  compact(rig, wallMs + 1);
  expect(left(rig)).toEqual(['0 a=committed', 'marker at 1']);
  expect(rig.log.abortedTransactions(0, 9)).toEqual([]);
  put(rig, 'a', 'again');
  close(rig);
  compact(rig, wallMs + 2);
  close(rig);
  compact(rig, wallMs + 3);
  expect(left(rig)).toEqual(['6 a=again']);
});

test('an open transaction is not compacted, nor what lies behind its beginning', () => {
  const rig = memoryRig(compacted);
  put(rig, 'a', '0');
  put(rig, 'a', '1', { producerId: 7, producerEpoch: 0, baseSequence: 0, isTransactional: true });
  put(rig, 'a', '2');
  close(rig);
  close(rig);
  for (let turn = 0; turn < 20; turn += 1) {
    rig.upkeep();
    rig.sync();
  }
  expect(left(rig)).toEqual(['0 a=0', '1 a=1', '2 a=2']);
});

test('a retry is known as one also when its records are compacted away, live and from the log alone', () => {
  const rig = memoryRig({ ...compacted, indexIntervalBytes: 1 });
  for (let sequence = 0; sequence < 7; sequence += 1) {
    put(rig, 'a', String(sequence), { producerId: 7, producerEpoch: 0, baseSequence: sequence });
  }
  close(rig);
  close(rig);
  compact(rig);
  expect(left(rig)).toEqual(['6 a=6']);
  for (const fromScratch of [false, true]) {
    if (fromScratch)
      for (const name of rig.fileNames())
        if (name.startsWith('index')) rig.files.remove(`partitions/orders-0.7/${name}`);
    rig.recover();
    for (let sequence = 2; sequence < 7; sequence += 1) {
      const batch = { producerId: 7, producerEpoch: 0, baseSequence: sequence };
      expect(rig.lead({ records: [record('x', wallMs, 'a')], ...batch })).toMatchObject({
        kind: 'duplicate',
        firstOffset: sequence,
      });
    }
  }
});

test('segments that have become small become one', () => {
  const rig = memoryRig(compacted);
  for (let round = 0; round < 12; round += 1) {
    for (let at = 0; at < 4; at += 1) put(rig, 'a', `${round}-${at}`);
  }
  close(rig);
  compact(rig);
  for (let round = 0; round < 3; round += 1) {
    for (let at = 0; at < 4; at += 1) put(rig, 'a', `more ${round}-${at}`);
    close(rig);
    compact(rig);
  }
  const segments = rig.fileNames().filter((name) => name.startsWith('segment'));
  expect(segments.length).toBeLessThan(8);
  expect(left(rig)).toHaveLength(1);
});

test('a log that is cut while it is compacted forgets what was under way', () => {
  const rig = memoryRig(compacted);
  for (let at = 0; at < 12; at += 1) put(rig, 'a', String(at));
  close(rig);
  for (let turn = 0; turn < 6; turn += 1) {
    rig.upkeep();
    rig.truncateTo(rig.log.logEndOffset - 1);
    expect(rig.fileNames().filter((name) => /\.1\.wal$/.test(name))).toEqual([]);
    rig.sync();
  }
  const { logEndOffset } = rig.log;
  expect(rig.recover()).toMatchObject({ damage: undefined, logEndOffset });
});
