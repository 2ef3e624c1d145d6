import { expect, test } from 'vitest';
import fc from 'fast-check';

import { BipartiteMatching } from '../../../sim/checkers/bipartite-matching.ts';

test('a left takes the place of another that can go elsewhere', () => {
  const matching = new BipartiteMatching();
  expect(matching.add(1, [7, 8])).toBe(true);
  expect(matching.add(2, [7])).toBe(true);
  expect(matching.add(3, [7, 8])).toBe(false);
  expect(new Map(matching.pairs)).toEqual(
    new Map([
      [1, 8],
      [2, 7],
    ]),
  );
});

test('a left without candidates cannot be paired', () => {
  expect(new BipartiteMatching().add(1, [])).toBe(false);
});

/** Tries every pairing. */
function pairable(lists: readonly (readonly number[])[], taken: ReadonlySet<number> = new Set()): boolean {
  const [first, ...rest] = lists;
  if (first === undefined) return true;
  return first.some((candidate) => !taken.has(candidate) && pairable(rest, new Set([...taken, candidate])));
}

test('what can be paired is paired, as trying every pairing says, and nothing twice', () => {
  const list = fc.uniqueArray(fc.nat(6), { maxLength: 4 });
  fc.assert(
    fc.property(fc.array(list, { maxLength: 7 }), (lists) => {
      const matching = new BipartiteMatching();
      const all = lists.every((candidates, left) => matching.add(left, candidates));
      expect(all).toBe(pairable(lists));
      if (!all) return;
      const pairs = matching.pairs;
      expect(pairs.length).toBe(lists.length);
      expect(new Set(pairs.map(([, candidate]) => candidate)).size).toBe(lists.length);
      for (const [left, candidate] of pairs) expect(lists[left]).toContain(candidate);
    }),
    { numRuns: 2_000 },
  );
});
