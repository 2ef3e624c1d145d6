import { expect, test } from 'vitest';

import { concatBytes } from '../../../core/base/bytes.ts';
import { encodeFrame, frameHeaderBytes, type FrameOrigin } from '../../../core/storage/frame.ts';
import { parseSegmentFile, scanSegment, segmentFile } from '../../../core/storage/segment-scan.ts';

const segment = { file: segmentFile('log/', 3, 20), number: 3, firstBatchSeq: 20 };
const origin: FrameOrigin = { batchSeq: 20, syncedBatchSeq: 19, boot: 1, fileNumber: 3, positionBytes: 0 };

test('a file says its number and first batch in its name, so that name order is age order', () => {
  expect(segment.file).toBe('log/0000000003-0000000000000020');
  expect(parseSegmentFile('log/', segment.file)).toEqual(segment);
  for (const other of [
    'log/3-20',
    'log/0000000003-0000000000000020x',
    'log/0000000003_0000000000000020',
    'log/',
  ]) {
    expect(parseSegmentFile('log/', other)).toBeUndefined();
  }
  expect(segmentFile('', 9, 1) < segmentFile('', 10, 1)).toBe(true);
});

test('a header is believed where it was written', () => {
  const frame = encodeFrame(origin, new Uint8Array(10).fill(1));
  expect(scanSegment(segment, frame)).toEqual([
    {
      segment,
      header: { ...origin, payloadBytes: 10, payloadCrc: expect.any(Number) as number },
      payload: new Uint8Array(10).fill(1),
    },
  ]);
});

test.each([
  ['written for another file', { fileNumber: 2 }],
  ['written for another place', { positionBytes: 44 }],
  ['numbered below the first of its file', { batchSeq: 19, syncedBatchSeq: 18 }],
  ['numbered above what can lie before it', { batchSeq: 21 }],
  ['that says that it was durable before it was framed', { syncedBatchSeq: 20 }],
])('a header %s is not believed', (_, change) => {
  expect(scanSegment(segment, encodeFrame({ ...origin, ...change }, new Uint8Array(10)))).toEqual([]);
});

test('behind n headers’ worth of bytes at most n batches can have come before', () => {
  const gap = new Uint8Array(2 * frameHeaderBytes);
  const at = (batchSeq: number): number =>
    scanSegment(
      segment,
      concatBytes([gap, encodeFrame({ ...origin, batchSeq, positionBytes: gap.length }, new Uint8Array(3))]),
    ).length;
  expect([at(21), at(22), at(23)]).toEqual([1, 1, 0]);
});

test('sequence numbers beyond 32 bits survive', () => {
  const batchSeq = 2 ** 50 + 3;
  const far = { ...segment, firstBatchSeq: batchSeq };
  const frame = encodeFrame({ ...origin, batchSeq, syncedBatchSeq: 2 ** 40 + 1 }, new Uint8Array(0));
  expect(scanSegment(far, frame)[0]?.header).toMatchObject({ batchSeq, syncedBatchSeq: 2 ** 40 + 1 });
});

test('a payload full of what looks like headers costs one look at each', () => {
  const magic = encodeFrame(origin, new Uint8Array(0)).subarray(0, 4);
  const bytes = new Uint8Array(1_500_000);
  for (let at = 0; at + 4 <= bytes.length; at += 4) bytes.set(magic, at);
  expect(scanSegment(segment, bytes)).toEqual([]);
});
