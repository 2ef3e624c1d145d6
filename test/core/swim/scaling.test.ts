import { expect, test } from 'vitest';

import {
  bitLength,
  log2Fixed,
  retransmitLimit,
  suspicionMinUs,
  suspicionTimeoutUs,
} from '../../../core/swim/scaling.ts';

test('log2 in 1,024ths is right to the last of them', () => {
  for (const n of [1, 2, 3, 5, 7, 10, 100, 1_000, 65_535, 65_536, 2 ** 31 - 1]) {
    expect(Math.abs(log2Fixed(n) - 1_024 * Math.log2(n)), String(n)).toBeLessThanOrEqual(2);
  }
});

test('a rumor is sent λ·log n times (SWIM §4.1)', () => {
  expect([1, 3, 7, 15, 100, 1_000].map((members) => retransmitLimit(2, members))).toEqual([
    2, 4, 6, 8, 14, 20,
  ]);
  expect(bitLength(0)).toBe(0);
});

test('suspects have longer in larger groups, and no shorter in small ones', () => {
  expect([2, 5, 10, 100, 1_000].map((members) => suspicionMinUs(4, members, 1_000_000))).toEqual([
    4_000_000, 4_000_000, 4_800_000, 8_400_000, 12_000_000,
  ]);
});

test('each confirmation shortens a suspicion, the first the most, down to the least (Lifeguard §IV-B)', () => {
  const timeouts = [0, 1, 2, 3, 4].map((confirmed) => {
    return suspicionTimeoutUs({ minUs: 4_000_000, maxUs: 24_000_000, confirmed, wanted: 3 });
  });
  expect(timeouts).toEqual([24_000_000, 14_000_000, 8_150_391, 4_000_000, 4_000_000]);
  expect(suspicionTimeoutUs({ minUs: 4, maxUs: 24, confirmed: 0, wanted: 0 })).toBe(4);
});
