import { expect, test } from 'vitest';

import { fairShares, indexScene, inView, strideFor } from '../../../../reports/page/model/scene-index.ts';
import { everything, scoped } from '../../../../reports/page/model/scope.ts';
import { evidenceOf } from '../../evidence/hand-made.ts';
import { packet } from '../hand-made.ts';

test('whoever wants little gets all of it, and leaves the rest to the others', () => {
  expect(fairShares([1_000, 3, 40], 100)).toEqual([57, 3, 40]);
  expect(fairShares([1_000, 1_000], 100)).toEqual([50, 50]);
  expect(fairShares([5, 6], 100)).toEqual([5, 6]);
  expect(fairShares([], 100)).toEqual([]);
});

test('a stride is the least power of two that fits', () => {
  expect([strideFor(0, 0), strideFor(10, 10), strideFor(11, 10), strideFor(100, 10)]).toEqual([1, 1, 2, 16]);
});

test('what was sent before and is still under way is in view, however long ago that was', () => {
  const packets = Array.from({ length: 1_000 }, (_, at) =>
    packet({ sentUs: at, arrivedUs: at === 3 || at === 640 ? 5_000 : at + 1 }),
  );
  const evidence = evidenceOf({ packets });
  const [kind] = indexScene(evidence, scoped(evidence, everything, undefined)).packets;
  if (kind === undefined) throw new Error('there is one');
  expect(inView(kind, { fromUs: 700, toUs: 710 }, 10)).toEqual({ under: [699, 640, 3], from: 700, to: 711 });
  expect(inView(kind, { fromUs: 700, toUs: 710 }, 2).under).toEqual([699, 640]);
  expect(inView(kind, { fromUs: 6_000, toUs: 7_000 }, 10)).toEqual({ under: [], from: 1_000, to: 1_000 });
});
