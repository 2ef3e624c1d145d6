import fc from 'fast-check';
import { expect, test } from 'vitest';

import { InvariantError } from '../../../core/base/assert.ts';
import {
  bool,
  bytes,
  enumeration,
  id64,
  type Infer,
  int32,
  int64,
  latin1,
  message,
  type Message,
  nested,
  optional,
  repeated,
  saturatedInt64,
  text,
  uint32,
  uint64,
} from '../../../core/wire/protobuf.ts';
import { WireError, wireDepthMax } from '../../../core/wire/reader.ts';

const Test1 = message('Test1', { a: int64(1) });
const Test2 = message('Test2', { b: text(2) });
const Test3 = message('Test3', { c: nested(3, () => Test1) });
const Test4 = message('Test4', { d: text(4), e: repeated(int32(5)) });
const Test5 = message('Test5', { f: repeated(int32(6)) });

const Everything = message('Everything', {
  int32: int32(1),
  int64: int64(2),
  uint32: uint32(3),
  uint64: uint64(4),
  id: id64(5),
  bool: bool(6),
  kind: enumeration(7),
  text: text(8),
  latin1: latin1(9),
  bytes: bytes(10),
  child: nested(11, (): Message<Infer<typeof Test1>> => Test1),
  maybeInt: optional(int64(12)),
  maybeText: optional(text(13)),
  numbers: repeated(int64(100)),
  ids: repeated(id64(101)),
  flags: repeated(bool(102)),
  texts: repeated(text(2_000)),
  keys: repeated(latin1(2_001)),
  children: repeated(nested(536_870_911, (): Message<Infer<typeof Test1>> => Test1)),
});
type Everything = Infer<typeof Everything>;

interface Tree {
  readonly label: number;
  readonly left: Tree | undefined;
  readonly others: readonly Tree[];
}
const Tree: Message<Tree> = message('Tree', {
  label: uint32(1),
  left: nested(2, () => Tree),
  others: repeated(nested(3, () => Tree)),
});

