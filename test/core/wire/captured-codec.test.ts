import fc from 'fast-check';
import { expect, test } from 'vitest';

import { type Captured } from '../../../core/base/capture.ts';
import { capturedDepthMax, readCaptured, writeCaptured } from '../../../core/wire/captured-codec.ts';
import { WireError, WireReader } from '../../../core/wire/reader.ts';
import { WireWriter } from '../../../core/wire/writer.ts';

function encode(value: Captured): Uint8Array {
  const writer = new WireWriter();
  writeCaptured(writer, value);
  return writer.finish();
}

function decode(bytes: Uint8Array): Captured {
  const reader = new WireReader(bytes);
  const value = readCaptured(reader);
  expect(reader.done).toBe(true);
  return value;
}

const { value: captured } = fc.letrec<{ value: Captured }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constant(undefined),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.bigInt(),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
    fc.uint8Array(),
    fc.array(tie('value')),
    // A field of this name would be the object's prototype; no machine has one.
    fc.dictionary(
      fc.string().filter((name) => name !== '__proto__'),
      tie('value'),
      { noNullPrototype: true },
    ),
  ),
}));

test('whatever can be captured comes back as it was', () => {
  fc.assert(
    fc.property(captured, (value) => {
      expect(decode(encode(value))).toStrictEqual(value);
    }),
  );
});

test('fields keep their order, also those that are undefined, and the same state gives the same bytes', () => {
  const value = {
    second: 1,
    first: undefined,
    third: [
      { b: 1, a: 2 },
      { a: 1, b: 2 },
    ],
  };
  const again = decode(encode(value)) as typeof value;
  expect(Object.keys(again)).toEqual(['second', 'first', 'third']);
  expect(again.third.map((item) => Object.keys(item))).toEqual([
    ['b', 'a'],
    ['a', 'b'],
  ]);
  expect(encode(again)).toEqual(encode(value));
});

test('the names of a shape are written once', () => {
  const lease = (id: number) => ({ leaseIdentifier: id, grantedSeconds: 60, remainingMicroseconds: 1 });
  const one = encode([lease(1)]).length;
  const thousand = encode(Array.from({ length: 1_001 }, (_, id) => lease(id % 100))).length;
  expect((thousand - one) / 1_000).toBeLessThan(10);
});

test('damaged input is refused, never followed', () => {
  const whole = encode({ list: [1, 'two', 3n], more: new Uint8Array(5), deep: { far: -1.5 } });
  for (let length = 0; length < whole.length; length += 1) {
    expect(() => readCaptured(new WireReader(whole.subarray(0, length)))).toThrow(WireError);
  }
  expect(() => readCaptured(new WireReader(new Uint8Array([99])))).toThrow('unknown type 99');
  expect(() => readCaptured(new WireReader(new Uint8Array([13, 0])))).toThrow('a shape that it has not');
  const nested = new Uint8Array(3 * capturedDepthMax).fill(1);
  for (let at = 0; at < nested.length; at += 2) nested[at] = 11;
  expect(() => readCaptured(new WireReader(nested))).toThrow('nested too deep');
});
