import fc from 'fast-check';
import { expect, test } from 'vitest';

import { Heap } from '../../../core/base/heap.ts';

test('an empty heap has nothing to give', () => {
  const heap = new Heap<number>((left, right) => left - right);
  expect([heap.peek(), heap.pop(), heap.size]).toEqual([undefined, undefined, 0]);
});

test('between any pushes and pops, what leaves is the least of what is in', () => {
  const operation = fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const heap = new Heap<number>((left, right) => left - right);
      const model: number[] = [];
      for (const pushed of operations) {
        if (pushed !== undefined) {
          heap.push(pushed);
          model.push(pushed);
          model.sort((left, right) => left - right);
        } else {
          expect(heap.peek()).toBe(model[0]);
          expect(heap.pop()).toBe(model.shift());
        }
        expect(heap.size).toBe(model.length);
      }
      while (model.length > 0) expect(heap.pop()).toBe(model.shift());
      expect(heap.pop()).toBe(undefined);
    }),
  );
});

test('a sequence number in the comparison makes equal times leave in the order of arrival', () => {
  const heap = new Heap<{ timeUs: number; sequence: number }>(
    (left, right) => left.timeUs - right.timeUs || left.sequence - right.sequence,
  );
  for (let sequence = 0; sequence < 100; sequence += 1) heap.push({ timeUs: sequence % 3, sequence });
  const left: number[] = [];
  while (heap.size > 0) left.push(heap.pop()?.sequence as number);
  const expected = Array.from({ length: 100 }, (_, at) => at).sort((a, b) => (a % 3) - (b % 3) || a - b);
  expect(left).toEqual(expected);
});