function hex(encoded: Uint8Array): string {
  return Array.from(encoded, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

function unhex(encoded: string): Uint8Array {
  return Uint8Array.from(encoded.split(' ').filter(Boolean), (byte) => Number.parseInt(byte, 16));
}

test('writes what the encoding reference shows: varints, strings, nested and packed fields', () => {
  expect(hex(Test1.encode({ a: 150 }))).toBe('08 96 01');
  expect(hex(Test2.encode({ b: 'testing' }))).toBe('12 07 74 65 73 74 69 6e 67');
  expect(hex(Test3.encode({ c: { a: 150 } }))).toBe('1a 03 08 96 01');
  expect(hex(Test4.encode({ d: 'hello', e: [1, 2, 3] }))).toBe('22 05 68 65 6c 6c 6f 2a 03 01 02 03');
  expect(hex(Test5.encode({ f: [3, 270, 86_942] }))).toBe('32 06 03 8e 02 9e a7 05');
});

test('writes negative numbers as ten bytes of two’s complement', () => {
  expect(hex(Test1.encode({ a: -2 }))).toBe('08 fe ff ff ff ff ff ff ff ff 01');
  expect(hex(Test1.encode({ a: -(2 ** 31) }))).toBe('08 80 80 80 80 f8 ff ff ff ff 01');
  expect(hex(Test1.encode({ a: Number.MIN_SAFE_INTEGER }))).toBe('08 81 80 80 80 80 80 80 f0 ff 01');
  expect(hex(Test5.encode({ f: [-1] }))).toBe('32 0a ff ff ff ff ff ff ff ff ff 01');
});

test('writes and reads the bounds of every kind of number', () => {
  const bounds: [Partial<Everything>, string][] = [
    [{ int64: Number.MAX_SAFE_INTEGER }, '10 ff ff ff ff ff ff ff 0f'],
    [{ uint64: Number.MAX_SAFE_INTEGER }, '20 ff ff ff ff ff ff ff 0f'],
    [{ int64: 2 ** 32 }, '10 80 80 80 80 10'],
    [{ int64: 2 ** 32 - 1 }, '10 ff ff ff ff 0f'],
    [{ int64: 2 ** 28 }, '10 80 80 80 80 01'],
    [{ int64: 127 }, '10 7f'],
    [{ int64: 128 }, '10 80 01'],
    [{ int32: 2 ** 31 - 1 }, '08 ff ff ff ff 07'],
    [{ int32: -(2 ** 31) }, '08 80 80 80 80 f8 ff ff ff ff 01'],
    [{ uint32: 2 ** 32 - 1 }, '18 ff ff ff ff 0f'],
    [{ id: 2n ** 64n - 1n }, '28 ff ff ff ff ff ff ff ff ff 01'],
    [{ id: 2n ** 63n }, '28 80 80 80 80 80 80 80 80 80 01'],
    [{ id: 2n ** 53n }, '28 80 80 80 80 80 80 80 10'],
    [{ id: 2n ** 53n - 1n }, '28 ff ff ff ff ff ff ff 0f'],
    [{ id: 128n }, '28 80 01'],
    [{ kind: -1 }, '38 ff ff ff ff ff ff ff ff ff 01'],
    [{ bool: true }, '30 01'],
  ];
  for (const [fields, encoded] of bounds) {
    expect(hex(Everything.encode(Everything.create(fields)))).toBe(encoded);
    expect(Everything.decode(unhex(encoded))).toEqual(Everything.create(fields));
  }
});

test('an id is a pattern of 64 bits: a negative one is written as etcd writes it', () => {
  expect(hex(Everything.encode(Everything.create({ id: -1n })))).toBe('28 ff ff ff ff ff ff ff ff ff 01');
});

test('refuses to write what the type cannot hold', () => {
  const wrong: Partial<Everything>[] = [
    { int32: 2 ** 31 },
    { int32: 0.5 },
    { kind: -(2 ** 31) - 1 },
    { uint32: -1 },
    { uint32: 2 ** 32 },
    { int64: 2 ** 53 },
    { int64: -(2 ** 53) },
    { int64: 1.5 },
    { int64: Number.NaN },
    { uint64: -1 },
    { uint64: Infinity },
    { latin1: 'snow\u2603man' },
  ];
  for (const fields of wrong) {
    expect(() => Everything.encode(Everything.create(fields))).toThrow(InvariantError);
    // A refused message leaves nothing in the encoder that the next one shows.
    expect(hex(Test1.encode({ a: 150 }))).toBe('08 96 01');
  }
});

test('integers beyond ±(2^53 − 1) are refused, not rounded; ids are not bound by that', () => {
  for (const encoded of [
    '10 80 80 80 80 80 80 80 10',
    '10 ff ff ff ff ff ff ff ff 7f',
    '10 80 80 80 80 80 80 80 f0 ff 01',
    '20 80 80 80 80 80 80 80 10',
    '20 ff ff ff ff ff ff ff ff ff 01',
  ]) {
    expect(() => Everything.decode(unhex(encoded))).toThrow(WireError);
  }
  expect(Everything.decode(unhex('28 80 80 80 80 80 80 80 10')).id).toBe(2n ** 53n);
});

test('a number that is held against a bound is read as the nearest safe integer', () => {
  const Bounded = message('Bounded', { value: saturatedInt64(1) });
  const AsId = message('AsId', { value: id64(1) });
  const safe = BigInt(Number.MAX_SAFE_INTEGER);
  for (const [value, read] of [
    [5n, 5],
    [-5n, -5],
    [safe, Number.MAX_SAFE_INTEGER],
    [safe + 1n, Number.MAX_SAFE_INTEGER],
    [2n ** 63n - 1n, Number.MAX_SAFE_INTEGER],
    [-(2n ** 63n), Number.MIN_SAFE_INTEGER],
  ] as const) {
    const encoded = AsId.encode({ value: BigInt.asUintN(64, value) });
    expect(Bounded.decode(encoded)).toEqual({ value: read });
    if (BigInt(read) === value) expect(Bounded.encode({ value: read })).toEqual(encoded);
  }
});

test('varints may be longer than they need to be, up to ten bytes', () => {
  expect(Test1.decode(unhex('08 96 81 80 80 80 80 80 80 80 00')).a).toBe(150);
  expect(Everything.decode(unhex('28 81 80 80 80 80 80 80 80 80 00')).id).toBe(1n);
  expect(Everything.decode(unhex('08 81 80 80 80 80 80 80 80 80 00')).int32).toBe(1);
  expect(Everything.decode(unhex('30 80 80 80 80 80 80 80 80 80 00')).bool).toBe(false);
  for (const tag of ['08', '10', '18', '20', '28', '30', '38', 'f8 7f']) {
    expect(() => Everything.decode(unhex(`${tag} 80 80 80 80 80 80 80 80 80 80 00`))).toThrow(WireError);
  }
});

test('32-bit fields keep the low 32 bits of a longer varint, and any varint but 0 is true', () => {
  expect(Everything.decode(unhex('08 ff ff ff ff ff ff ff ff ff 01')).int32).toBe(-1);
  expect(Everything.decode(unhex('08 ff ff ff ff 0f')).int32).toBe(-1);
  expect(Everything.decode(unhex('18 81 80 80 80 10')).uint32).toBe(1);
  expect(Everything.decode(unhex('30 80 80 80 80 80 80 80 80 80 01')).bool).toBe(true);
  expect(Everything.decode(unhex('30 02')).bool).toBe(true);
  // What a tenth byte has beyond 64 bits counts nowhere.
  expect(Everything.decode(unhex('30 80 80 80 80 80 80 80 80 80 02')).bool).toBe(false);
  expect(Everything.decode(unhex('28 80 80 80 80 80 80 80 80 80 02')).id).toBe(0n);
  expect(Everything.decode(unhex('10 80 80 80 80 80 80 80 80 80 02')).int64).toBe(0);
});

const numbers = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.integer({ min: -200, max: 200 }));
const uint32s = fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.nat(200));
const ids = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 300n }));
const latin1s = fc.uint8Array({ maxLength: 200 }).map((given) => String.fromCharCode(...given));
const texts = fc.string({ unit: 'binary', maxLength: 60 });
const child = fc.record({ a: numbers });
const everything: fc.Arbitrary<Everything> = fc.record({
  int32: fc.integer(),
  int64: numbers,
  uint32: uint32s,
  uint64: fc.maxSafeNat(),
  id: ids,
  bool: fc.boolean(),
  kind: fc.integer(),
  text: texts,
  latin1: latin1s,
  bytes: fc.uint8Array({ maxLength: 300 }),
  child: fc.option(child, { nil: undefined }),
  maybeInt: fc.option(numbers, { nil: undefined }),
  maybeText: fc.option(texts, { nil: undefined }),
  numbers: fc.array(numbers, { maxLength: 40 }),
  ids: fc.array(ids, { maxLength: 5 }),
  flags: fc.array(fc.boolean(), { maxLength: 5 }),
  texts: fc.array(texts, { maxLength: 5 }),
  keys: fc.array(latin1s, { maxLength: 5 }),
  children: fc.array(child, { maxLength: 40 }),
});

