import { expect, test } from 'vitest';
import { type PendingRead, Reads } from '../../../core/chainfire/reads.ts';
import { ask } from './requests.ts';

const read = (requestId: number, deadlineUs = 1_000): PendingRead => ({
  requestId,
  request: ask.get('a'),
  deadlineUs,
});

/** Everything that is ready. */
function ready(reads: Reads, appliedIndex: number): readonly number[] {
  const ids: number[] = [];
  for (;;) {
    const next = reads.takeReady(appliedIndex);
    if (next === undefined) break;
    ids.push(next.requestId);
  }
  expect(reads.hasReady(appliedIndex)).toBe(false);
  return ids;
}

test('reads that come while a question is under way are part of the next one', () => {
  const reads = new Reads(100);
  reads.addLinearizable(read(1));
  expect(reads.ask(0)).toBe(1);
  reads.addLinearizable(read(2));
  reads.addLinearizable(read(3));
  expect(reads.ask(1)).toBeUndefined();
  reads.confirmed(1, 5);
  expect(reads.ask(2)).toBe(2);
  expect(ready(reads, 5)).toEqual([1]);
  reads.confirmed(2, 6);
  expect(ready(reads, 5)).toEqual([]);
  expect(ready(reads, 6)).toEqual([2, 3]);
});

test('the late answer to a question that was asked again says nothing of the reads that came between (Raft §6.4)', () => {
  const reads = new Reads(100);
  reads.addLinearizable(read(1));
  expect(reads.ask(0)).toBe(1);
  reads.addLinearizable(read(2));
  // Lost, it seems: both reads are in the second question.
  expect(reads.ask(100)).toBe(2);
  reads.confirmed(1, 5);
  expect(ready(reads, 9)).toEqual([]);
  reads.confirmed(2, 7);
  expect(ready(reads, 7)).toEqual([1, 2]);
});

test('a refused question is asked again after a while, or as soon as there is a leader', () => {
  const reads = new Reads(100);
  reads.addLinearizable(read(1));
  reads.refused(reads.ask(0) as number, 10);
  expect([reads.ask(50), reads.askUs]).toEqual([undefined, 110]);
  reads.leaderFound();
  expect(reads.ask(60)).toBe(2);
  reads.refused(2, 60);
  expect(reads.ask(160)).toBe(3);
});

test('a read that was cancelled or has waited too long is answered no more', () => {
  const reads = new Reads(100);
  for (const requestId of [1, 2, 3]) reads.addLinearizable(read(requestId, 1_000 * requestId));
  reads.ask(0);
  reads.cancel(2);
  expect(reads.expired(1_000).map(({ requestId }) => requestId)).toEqual([1]);
  expect([reads.size, reads.earliestDeadlineUs()]).toEqual([1, 3_000]);
  reads.confirmed(1, 5);
  expect(ready(reads, 5)).toEqual([3]);
  expect(reads.size).toBe(0);
});

test('a serializable read waits for its own index, whoever asks the leader meanwhile', () => {
  const reads = new Reads(100);
  reads.addAtIndex(read(1), 7);
  reads.addLinearizable(read(2));
  reads.confirmed(reads.ask(0) as number, 9);
  expect(ready(reads, 6)).toEqual([]);
  expect(ready(reads, 8)).toEqual([1]);
  expect(ready(reads, 9)).toEqual([2]);
});

test('without a leader, what clients gave up does not pile up', () => {
  const reads = new Reads(100);
  for (let requestId = 1; requestId <= 100_000; requestId += 1) {
    reads.addLinearizable(read(requestId));
    reads.addAtIndex(read(requestId + 1_000_000), 99);
    reads.cancel(requestId);
    reads.cancel(requestId + 1_000_000);
  }
  expect(reads.size).toBe(0);
  expect(reads.held).toBeLessThan(3_000);
});

test('a read that is ready may still be cancelled, or expire, until its turn comes', () => {
  const reads = new Reads(100);
  for (const requestId of [1, 2, 3, 4]) reads.addLinearizable(read(requestId, 1_000 * requestId));
  reads.confirmed(reads.ask(0) as number, 5);
  expect(reads.takeReady(5)?.requestId).toBe(1);
  expect([reads.hasReady(5), reads.size, reads.held]).toEqual([true, 3, 3]);
  expect(reads.expired(2_000).map(({ requestId }) => requestId)).toEqual([2]);
  reads.cancel(3);
  expect(ready(reads, 5)).toEqual([4]);
});
