import fc from 'fast-check';
import { expect, test } from 'vitest';

import { InvariantError } from '../../../core/base/assert.ts';
import { Ring } from '../../../core/base/ring.ts';

test('a full ring refuses loudly, and takes again after a shift', () => {
  const ring = new Ring<number>(2);
  ring.push(1);
  ring.push(2);
  expect(ring.full).toBe(true);
  expect(() => ring.push(3)).toThrow(InvariantError);
  expect(ring.shift()).toBe(1);
  ring.push(3);
  expect([ring.at(0), ring.at(1), ring.at(2), ring.at(-1)]).toEqual([2, 3, undefined, undefined]);
});

test('a ring that could hold nothing is a mistake', () => {
  expect(() => new Ring(0)).toThrow(InvariantError);
  expect(() => new Ring(1.5)).toThrow(InvariantError);
});

test('behaves as a bounded array, through growth and around the circle', () => {
  const operation = fc.oneof(
    { weight: 3, arbitrary: fc.constant('push' as const) },
    { weight: 2, arbitrary: fc.constant('shift' as const) },
    { weight: 1, arbitrary: fc.constant('clear' as const) },
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 70 }),
      fc.array(operation, { maxLength: 300, size: 'max' }),
      (capacity, operations) => {
        const ring = new Ring<number>(capacity);
        const model: number[] = [];
        let next = 0;
        for (const kind of operations) {
          if (kind === 'clear' && next % 7 === 0) {
            ring.clear();
            model.length = 0;
          } else if (kind === 'shift') {
            expect(ring.shift()).toBe(model.shift());
          } else if (model.length < capacity) {
            ring.push(next);
            model.push(next);
          } else {
            expect(() => ring.push(next)).toThrow(InvariantError);
          }
          next += 1;
          expect(ring.length).toBe(model.length);
          expect(Array.from({ length: ring.length }, (_, at) => ring.at(at))).toEqual(model);
        }
      },
    ),
    { numRuns: 50 },
  );
});
