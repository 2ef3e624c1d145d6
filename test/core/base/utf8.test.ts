import fc from 'fast-check';
import { expect, test } from 'vitest';

import { textFromUtf8, utf8FromText, utf8LengthOf } from '../../../core/base/utf8.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Any UTF-16 code units, lone surrogates included. */
const texts = fc
  .array(fc.oneof(fc.nat(0xffff), fc.nat(0x7f), fc.integer({ min: 0xd800, max: 0xdfff })), { maxLength: 40 })
  .map((units) => String.fromCharCode(...units));

test('encodes as the platform does, lone surrogates included', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const expected = encoder.encode(text);
      expect(utf8FromText(text)).toEqual(expected);
      expect(utf8LengthOf(text)).toBe(expected.length);
    }),
    { numRuns: 1_000 },
  );
});

test('decodes what the platform does, and refuses what it refuses', () => {
  const pieces = fc.oneof(
    texts.map((text) => [...encoder.encode(text)]),
    fc.array(fc.constantFrom(0x41, 0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xa0, 0x90), {
      maxLength: 5,
    }),
  );
  let refused = 0;
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 3 }), (parts) => {
      const bytes = Uint8Array.from(parts.flat());
      let expected: string | undefined;
      try {
        expected = decoder.decode(bytes);
      } catch {
        expected = undefined;
        refused += 1;
      }
      expect(textFromUtf8(bytes)).toBe(expected);
    }),
    { numRuns: 2_000 },
  );
  expect(refused).toBeGreaterThan(200);
});

test('decodes every sequence of two bytes, and the edges of longer ones, as the platform does', () => {
  const same = (...bytes: number[]) => {
    let expected: string | undefined;
    try {
      expected = decoder.decode(Uint8Array.from(bytes));
    } catch {
      expected = undefined;
    }
    if (textFromUtf8(Uint8Array.from(bytes)) !== expected) throw new Error(`differs for ${bytes.join(' ')}`);
  };
  for (let first = 0; first < 256; first += 1)
    for (let second = 0; second < 256; second += 1) same(first, second);
  const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
  for (let first = 0xc0; first < 256; first += 1) {
    for (const second of edges) {
      for (const third of edges) {
        same(first, second, third);
        for (const fourth of edges) same(first, second, third, fourth);
      }
    }
  }
});
