import { expect, test } from 'vitest';

import { seededPrng } from '../../sim/prng.ts';

const draws = (seed: string, count: number): number[] => {
  const prng = seededPrng(seed);
  return Array.from({ length: count }, () => prng.below(1_000));
};

test('the same seed gives the same numbers, another seed others', () => {
  expect(draws('one', 50)).toEqual(draws('one', 50));
  expect(draws('one', 50)).not.toEqual(draws('two', 50));
});

test('the numbers are pinned: a seed means the same run on every machine and in every version', () => {
  expect(draws('pinned', 6)).toMatchInlineSnapshot(`
    [
      459,
      387,
      989,
      609,
      98,
      673,
    ]
  `);
  const wide = seededPrng('pinned');
  expect(Array.from({ length: 4 }, () => wide.below(4_294_967_296))).toMatchInlineSnapshot(`
    [
      1971778714,
      1662620118,
      4251633767,
      2617519118,
    ]
  `);
});

test('a fork depends on its label alone, not on what was drawn before or forked beside it', () => {
  const fresh = seededPrng('root');
  const used = seededPrng('root');
  for (let draw = 0; draw < 100; draw += 1) used.below(7);
  used.fork('another').below(7);
  const numbers = (prng: { below(bound: number): number }): number[] =>
    Array.from({ length: 20 }, () => prng.below(97));
  expect(numbers(fresh.fork('disk'))).toEqual(numbers(used.fork('disk')));
  expect(numbers(fresh.fork('disk'))).not.toEqual(numbers(used.fork('network')));
});

test('nested labels never meet labels that spell the same path', () => {
  const root = seededPrng('root');
  const numbers = (prng: { below(bound: number): number }): number[] =>
    Array.from({ length: 8 }, () => prng.below(1e6));
  expect(numbers(root.fork('a').fork('b'))).not.toEqual(numbers(root.fork('a/1:b')));
  expect(numbers(root.fork('a/b'))).not.toEqual(numbers(root.fork('a').fork('b')));
});

test.each([1, 2, 3, 7, 1_000, 2_097_152, 2_097_153, 3_000_000_001, 4_294_967_296])(
  'numbers below %i stay below it and reach both halves',
  (bound) => {
    const prng = seededPrng(`bound ${bound}`);
    let low = 0;
    for (let draw = 0; draw < 2_000; draw += 1) {
      const drawn = prng.below(bound);
      expect(Number.isSafeInteger(drawn) && drawn >= 0 && drawn < bound).toBe(true);
      if (drawn < bound / 2) low += 1;
    }
    if (bound % 2 === 0) expect(Math.abs(low - 1_000)).toBeLessThan(150);
  },
);

test('every remainder of a small bound is as likely as the others', () => {
  const prng = seededPrng('uniform');
  const counts = new Array<number>(10).fill(0);
  for (let draw = 0; draw < 100_000; draw += 1) {
    const drawn = prng.below(10);
    counts[drawn] = (counts[drawn] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test('a chance comes true as often as its ratio says', () => {
  const prng = seededPrng('chance');
  let hits = 0;
  for (let draw = 0; draw < 100_000; draw += 1) if (prng.chance(3, 1_000)) hits += 1;
  expect(Math.abs(hits - 300)).toBeLessThan(80);
  expect(seededPrng('never').chance(0, 5)).toBe(false);
  expect(seededPrng('always').chance(5, 5)).toBe(true);
});

test.each([0, -1, 1.5, 4_294_967_297, Number.NaN])('a bound of %d is refused', (bound) => {
  expect(() => seededPrng('x').below(bound)).toThrow('a bound is an integer');
});

test('a stream that was captured goes on with the same numbers and the same forks', () => {
  for (let drawn = 0; drawn < 50; drawn += 1) {
    const prng = seededPrng('captured').fork(`after ${drawn}`);
    for (let draw = 0; draw < drawn; draw += 1) prng.below(4_294_967_296);
    const resumed = seededPrng('of another seed').resumed(structuredClone(prng.capture()));
    const numbers = (of: typeof prng): number[] => Array.from({ length: 50 }, () => of.below(4_294_967_296));
    expect(numbers(resumed.fork('later'))).toEqual(numbers(prng.fork('later')));
    expect(numbers(resumed)).toEqual(numbers(prng));
  }
});

test.each([
  [undefined, 'captured randomness has no seed'],
  [{ seed: 'x', c: 1, s0: 0, s1: 0 }, 's2 is not a number of 32 bits'],
  [{ seed: 'x', c: 1, s0: 0.5, s1: 0, s2: 0 }, 's0 is not a number of 32 bits'],
])('what was not captured from a stream is refused by name', (captured, message) => {
  expect(() => seededPrng('any').resumed(captured)).toThrow(message);
});
