import { expect, test } from 'vitest';
import { Backlog } from '../../../core/raft/backlog.ts';

test('the backlog is full at its bound, and as long as what is not stored reaches it', () => {
  const backlog = new Backlog(100, 7);
  backlog.written(1, 60, 8);
  expect([backlog.isFull, backlog.storedIndex]).toEqual([false, 7]);
  backlog.written(2, 40, 9);
  expect(backlog.isFull).toBe(true);
  backlog.stored(1);
  expect([backlog.isFull, backlog.storedIndex]).toEqual([false, 8]);
  backlog.stored(2);
  expect(backlog.storedIndex).toBe(9);
});

test('many small batches fill it too: their number is bounded', () => {
  const backlog = new Backlog(1_000_000, 0);
  let batches = 0;
  while (!backlog.isFull && batches < 1_000_000) {
    batches += 1;
    backlog.written(batches, 1, batches);
  }
  expect(batches).toBeLessThan(20_000);
});

test('a store that was replaced owes nothing: what was written before counts as stored', () => {
  const backlog = new Backlog(100, 0);
  backlog.written(1, 100, 5);
  backlog.replaced(20);
  expect([backlog.isFull, backlog.storedIndex]).toEqual([false, 20]);
  // A report that was on its way.
  backlog.stored(1);
  expect(backlog.storedIndex).toBe(20);
});
