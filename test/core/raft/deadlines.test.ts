import '../../property-seed.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { DeadlineHeap } from '../../../core/raft/deadlines.ts';

test('an item that was taken out is never due, and all others are due in their order', () => {
  const change = fc.tuple(fc.boolean(), fc.nat(19), fc.nat(1_000));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 80 }), (changes) => {
      const heap = new DeadlineHeap<number>();
      const due = new Map<number, number>();
      for (const [removes, item, atUs] of changes) {
        if (removes) {
          heap.remove(item);
          due.delete(item);
        } else {
          heap.schedule(item, atUs);
          due.set(item, Math.min(atUs, due.get(item) ?? Infinity));
        }
        expect(heap.size).toBe(due.size);
        expect(heap.earliestUs).toBe(Math.min(Infinity, ...due.values()));
      }
      const times: number[] = [];
      for (let item = heap.popDue(1_000); item !== undefined; item = heap.popDue(1_000)) {
        times.push(due.get(item) ?? -1);
      }
      expect(times).toEqual([...due.values()].sort((left, right) => left - right));
    }),
  );
});
