import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { InvariantError } from '../../../../core/base/assert.ts';
import { KafkaReader } from '../../../../core/wire/kafka/reader.ts';
import { KafkaWriter } from '../../../../core/wire/kafka/writer.ts';
import { WireError } from '../../../../core/wire/reader.ts';
import { bytesOf, hex, unhex } from './samples.ts';

function written(write: (writer: KafkaWriter) => void): Uint8Array {
  const writer = new KafkaWriter();
  write(writer);
  return bytesOf(writer.take());
}

const int32 = fc.integer();
const varlong = fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 });

describe('primitive types', () => {
  test.each([
    ['int16', -2, 'ff fe'],
    ['uint16', 65_534, 'ff fe'],
    ['int32', -2, 'ff ff ff fe'],
    ['uint32', 4_294_967_294, 'ff ff ff fe'],
    ['int64', -2, 'ff ff ff ff ff ff ff fe'],
    ['int64', Number.MAX_SAFE_INTEGER, '00 1f ff ff ff ff ff ff'],
    ['float64', -2.5, 'c0 04 00 00 00 00 00 00'],
    ['unsignedVarint', 300, 'ac 02'],
    ['unsignedVarint', 4_294_967_295, 'ff ff ff ff 0f'],
    ['varint', -1, '01'],
    ['varint', -2_147_483_648, 'ff ff ff ff 0f'],
    ['varlong', -1, '01'],
    ['varlong', 2 ** 52 - 1, 'fe ff ff ff ff ff ff 0f'],
  ] as const)('%s of %d is %s', (type, value, bytes) => {
    expect(hex(written((writer) => writer[type](value)))).toBe(bytes);
    expect(new KafkaReader(unhex(bytes))[type]()).toBe(value);
  });

  test('every number reads as it was written', () => {
    fc.assert(
      fc.property(int32, varlong, fc.maxSafeInteger(), (small, medium, large) => {
        const reader = new KafkaReader(
          written((writer) => {
            writer.varint(small);
            writer.varlong(medium);
            writer.int64(large);
            writer.unsignedVarint(small >>> 0);
            writer.int32(small);
          }),
        );
        expect(reader.varint()).toBe(small);
        expect(reader.varlong()).toBe(medium);
        expect(reader.int64()).toBe(large);
        expect(reader.unsignedVarint()).toBe(small >>> 0);
        expect(reader.int32()).toBe(small);
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  test('64 bits that are no safe integer are refused, or read as the nearest one where that is asked for', () => {
    const largest = unhex('7f ff ff ff ff ff ff ff');
    expect(() => new KafkaReader(largest).int64()).toThrow(
      new WireError('an int64 is out of the range ±(2^53 − 1)'),
    );
    expect(new KafkaReader(largest).saturatedInt64()).toBe(Number.MAX_SAFE_INTEGER);
    const long = unhex('ff ff ff ff ff ff ff ff ff 01');
    expect(() => new KafkaReader(long).varlong()).toThrow(
      new WireError('a varlong is out of the range ±(2^52 − 1)'),
    );
  });

  test('a number that its type cannot hold is a broken invariant', () => {
    const writer = new KafkaWriter();
    for (const write of [
      () => writer.int8(128),
      () => writer.int16(32_768),
      () => writer.int32(2 ** 31),
      () => writer.int64(2 ** 53),
      () => writer.int32(undefined as unknown as number),
      () => writer.unsignedVarint(-1),
      () => writer.uuid('short'),
    ]) {
      expect(write).toThrow(InvariantError);
    }
  });
});

describe('what is written', () => {
  test('moves to another block where one is full, with sized parts that are open', () => {
    for (const before of [0, 16_370, 16_380, 16_384, 20_000]) {
      for (const inside of [0, 1, 127, 128, 16_383, 40_000]) {
        const bytes = written((writer) => {
          for (let at = 0; at < before; at += 1) writer.int8(1);
          const start = writer.beginSized();
          for (let at = 0; at < inside; at += 1) writer.int8(2);
          writer.endSized(start);
          writer.int8(3);
        });
        const reader = new KafkaReader(bytes);
        expect(reader.raw(before).every((byte) => byte === 1)).toBe(true);
        expect(reader.unsignedVarint()).toBe(inside);
        expect(reader.raw(inside).every((byte) => byte === 2)).toBe(true);
        expect(reader.int8()).toBe(3);
        expect(reader.remaining).toBe(0);
      }
    }
  });

  test('is copied where it is short and referred to where it is long', () => {
    const short = new Uint8Array(1_023).fill(1);
    const long = new Uint8Array(1_024).fill(2);
    const writer = new KafkaWriter();
    writer.int8(0);
    writer.raw(short);
    writer.raw(long);
    writer.int8(3);
    const { chunks, lengthBytes } = writer.take();
    expect(chunks.map((chunk) => (chunk as Uint8Array).length)).toEqual([1_024, 1_024, 1]);
    expect(chunks[1]).toBe(long);
    expect(lengthBytes).toBe(2_049);
  });
});
