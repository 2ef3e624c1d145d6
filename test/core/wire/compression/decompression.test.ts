import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { concatBytes } from '../../../../core/base/bytes.ts';
import { lz4Decompress } from '../../../../core/wire/compression/lz4.ts';
import { snappyDecompress } from '../../../../core/wire/compression/snappy.ts';
import { WireError } from '../../../../core/wire/reader.ts';

function unhex(text: string): Uint8Array {
  return new Uint8Array((text.match(/[0-9a-f]{2}/g) ?? []).map((pair) => Number.parseInt(pair, 16)));
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The value of a record that librdkafka compressed. */
const said = 'abcabcabcabcabcabcabcabcabcabcabcabcabcabc the end abcabc the end';
/** What stands before the value in its record, and behind it. */
const record = (value: string) => `${text(unhex('90 01 00 00 00 01 82 01'))}${value}${text(unhex('00'))}`;

const snappyBlock = unhex(
  '4a 28 90 01 00 00 00 01 82 01 61 62 63 9a 03 00 5c 20 74 68 65 20 65 6e 64 20 61 62 63 61 62 63 20 74 68 65 20 65 6e 64 00',
);
const lz4Frame = unhex(
  '04 22 4d 18 60 40 82 25 00 00 00 bf 90 01 00 00 00 01 82 01 61 62 63 03 00 14 92 20 74 68 65 20 65 6e 64 20 30 00 90' +
    '20 74 68 65 20 65 6e 64 00 00 00 00 00',
);
const codecs = [
  { name: 'snappy', decompress: snappyDecompress, input: snappyBlock },
  { name: 'lz4', decompress: lz4Decompress, input: lz4Frame },
];

describe.each(codecs)('$name', ({ decompress, input }) => {
  test('reads what librdkafka has compressed, repetitions that overlap included', () => {
    expect(text(decompress(input, 1_000))).toBe(record(said));
  });

  test('makes no more than it may', () => {
    expect(() => decompress(input, record(said).length - 2)).toThrow(WireError);
  });

  test('cut short, or changed, gives bytes within the bound or a WireError, nothing else', () => {
    const attempt = (bytes: Uint8Array) => {
      try {
        expect(decompress(bytes, 500).length).toBeLessThanOrEqual(500);
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
      }
    };
    for (let length = 0; length < input.length; length += 1) attempt(input.subarray(0, length));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: input.length - 1 }), fc.nat({ max: 255 })), { maxLength: 4 }),
        fc.uint8Array({ maxLength: 30 }),
        (changes, noise) => {
          const changed = input.slice();
          for (const [at, byte] of changes) changed[at] = byte;
          attempt(changed);
          attempt(noise);
          attempt(concatBytes([changed, noise]));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('snappy', () => {
  test('in the framing of Java clients: blocks one behind the other', () => {
    const head = unhex('82 53 4e 41 50 50 59 00 00 00 00 01 00 00 00 01');
    const framed = concatBytes([head, unhex('00 00 00 29'), snappyBlock, unhex('00 00 00 29'), snappyBlock]);
    expect(text(snappyDecompress(framed, 1_000))).toBe(record(said) + record(said));
    expect(() => snappyDecompress(framed, record(said).length + 10)).toThrow(/are more than/);
    expect(() => snappyDecompress(framed.subarray(0, 17), 100)).toThrow(
      'snappy: the size of a block is cut short',
    );
  });

  test('elements with longer lengths and distances', () => {
    const literal = new Uint8Array(300).fill(7).map((_, at) => at % 256);
    // 300 bytes with their length in two bytes, then 64 of them again from 300 back, then 4 from 4 back with four bytes.
    const input = concatBytes([
      unhex('f0 02'),
      unhex('f4 2b 01'),
      literal,
      unhex('fe 2c 01'),
      unhex('0f 04 00 00 00'),
    ]);
    const expected = concatBytes([literal, literal.subarray(0, 64), literal.subarray(60, 64)]);
    expect(snappyDecompress(input, 1_000)).toEqual(expected);
  });

  test('that claims what its bytes cannot hold is refused before anything is made', () => {
    expect(() => snappyDecompress(unhex('ff ff ff ff 0f 00 61'), 2 ** 40)).toThrow(
      new WireError('snappy: 7 bytes cannot hold 4294967295'),
    );
  });
});

describe('lz4', () => {
  test('blocks that are linked refer to those before them', () => {
    // Frames of linked blocks without checksums: `abcd` clear, then a match of 8 bytes from 4 back and a literal.
    const frame = unhex(
      '04 22 4d 18 40 40 00' + '04 00 00 80 61 62 63 64' + '05 00 00 00 04 04 00 10 65' + '00 00 00 00',
    );
    expect(text(lz4Decompress(frame, 100))).toBe('abcdabcdabcde');
    // The same where they are not linked: there is nothing to refer to.
    const apart = frame.slice();
    apart[4] = 0x60;
    expect(() => lz4Decompress(apart, 100)).toThrow(new WireError('lz4: a match reaches out of the output'));
  });

  test.each([
    ['04 22 4d 19', 'lz4: this is no frame'],
    ['04 22 4d 18 00 40 00', 'lz4: frames of version 0 are not known here'],
    ['04 22 4d 18 41 40 00', 'lz4: frames with dictionaries are not known here'],
    ['04 22 4d 18 40 30 00', 'lz4: 3 is no size of blocks'],
    ['04 22 4d 18 40 40 00 09 00 00 80 61', 'lz4: a block is cut short'],
    ['04 22 4d 18 40 40 00 01 00 00 80 61', 'lz4: the input ends inside a sequence'],
  ])('%s is refused: %s', (frame, message) => {
    expect(() => lz4Decompress(unhex(frame), 100)).toThrow(new WireError(message));
  });
});