test('what is written is read back, and every cut of it is refused or is a shorter message, never anything worse', () => {
  fc.assert(
    fc.property(everything, (value) => {
      const encoded = Everything.encode(value);
      expect(Everything.decode(encoded)).toEqual(value);
      for (let length = 0; length < encoded.length; length += 1) {
        const cut = encoded.subarray(0, length);
        try {
          // Cut between two fields, it is a message; it must then be the canonical form of one.
          expect(Everything.encode(Everything.decode(cut)).length).toBeLessThanOrEqual(length);
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
      }
    }),
    { numRuns: 100 },
  );
});

test('cut inside a field, at each of its bytes, a message is refused', () => {
  const encoded = Test3.encode({ c: { a: Number.MIN_SAFE_INTEGER } });
  expect(Test3.decode(new Uint8Array(0))).toEqual({ c: undefined });
  for (let length = 1; length < encoded.length; length += 1) {
    expect(() => Test3.decode(encoded.subarray(0, length))).toThrow(WireError);
  }
});

test('arbitrary bytes decode or throw WireError, and nothing else', () => {
  let decoded = 0;
  const tag = fc.constantFrom(0x08, 0x10, 0x28, 0x32, 0x42, 0x4a, 0x52, 0x5a, 0x7a, 0xa2);
  const byte = fc.oneof(tag, fc.nat(12), fc.nat(255));
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 40 }), (given) => {
      try {
        Everything.decode(Uint8Array.from(given));
        decoded += 1;
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
      }
    }),
    { numRuns: 2_000 },
  );
  expect(decoded).toBeGreaterThan(20);
});

