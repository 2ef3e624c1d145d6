import { expect, test } from 'vitest';

import { behindWall, WallBreached } from '../../sim/wall.ts';

const breaches: readonly (readonly [string, () => unknown])[] = [
  ['Date.now', () => Date.now()],
  ['new Date()', () => new Date()],
  ['Date()', () => Date()],
  ['performance.now', () => performance.now()],
  ['Math.random', () => Math.random()],
  ['crypto.getRandomValues', () => crypto.getRandomValues(new Uint8Array(1))],
  ['crypto.randomUUID', () => crypto.randomUUID()],
];

test.each(breaches)('%s throws behind the wall, and works again outside of it', (_name, breach) => {
  expect(() => behindWall(breach)).toThrow(WallBreached);
  expect(breach).not.toThrow();
});

test('the wall falls however the run ends, and an inner one leaves the outer standing', () => {
  expect(() =>
    behindWall(() => {
      throw new Error('a run that failed');
    }),
  ).toThrow('a run that failed');
  expect(Date.now()).toBeGreaterThan(0);
  behindWall(() => {
    expect(behindWall(() => 1)).toBe(1);
    expect(() => Math.random()).toThrow(WallBreached);
  });
  expect(Math.random()).toBeLessThan(1);
});

test('a date that is given its time is no breach', () => {
  expect(behindWall(() => new Date(0).toISOString())).toBe('1970-01-01T00:00:00.000Z');
});

test('everything is as it was: the same functions, in the same places', () => {
  const before = [Date, Math.random, performance.now, crypto.getRandomValues] as const;
  behindWall(() => undefined);
  expect([Date, Math.random, performance.now, crypto.getRandomValues]).toEqual(before);
  expect(Object.hasOwn(crypto, 'getRandomValues')).toBe(false);
});
