import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IntervalTree } from '../../../../core/chainfire/watch/interval-tree.ts';

const key = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), minLength: 0, maxLength: 3 });
const range = fc.tuple(key, fc.option(key, { nil: undefined }));

test('whatever is added and removed, a key finds exactly the ranges that it lies in, in their order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(range, fc.boolean()), { maxLength: 60 }), fc.array(key), (steps, keys) => {
      const tree = new IntervalTree<string>();
      const model = new Map<string, readonly [string, string | undefined]>();
      for (const [[from, to], adds] of steps) {
        const name = `[${from},${to ?? '∞'})`;
        expect(tree.get(from, to)).toBe(model.has(name) ? name : undefined);
        if (adds && !model.has(name)) {
          tree.add(from, to, name);
          model.set(name, [from, to]);
        } else if (!adds && model.delete(name)) {
          tree.delete(from, to);
        }
      }
      const inOrder = [...model.entries()].sort(([, [from1, to1]], [, [from2, to2]]) =>
        from1 !== from2 ? (from1 < from2 ? -1 : 1) : (to1 ?? 'z') < (to2 ?? 'z') ? -1 : 1,
      );
      expect([...tree.values()]).toEqual(inOrder.map(([name]) => name));
      expect(tree.size).toBe(model.size);
      for (const wanted of keys) {
        const found: string[] = [];
        tree.find(wanted, found);
        const expected = inOrder.filter(
          ([, [from, to]]) => from <= wanted && (to === undefined || wanted < to),
        );
        expect(found).toEqual(expected.map(([name]) => name));
      }
    }),
  );
});

test('a look-up costs about the depth of the tree and what it finds, in whatever order the ranges came', () => {
  const orders = [
    (at: number): number => at,
    (at: number): number => 9_999 - at,
    (at: number): number => (at * 7_919) % 10_000,
  ];
  for (const order of orders) {
    const tree = new IntervalTree<number>();
    for (let at = 0; at < 10_000; at += 1) {
      const name = String(order(at)).padStart(5, '0');
      tree.add(name, `${name}~`, at);
    }
    const found: number[] = [];
    tree.find('05000x', found);
    expect(found).toHaveLength(1);
    // An AVL tree of 10,000 nodes is at most 1.44 × log2(10,000) ≈ 19 deep; both sides of a path may be looked at.
    expect(tree.visited).toBeLessThan(40);
  }
});
