import fc from 'fast-check';
import { expect, test } from 'vitest';

import { crc32c } from '../../../core/base/crc32c.ts';

const ascending = Uint8Array.from({ length: 32 }, (_, at) => at);

test('gives the checksums of RFC 3720 B.4', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(ascending)).toBe(0x46dd794e);
  expect(crc32c(ascending.toReversed())).toBe(0x113fdb5c);
  const readCommand = Uint8Array.from([
    0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0,
    0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
  ]);
  expect(crc32c(readCommand)).toBe(0xd9963a56);
});

test('gives the check value of the algorithm’s catalogue entry, and zero for nothing', () => {
  expect(crc32c(Uint8Array.from('123456789', (char) => char.charCodeAt(0)))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(0))).toBe(0);
  expect(crc32c(new Uint8Array(0), 0xdeadbeef)).toBe(0xdeadbeef);
});

/** One bit at a time, straight from the definition. */
function bitwise(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

test('agrees with the definition at every length and alignment', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(9), (bytes, offset) => {
      const part = bytes.subarray(Math.min(offset, bytes.length));
      expect(crc32c(part)).toBe(bitwise(part));
    }),
  );
});

test('agrees with the definition where it takes words, at every length and alignment', () => {
  const bytes = Uint8Array.from({ length: 400 }, (_, at) => (at * at * 31 + 7) & 0xff);
  for (let start = 0; start < 8; start += 1) {
    for (let end = 250; end < 290; end += 1) {
      const part = bytes.subarray(start, start + end);
      expect(crc32c(part)).toBe(bitwise(part));
    }
  }
});

test('continues from what lies before, wherever the input is cut', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 64 }), (left, right) => {
      expect(crc32c(right, crc32c(left))).toBe(crc32c(Uint8Array.from([...left, ...right])));
    }),
  );
});
