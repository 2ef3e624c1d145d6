import { expect, test } from 'vitest';

import { SimulatedSegments } from '../../sim/disk/segments.ts';
import { GatedOutput } from '../../sim/gated-output.ts';
import { seededPrng } from '../../sim/prng.ts';
import { World } from '../../sim/world.ts';

test('segments are cut at once, whatever sync is under way, and a crash never shows what was cut', () => {
  const world = new World();
  const segments = new SimulatedSegments({ world, prng: seededPrng('cuts'), syncMedianUs: 100 });
  const output = new GatedOutput({ segments, leave: () => undefined });
  const bytes = new Uint8Array([1, 2, 3]);
  output.persist({
    kind: 'persist',
    syncSeq: 1,
    appends: [
      { file: 'log/1', bytes },
      { file: 'log/2', bytes },
    ],
  });
  let ended = 0;
  output.beginSync((covers) => (ended = covers));
  output.cut({
    kind: 'cutSegments',
    cuts: [
      { file: 'log/2', lengthBytes: 0 },
      { file: 'log/1', lengthBytes: 1 },
    ],
  });
  expect(segments.list('')).toEqual([{ file: 'log/1', lengthBytes: 1 }]);
  world.runUntil(1_000_000);
  expect(ended).toBe(1);
  segments.crash('machine');
  expect(segments.list('')).toEqual([{ file: 'log/1', lengthBytes: 1 }]);
});
