import { expect, test } from 'vitest';

import { nodeId } from '../../../core/base/ids.ts';
import { unlinked } from '../../../sim/faults/partial-partition.ts';

const order = [3, 1, 4, 2, 5].map(nodeId);

/** Whom each member sees, in the order given. */
function seen(shape: 'ring' | 'chain' | 'star' | 'bridge', count: number): readonly (readonly number[])[] {
  const members = order.slice(0, count);
  const pairs = unlinked(shape, members);
  return members.map((from) =>
    members.filter((to) => to !== from && !pairs.some(([left, right]) => left === from && right === to)),
  );
}

test('in a ring everybody sees two others', () => {
  expect(seen('ring', 5)).toEqual([
    [1, 5],
    [3, 4],
    [1, 2],
    [4, 5],
    [3, 2],
  ]);
});

test('a chain is a ring that is cut once', () => {
  expect(seen('chain', 5)).toEqual([[1], [3, 4], [1, 2], [4, 5], [2]]);
});

test('in a star all see the first, and nobody else', () => {
  expect(seen('star', 4)).toEqual([[1, 4, 2], [3], [3], [3]]);
});

test('a bridge alone sees both halves', () => {
  expect(seen('bridge', 5)).toEqual([
    [1, 4, 2, 5],
    [3, 2],
    [3, 5],
    [3, 1],
    [3, 4],
  ]);
});

test('who does not see another is not seen by it', () => {
  for (const shape of ['ring', 'chain', 'star', 'bridge'] as const) {
    const pairs = unlinked(shape, order);
    for (const [from, to] of pairs) expect(pairs).toContainEqual([to, from]);
  }
});
