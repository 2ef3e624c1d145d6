import { expect, test } from 'vitest';
import { Backlog } from '../../../core/raft/backlog.ts';
import { Freeing } from '../../../core/chainfire/freeing.ts';
import { Machine } from './machine.ts';
import { put } from './requests.ts';

const pauseUs = 5_000;

/** A key with `versions` versions, all but the last of them released. */
function compacted(versions: number): {
  machine: Machine;
  freeing: Freeing;
  backlog: Backlog;
  left: () => number;
} {
  const machine = new Machine();
  for (let version = 1; version <= versions; version += 1)
    machine.do({ kind: 'put', request: put('a', `${version}`) });
  const backlog = new Backlog(1_000, 0);
  const { mvcc, store, state } = machine;
  const config = { compactionBatch: 10, compactionPauseUs: pauseUs };
  const freeing = new Freeing({ config, store, mvcc, backlog, state });
  return { machine, freeing, backlog, left: () => machine.rows('history').length };
}

test('where nothing was compacted there is nothing to free, ever', () => {
  const { freeing } = compacted(3);
  expect([freeing.isDone, freeing.dueUs]).toEqual([true, Infinity]);
});

test('what was released is freed a few records a turn, with a pause before the next', () => {
  const { machine, freeing, left } = compacted(40);
  compact(machine);
  expect([freeing.isDone, freeing.dueUs]).toEqual([false, 0]);
  freeing.turn(100);
  const afterOne = left();
  expect(afterOne).toBeGreaterThanOrEqual(30);
  expect(afterOne).toBeLessThan(40);
  expect(freeing.dueUs).toBe(100 + pauseUs);
  freeing.turn(100 + pauseUs - 1);
  expect(left()).toBe(afterOne);
  for (let nowUs = freeing.dueUs; !freeing.isDone; nowUs = freeing.dueUs) freeing.turn(nowUs);
  expect([left(), freeing.dueUs]).toEqual([1, Infinity]);
});

test('it waits for a disk that is behind', () => {
  const { machine, freeing, backlog, left } = compacted(20);
  compact(machine);
  backlog.written(1, 1_000, 1);
  expect(freeing.dueUs).toBe(Infinity);
  freeing.turn(0);
  expect(left()).toBe(20);
  backlog.stored(1);
  freeing.turn(0);
  expect(left()).toBeLessThan(20);
});

function compact(machine: Machine): void {
  machine.do({ kind: 'compact', request: { revision: machine.mvcc.revision, physical: false } });
}
