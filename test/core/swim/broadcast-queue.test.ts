import { expect, test } from 'vitest';

import { BroadcastQueue } from '../../../core/swim/broadcast-queue.ts';
import { encodeMessage } from '../../../core/swim/datagram-codec.ts';
import { rumorOf } from './subject.ts';

const encoded = (name: string, incarnation = 0) => {
  return encodeMessage({ kind: 'rumor', rumor: rumorOf(name, { incarnation }) });
};

test('what was sent least often goes first, and of that the newest', () => {
  const queue = new BroadcastQueue();
  for (const name of ['b', 'c', 'd']) queue.push(rumorOf(name));
  const one = encoded('b').length;
  expect(queue.take(2 * one, 9)).toEqual([encoded('d'), encoded('c')]);
  expect(queue.take(2 * one, 9)).toEqual([encoded('b'), encoded('d')]);
});

test('a rumor ends after as many times as it is to be sent', () => {
  const queue = new BroadcastQueue();
  queue.push(rumorOf('b'));
  for (let times = 0; times < 3; times += 1) expect(queue.take(1_000, 3)).toHaveLength(1);
  expect(queue.take(1_000, 3)).toEqual([]);
  expect(queue.size).toBe(0);
});

test('what is newer of a member takes the place of what is older, and begins anew', () => {
  const queue = new BroadcastQueue();
  queue.push(rumorOf('b'));
  queue.take(1_000, 2);
  queue.push(rumorOf('b', { incarnation: 1 }));
  expect(queue.size).toBe(1);
  expect(queue.take(1_000, 2)).toEqual([encoded('b', 1)]);
  expect(queue.take(1_000, 2)).toEqual([encoded('b', 1)]);
  expect(queue.has('b')).toBe(false);
});

test('no more is taken than fits', () => {
  const queue = new BroadcastQueue();
  queue.push(rumorOf('b'));
  expect(queue.take(encoded('b').length - 1, 2)).toEqual([]);
  expect(queue.take(encoded('b').length, 2)).toHaveLength(1);
});
