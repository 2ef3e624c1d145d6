import fc from 'fast-check';
import { expect, test } from 'vitest';

import { RollingHash } from '../../../core/base/rolling-hash.ts';

function digest(...values: readonly unknown[]): string {
  const hash = new RollingHash();
  for (const value of values) hash.value(value);
  return hash.digest();
}

const event = {
  kind: 'received',
  from: 2,
  messages: [
    {
      group: 1,
      message: { kind: 'appendRequest', entries: [{ index: 7, data: new Uint8Array([1, 2, 3]) }] },
    },
  ],
  lease: 5n,
  gone: undefined,
  last: null,
  whole: true,
};

test('equal values have equal hashes, pinned for every machine and version', () => {
  expect(digest(event)).toBe(digest(structuredClone(event)));
  expect(digest(event)).toMatchInlineSnapshot(`"b343c340c7b1edff"`);
  expect(digest()).toMatch(/^[0-9a-f]{16}$/);
});

test('any difference shows: a byte, a type, an order, an absence', () => {
  const variants: unknown[] = [
    event,
    { ...event, from: 3 },
    { ...event, from: '2' },
    { ...event, lease: 6n },
    { ...event, whole: false },
    { ...event, last: undefined },
    { ...event, messages: [] },
    { ...event, messages: [...event.messages, ...event.messages] },
    [1, [2]],
    [[1], 2],
    [1, 2],
    [2, 1],
    'ab',
    ['a', 'b'],
    new Uint8Array([1, 2, 3, 4]),
    new Uint8Array([1, 2, 3]),
    [1, 2, 3],
    '\u0001\u0002\u0003',
    0,
    4_294_967_296,
    -1,
    Infinity,
  ];
  expect(new Set(variants.map((variant) => digest(variant))).size).toBe(variants.length);
  expect(digest(1, 2)).not.toBe(digest(2, 1));
});

test('one bit of a byte string changes the digest', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.nat(), fc.nat(7), (bytes, at, bit) => {
      const changed = bytes.slice();
      const place = at % bytes.length;
      changed[place] = (changed[place] ?? 0) ^ (1 << bit);
      expect(digest(changed)).not.toBe(digest(bytes));
    }),
  );
});

test('a view of a buffer hashes by its content, not by what lies around it', () => {
  const around = new Uint8Array([9, 1, 2, 3, 4, 5, 9]);
  expect(digest(around.subarray(1, 6))).toBe(digest(new Uint8Array([1, 2, 3, 4, 5])));
});

test('a mark is the same for equal histories and follows every value', () => {
  const hash = new RollingHash();
  const other = new RollingHash();
  const marks = new Set<number>();
  for (let value = 0; value < 64; value += 1) {
    hash.value({ value });
    other.value({ value });
    expect(hash.mark()).toBe(other.mark());
    expect(hash.mark()).toBeLessThan(65_536);
    marks.add(hash.mark());
  }
  expect(marks.size).toBeGreaterThan(60);
});
