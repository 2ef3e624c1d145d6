import { expect, test } from 'vitest';

import { Deferred } from '../../../../adapters/client/deferred.ts';
import { EventDispatcher, waitingEventsMax } from '../../../../nodes/chainfire/embed/event-dispatcher.ts';
import { type ClusterEvent, clusterEventNames } from '../../../../nodes/chainfire/embed/member-events.ts';

/** Every microtask that is due, and those that come of them. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

test('events come in their order to handlers that return at once, never before whoever emits them is done', async () => {
  const events = new EventDispatcher(() => undefined);
  const told: string[] = [];
  events.on(['becameLeader'], ({ term }) => void told.push(`became ${term}`));
  events.on(['lostLeadership'], ({ term }) => void told.push(`lost ${term}`));
  const stop = events.on(clusterEventNames, ({ kind }) => void told.push(kind));
  events.emit('becameLeader', { term: 1 });
  events.emit('lostLeadership', { term: 1 });
  events.emit('becameLeader', { term: 2 });
  expect(told).toEqual([]);
  await settled();
  expect(told).toEqual([
    ...['became 1', 'becameLeader'],
    ...['lost 1', 'lostLeadership'],
    ...['became 2', 'becameLeader'],
  ]);
  stop();
  events.emit('lostLeadership', { term: 2 });
  await settled();
  expect(told.at(-1)).toBe('lost 2');
});

test('a handler that throws, at once or later, is reported, and is given the next event', async () => {
  const failures: unknown[] = [];
  const events = new EventDispatcher((error, { kind }) => failures.push([kind, (error as Error).message]));
  const told: number[] = [];
  events.on(['becameLeader'], ({ term }) => {
    told.push(term);
    if (term === 1) throw new Error('at once');
    return Promise.reject(new Error('later'));
  });
  events.on(['becameLeader'], ({ term }) => void told.push(-term));
  events.emit('becameLeader', { term: 1 });
  events.emit('becameLeader', { term: 2 });
  await settled();
  expect(told).toEqual([1, -1, 2, -2]);
  expect(failures).toEqual([
    ['becameLeader', 'at once'],
    ['becameLeader', 'later'],
  ]);
});

test('a slow handler misses the oldest, is told how many of each kind, and holds up nobody', async () => {
  const events = new EventDispatcher(() => undefined);
  const slow: ClusterEvent[] = [];
  const fast: ClusterEvent[] = [];
  const busy = new Deferred<void>();
  events.on(['becameLeader', 'lostLeadership'], (event) => {
    slow.push(event);
    return busy.promise;
  });
  events.on(['becameLeader', 'lostLeadership'], (event) => void fast.push(event));
  events.emit('becameLeader', { term: 1 });
  await settled();
  events.emit('lostLeadership', { term: 1 });
  for (let term = 2; term < waitingEventsMax + 4; term += 1) events.emit('becameLeader', { term });
  await settled();
  expect(fast.length).toBe(waitingEventsMax + 4);
  expect(fast.every(({ missed }) => missed === 0)).toBe(true);
  expect(slow.length).toBe(1);
  busy.resolve();
  await expect.poll(() => slow.length).toBe(1 + waitingEventsMax);
  // The loss of term 1, and the terms 2 and 3.
  expect(slow[1]).toEqual({ kind: 'becameLeader', term: 4, missed: 2 });
  expect(slow[2]).toEqual({ kind: 'becameLeader', term: 5, missed: 0 });
  expect(slow.at(-1)).toEqual({ kind: 'becameLeader', term: waitingEventsMax + 3, missed: 0 });
  events.emit('lostLeadership', { term: waitingEventsMax + 3 });
  await settled();
  expect(slow.at(-1)).toEqual({ kind: 'lostLeadership', term: waitingEventsMax + 3, missed: 1 });
});
