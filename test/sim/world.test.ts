import { expect, test } from 'vitest';

import { World } from '../../sim/world.ts';

test('what is due happens in the order of its time, and at one time in the order of its scheduling', () => {
  const world = new World();
  const seen: string[] = [];
  world.at(20, () => seen.push('c'));
  world.at(10, () => seen.push('a'));
  world.at(20, () => seen.push('d'));
  world.at(10, () => {
    seen.push('b');
    world.after(0, () => seen.push('b, then at once'));
    world.after(10, () => seen.push('e'));
  });
  world.runUntil(30);
  expect(seen).toEqual(['a', 'b', 'b, then at once', 'c', 'd', 'e']);
  expect(world.nowUs).toBe(30);
  expect(world.happened).toBe(6);
});

test('time stands where the last event was until it is let go on', () => {
  const world = new World();
  const times: number[] = [];
  for (const timeUs of [5, 7, 9]) world.at(timeUs, () => times.push(world.nowUs));
  world.runUntil(7);
  expect(times).toEqual([5, 7]);
  expect(world.nowUs).toBe(7);
  world.runUntil(100, () => true);
  expect(world.nowUs).toBe(9);
});

test('nothing is scheduled for the past, nor for a fraction of a microsecond', () => {
  const world = new World();
  world.runUntil(10);
  expect(() => {
    world.at(9, () => undefined);
  }).toThrow('the past');
  expect(() => {
    world.at(10.5, () => undefined);
  }).toThrow('safe integer');
});
