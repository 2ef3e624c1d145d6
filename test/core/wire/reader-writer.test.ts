import fc from 'fast-check';
import { expect, test } from 'vitest';

import { InvariantError } from '../../../core/base/assert.ts';
import { WireError, WireReader } from '../../../core/wire/reader.ts';
import { WireWriter } from '../../../core/wire/writer.ts';

type Value =
  | { readonly kind: 'byte'; readonly value: number }
  | { readonly kind: 'uint32LittleEndian'; readonly value: number }
  | { readonly kind: 'varint'; readonly value: number }
  | { readonly kind: 'int64'; readonly value: number }
  | { readonly kind: 'int32'; readonly value: number }
  | { readonly kind: 'uint32'; readonly value: number }
  | { readonly kind: 'uint64'; readonly value: bigint }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'latin1'; readonly value: string }
  | { readonly kind: 'text'; readonly value: string };

const byte = fc.integer({ min: 0, max: 255 });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const value: fc.Arbitrary<Value> = fc.oneof(
  byte.map((given) => ({ kind: 'byte' as const, value: given })),
  uint32.map((given) => ({ kind: 'uint32LittleEndian' as const, value: given })),
  fc.maxSafeNat().map((given) => ({ kind: 'varint' as const, value: given })),
  fc.maxSafeInteger().map((given) => ({ kind: 'int64' as const, value: given })),
  fc.integer().map((given) => ({ kind: 'int32' as const, value: given })),
  uint32.map((given) => ({ kind: 'uint32' as const, value: given })),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((given) => ({ kind: 'uint64' as const, value: given })),
  fc.uint8Array({ maxLength: 5_000 }).map((given) => ({ kind: 'bytes' as const, value: given })),
  fc.array(byte, { maxLength: 300 }).map((given) => ({
    kind: 'latin1' as const,
    value: String.fromCharCode(...given),
  })),
  fc.string({ unit: 'binary', maxLength: 100 }).map((given) => ({ kind: 'text' as const, value: given })),
);

function write(writer: WireWriter, item: Value): void {
  switch (item.kind) {
    case 'uint64':
      writer.uint64(item.value);
      break;
    case 'bytes':
      writer.bytes(item.value);
      break;
    case 'latin1':
    case 'text':
      writer[item.kind](item.value);
      break;
    default:
      writer[item.kind](item.value);
  }
}

test('a reader gives back what a writer was given, one after the other, and refuses each cut', () => {
  const writer = new WireWriter();
  fc.assert(
    fc.property(fc.array(value, { maxLength: 30 }), (values) => {
      writer.reset();
      for (const item of values) write(writer, item);
      const written = writer.finish();
      expect(written.length).toBe(writer.length);
      const reader = new WireReader(written);
      for (const item of values) {
        const start = reader.position;
        expect(reader[item.kind]()).toEqual(item.value);
        const cut = new WireReader(written, start, reader.position - 1);
        expect(() => cut[item.kind]()).toThrow(WireError);
      }
      expect(reader.done).toBe(true);
      expect(() => reader.byte()).toThrow(WireError);
    }),
    { numRuns: 200 },
  );
});

test('what a writer finished is not changed by what it writes next', () => {
  const writer = new WireWriter();
  writer.text('first');
  const first = writer.finish();
  writer.reset();
  writer.text('other');
  expect(new WireReader(first).text()).toBe('first');
});

test('a writer forgets the buffer that a large message made', () => {
  const writer = new WireWriter();
  writer.raw(new Uint8Array(1_000_000));
  expect(writer.finish().length).toBe(1_000_000);
  writer.reset();
  writer.byte(7);
  expect(writer.finish()).toEqual(Uint8Array.of(7));
  expect(writer.finish().buffer.byteLength).toBe(1);
});

test('parts within parts keep their lengths, however many bytes those take', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(0, 1, 120, 127, 128, 16_300, 16_383, 16_384), { maxLength: 8 }),
      (sizes) => {
        const writer = new WireWriter();
        const starts = sizes.map((size) => {
          const start = writer.begin();
          writer.raw(new Uint8Array(size).fill(size & 0xff));
          return start;
        });
        for (const start of starts.toReversed()) {
          writer.end(start);
          writer.byte(0xee);
        }
        let reader = new WireReader(writer.finish());
        const outer: WireReader[] = [];
        for (const size of sizes) {
          outer.push(reader);
          reader = reader.part();
          expect(reader.raw(size)).toEqual(new Uint8Array(size).fill(size & 0xff));
        }
        for (const parent of outer.toReversed()) {
          expect(reader.done).toBe(true);
          reader = parent;
          expect(reader.byte()).toBe(0xee);
        }
      },
    ),
    { numRuns: 100 },
  );
});

test('a length may not reach past the end of its own part', () => {
  const inner = new WireReader(Uint8Array.of(3, 9, 1, 2, 3, 4, 5)).part();
  expect(() => inner.bytes()).toThrow(WireError);
  expect(() => new WireReader(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f)).bytes()).toThrow(
    WireError,
  );
  expect(() => new WireReader(Uint8Array.of(1)).raw(2)).toThrow(WireError);
});

test('what no varint can hold is a mistake of the writer', () => {
  const writer = new WireWriter();
  for (const wrong of [-1, 0.5, 2 ** 53, Number.NaN, Infinity]) {
    expect(() => writer.varint(wrong)).toThrow(InvariantError);
  }
});
