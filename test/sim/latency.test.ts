import { expect, test } from 'vitest';

import {
  diskShape,
  drawLatencyUs,
  type LatencyShape,
  latencyUsMax,
  networkShape,
} from '../../sim/latency.ts';
import { seededPrng } from '../../sim/prng.ts';

const shapes: readonly (readonly [string, LatencyShape])[] = [
  ['network', networkShape],
  ['disk', diskShape],
];

test.each(shapes)('the bands of the %s cover all cases, one after the other', (_name, shape) => {
  expect(shape.reduce((sum, [permille]) => sum + permille, 0)).toBe(1_000);
  for (const [at, [, from, to]] of shape.entries()) {
    expect(from).toBeLessThan(to);
    if (at > 0) expect(from).toBe(shape[at - 1]?.[2]);
  }
});

test.each(shapes)('the %s draws each band as often as its share says', (_name, shape) => {
  const prng = seededPrng('latency');
  const draws = Array.from({ length: 50_000 }, () => drawLatencyUs(prng, 10_000, shape));
  for (const [permille, from, to] of shape) {
    const inside = draws.filter((drawnUs) => drawnUs >= from * 100 && drawnUs < to * 100).length;
    expect(Math.abs(inside - permille * 50)).toBeLessThan(20 + permille * 3);
  }
  expect(draws.every((drawnUs) => Number.isSafeInteger(drawnUs))).toBe(true);
});

test('nothing takes no time, and nothing takes longer than the longest', () => {
  const prng = seededPrng('bounds');
  for (let draw = 0; draw < 1_000; draw += 1) {
    expect(drawLatencyUs(prng, 1, networkShape)).toBeGreaterThanOrEqual(1);
    expect(drawLatencyUs(prng, 100_000, diskShape, 1_000)).toBe(latencyUsMax);
  }
});
