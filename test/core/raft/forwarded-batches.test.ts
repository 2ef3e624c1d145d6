import { expect, test } from 'vitest';
import { ForwardedBatches } from '../../../core/raft/forwarded-batches.ts';

const batch = (forwardSeq: number, bytes: number, sentUs = 0) => ({
  forwardSeq,
  proposals: [new Uint8Array(bytes)],
  sentUs,
});

test('a batch is given out once', () => {
  const batches = new ForwardedBatches(1_000);
  batches.add(batch(1, 10));
  expect(batches.take(1)?.proposals).toHaveLength(1);
  expect(batches.take(1)).toBeUndefined();
  expect(batches.size).toBe(0);
});

test('the oldest are forgotten when their bytes or their number exceed the bound, and when they are old', () => {
  const batches = new ForwardedBatches(1_000);
  for (let seq = 1; seq <= 4; seq += 1) batches.add(batch(seq, 400, seq));
  expect([1, 2, 3, 4].map((seq) => batches.take(seq) !== undefined)).toEqual([false, false, true, true]);
  for (let seq = 1; seq <= 2_000; seq += 1) batches.add(batch(seq, 0, seq));
  expect(batches.size).toBe(1_024);
  batches.forgetBefore(1_999);
  expect(batches.size).toBe(2);
  batches.clear();
  expect(batches.size).toBe(0);
  // What was taken or forgotten counts no more.
  batches.add(batch(1, 1_000));
  expect(batches.size).toBe(1);
});
