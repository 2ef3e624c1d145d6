import { expect, test } from 'vitest';
import { type PendingRead, Reads } from '../../../core/chainfire/reads.ts';
import { ask } from './requests.ts';

const read = (requestId: number, deadlineUs = 1_000): PendingRead => ({
  requestId,
  request: ask.get('a'),
  deadlineUs,
});
const ids = (reads: readonly PendingRead[]): readonly number[] => reads.map(({ requestId }) => requestId);

test('reads that come while a question is under way are part of the next one', () => {
  const reads = new Reads(100);
  reads.addLinearizable(read(1));
  expect(reads.ask(0)).toBe(1);
  reads.addLinearizable(read(2));
  reads.addLinearizable(read(3));
  expect(reads.ask(1)).toBeUndefined();
  reads.confirmed(1, 5);
  expect(reads.ask(2)).toBe(2);
  expect(ids(reads.takeReady(5))).toEqual([1]);
  reads.confirmed(2, 6);
  expect(ids(reads.takeReady(5))).toEqual([]);
  expect(ids(reads.takeReady(6))).toEqual([2, 3]);
});

test('the late answer to a question that was asked again says nothing of the reads that came between (Raft §6.4)', () => {
  const reads = new Reads(100);
  reads.addLinearizable(read(1));
  expect(reads.ask(0)).toBe(1);
  reads.addLinearizable(read(2));
  // Lost, it seems: both reads are in the second question.
  expect(reads.ask(100)).toBe(2);
  reads.confirmed(1, 5);
  expect(ids(reads.takeReady(9))).toEqual([]);
  reads.confirmed(2, 7);
  expect(ids(reads.takeReady(7))).toEqual([1, 2]);
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
  expect(ids(reads.expired(1_000))).toEqual([1]);
  expect([reads.size, reads.earliestDeadlineUs()]).toEqual([1, 3_000]);
  reads.confirmed(1, 5);
  expect(ids(reads.takeReady(5))).toEqual([3]);
  expect(reads.size).toBe(0);
});

test('a serializable read waits for its own index, whoever asks the leader meanwhile', () => {
  const reads = new Reads(100);
  reads.addAtIndex(read(1), 7);
  reads.addLinearizable(read(2));
  reads.confirmed(reads.ask(0) as number, 9);
  expect(ids(reads.takeReady(6))).toEqual([]);
  expect(ids(reads.takeReady(8))).toEqual([1]);
  expect(ids(reads.takeReady(9))).toEqual([2]);
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
