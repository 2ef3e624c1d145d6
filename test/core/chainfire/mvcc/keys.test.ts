import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareKeys } from '../../../../core/base/bytes.ts';
import {
  behindIndexPrefix,
  currentBound,
  escapedBytes,
  indexBound,
  indexKey,
  keyBytesMax,
  mainRevisionOf,
  prefixOfIndexKey,
  revisionKey,
  revisionOfIndexKey,
} from '../../../../core/chainfire/mvcc/keys.ts';
import { storeKeyBytesMax } from '../../../../core/storage/backend.ts';

const byte = fc.oneof(fc.constantFrom('\x00', '\x01', '\x02', '\xfe', '\xff'), fc.constantFrom('a', 'b'));
const key = fc.array(byte, { minLength: 1, maxLength: 6 }).map((bytes) => bytes.join(''));
const revision = fc.record({
  main: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  sub: fc.nat({ max: 4_294_967_295 }),
});

test('rows of the index lie in the order of keys, and within a key in that of its revisions', () => {
  fc.assert(
    fc.property(key, key, revision, revision, (left, right, earlier, later) => {
      const order = compareKeys(left, right) || earlier.main - later.main || earlier.sub - later.sub;
      const leftRow = indexKey(left, revisionKey(earlier.main, earlier.sub));
      const rightRow = indexKey(right, revisionKey(later.main, later.sub));
      expect(Math.sign(compareKeys(leftRow, rightRow))).toBe(Math.sign(order));
    }),
    { numRuns: 2_000 },
  );
});

test('a bound divides the rows of the index as it divides the keys', () => {
  fc.assert(
    fc.property(key, key, revision, (one, bound, { main, sub }) => {
      const row = indexKey(one, revisionKey(main, sub));
      expect(row < indexBound(bound)).toBe(one < bound);
      expect(row < behindIndexPrefix(prefixOfIndexKey(indexKey(bound, revisionKey(0, 0))))).toBe(
        one <= bound,
      );
      expect(revisionOfIndexKey(row)).toBe(revisionKey(main, sub));
      expect(mainRevisionOf(revisionOfIndexKey(row))).toBe(main);
    }),
    { numRuns: 2_000 },
  );
});

test('the longest key fits into the store with its revision, however many zero bytes it has', () => {
  for (const longest of ['k'.repeat(keyBytesMax), '\x00'.repeat(keyBytesMax / 2)]) {
    expect(escapedBytes(longest)).toBe(keyBytesMax);
    expect(indexKey(longest, revisionKey(1, 1)).length).toBeLessThanOrEqual(storeKeyBytesMax);
  }
});

test('a bound longer than any key is cut to what the store takes, and divides the keys as before', () => {
  const longest = 'k'.repeat(keyBytesMax);
  for (const bound of [`${longest}\x00`, 'k'.repeat(5_000), `${longest}z`]) {
    expect(currentBound(bound).length).toBeLessThanOrEqual(storeKeyBytesMax);
    expect(longest < currentBound(bound)).toBe(true);
    expect('l' < currentBound(bound)).toBe(false);
    expect(indexBound(bound).length).toBeLessThanOrEqual(storeKeyBytesMax);
    expect(indexKey(longest, revisionKey(9, 0)) < indexBound(bound)).toBe(true);
    expect(indexKey('l', revisionKey(9, 0)) < indexBound(bound)).toBe(false);
  }
  expect(indexBound('\x00'.repeat(3_000)).length).toBeLessThanOrEqual(storeKeyBytesMax);
});