test('unknown fields are skipped, whatever their type', () => {
  const unknown =
    'f8 07 ff ff ff ff ff ff ff ff ff 01 f9 07 01 02 03 04 05 06 07 08 fa 07 02 08 01 fd 07 01 02 03 04';
  expect(Test1.decode(unhex(`${unknown} 08 96 01 ${unknown}`))).toEqual({ a: 150 });
  for (let length = 1; length < unhex(unknown).length; length += 1) {
    const cut = unhex(unknown).subarray(0, length);
    if ([12, 22, 27].includes(length)) expect(Test1.decode(cut)).toEqual({ a: 0 });
    else expect(() => Test1.decode(cut)).toThrow(WireError);
  }
});

test('groups, unknown wire types, field number 0 and numbers beyond 29 bits are refused', () => {
  for (const encoded of ['0b', '0c', '7b 7c', '7e', '7f', '00 00', '02 00', '80 80 80 80 10 00']) {
    expect(() => Test1.decode(unhex(encoded))).toThrow(WireError);
  }
});

test('a known field of another type is refused, with its name', () => {
  expect(() => Test1.decode(unhex('0a 01 00'))).toThrow('Test1.a: wire type 2 where 0 belongs');
  expect(() => Test3.decode(unhex('1a 02 0a 00'))).toThrow('Test3.c: Test1.a: wire type 2 where 0 belongs');
  expect(() => Test2.decode(unhex('10 01'))).toThrow('Test2.b: wire type 0 where 2 belongs');
  expect(() => Test5.decode(unhex('31 01 02 03 04 05 06 07 08'))).toThrow(WireError);
});

test('repeated scalars are read packed, unpacked and mixed, in order', () => {
  expect(Test5.decode(unhex('30 01 32 02 02 03 30 04 32 00 30 05')).f).toEqual([1, 2, 3, 4, 5]);
  expect(() => Test5.decode(unhex('32 02 01 80'))).toThrow(WireError);
});

test('lists of one message are not lists of another', () => {
  expect(Test5.decode(unhex('30 01')).f).toEqual([1]);
  expect(Test5.decode(unhex('')).f).toEqual([]);
  expect(Test5.decode(unhex('30 02')).f).toEqual([2]);
  expect(Test5.create().f).toEqual([]);
});

test('a scalar that comes twice keeps the last, a message that comes twice is merged', () => {
  expect(Test1.decode(unhex('08 01 08 02')).a).toBe(2);
  const Pair = message('Pair', { x: int64(1), y: int64(2), list: repeated(int64(3)) });
  const Outer = message('Outer', { pair: nested(1, () => Pair) });
  expect(Outer.decode(unhex('0a 04 08 01 18 07 0a 04 10 02 18 08')).pair).toEqual({
    x: 1,
    y: 2,
    list: [7, 8],
  });
});

test('reading a long unpacked list is linear', { timeout: 20_000 }, () => {
  const count = 400_000;
  const encoded = new Uint8Array(count * 2);
  for (let at = 0; at < count; at += 1) encoded.set([0x30, at & 0x7f], at * 2);
  expect(Test5.decode(encoded).f.length).toBe(count);
});

test('a default is not written, a default in an optional field is', () => {
  expect(hex(Everything.encode(Everything.create()))).toBe('');
  expect(hex(Everything.encode(Everything.create({ maybeInt: 0, maybeText: '' })))).toBe('60 00 6a 00');
  expect(Everything.decode(unhex('60 00 6a 00'))).toEqual(Everything.create({ maybeInt: 0, maybeText: '' }));
  expect(hex(Everything.encode(Everything.create({ child: { a: 0 } })))).toBe('5a 00');
});

test('nested messages of every length keep their place: one, two and three bytes of length', () => {
  const Blob = message('Blob', { bytes: bytes(1) });
  const Outer = message('Outer', { before: int64(1), blob: nested(2, () => Blob), after: int64(3) });
  for (const length of [0, 1, 124, 125, 126, 127, 128, 16_378, 16_379, 16_380, 16_384, 70_000, 2_100_000]) {
    const value = { before: 1, blob: { bytes: new Uint8Array(length).fill(0xab) }, after: 3 };
    const encoded = Outer.encode(value);
    expect(Outer.decode(encoded)).toEqual(value);
    expect([...encoded.subarray(-2)]).toEqual([0x18, 3]);
  }
});

test('text is UTF-8 beyond the basic plane, and lone surrogates become U+FFFD', () => {
  expect(hex(Test2.encode({ b: 'aé☃😀' }))).toBe('12 0a 61 c3 a9 e2 98 83 f0 9f 98 80');
  expect(Test2.decode(unhex('12 0a 61 c3 a9 e2 98 83 f0 9f 98 80')).b).toBe('aé☃😀');
  expect(hex(Test2.encode({ b: '\ud800x\udc00' }))).toBe('12 07 ef bf bd 78 ef bf bd');
  for (const malformed of [
    '80',
    'c3',
    'c0 80',
    'e0 80 80',
    'ed a0 80',
    'f4 90 80 80',
    'f0 80 80 80',
    'ff',
    'e2 98',
  ]) {
    const encoded = unhex(malformed);
    expect(() => Test2.decode(Uint8Array.from([0x12, encoded.length, ...encoded]))).toThrow(
      'text is not UTF-8',
    );
  }
});

test('bytes are views of the input', () => {
  const encoded = Everything.encode(Everything.create({ bytes: Uint8Array.of(1, 2, 3) }));
  expect(Everything.decode(encoded).bytes.buffer).toBe(encoded.buffer);
});

function nest(depth: number): Tree {
  let tree: Tree = { label: 1, left: undefined, others: [] };
  for (let at = 0; at < depth; at += 1) tree = { label: 1, left: undefined, others: [tree] };
  return tree;
}

test('messages nest in themselves, up to a bound that is far from the stack’s', () => {
  const leaf = fc.record({ label: uint32s, left: fc.constant(undefined), others: fc.constant([]) });
  const tree = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      leaf,
      fc.record({
        label: uint32s,
        left: fc.option(tie('tree'), { nil: undefined }),
        others: fc.array(tie('tree'), { maxLength: 3 }),
      }),
    ),
  })).tree;
  fc.assert(
    fc.property(tree, (value) => {
      expect(Tree.decode(Tree.encode(value))).toEqual(value);
    }),
    { numRuns: 50 },
  );

  expect(Tree.decode(Tree.encode(nest(wireDepthMax)))).toEqual(nest(wireDepthMax));
  expect(() => Tree.decode(Tree.encode(nest(wireDepthMax + 1)))).toThrow('nested too deep');
  expect(Tree.decode(Tree.encode(nest(wireDepthMax + 1)), wireDepthMax + 1)).toEqual(nest(wireDepthMax + 1));
});

test('a few bytes a level cannot exhaust the stack', () => {
  let encoded = Uint8Array.of(0x12, 0x00);
  for (let depth = 0; depth < 5_000; depth += 1) {
    const length = encoded.length;
    const prefix = length < 128 ? [0x12, length] : [0x12, (length & 0x7f) | 0x80, length >> 7];
    encoded = Uint8Array.from([...prefix, ...encoded]);
  }
  expect(() => Tree.decode(encoded)).toThrow(WireError);
});

test('a declaration with one number for two fields, or a number that is none, is a mistake', () => {
  expect(() => message('Twice', { a: int64(1), b: text(1) })).toThrow(InvariantError);
  expect(() => message('Zero', { a: int64(0) })).toThrow(InvariantError);
  expect(() => message('Beyond', { a: int64(536_870_912) })).toThrow(InvariantError);
});
