import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { concatBytes } from '../../../../core/base/bytes.ts';
import { encodeEndMarker, endMarkerOf } from '../../../../core/wire/kafka/control-records.ts';
import {
  batchHeaderBytes,
  type RecordBatch,
  scanBatches,
  sequencePlus,
} from '../../../../core/wire/kafka/record-batch.ts';
import { decodeRecords, encodeBatch, type NewRecord } from '../../../../core/wire/kafka/records.ts';
import { WireError } from '../../../../core/wire/reader.ts';
import { hex, unhex } from './samples.ts';

function text(characters: string): Uint8Array {
  return new TextEncoder().encode(characters);
}

function only(bytes: Uint8Array): RecordBatch {
  const { batches, problem } = scanBatches(bytes);
  expect(problem).toBeUndefined();
  expect(batches).toHaveLength(1);
  return batches[0] as RecordBatch;
}

const small = encodeBatch({
  records: [
    { timestampMs: 1_000, key: text('k'), value: text('v1'), headers: [{ key: 'h', value: text('x') }] },
    { timestampMs: 1_003, value: undefined, key: text('k') },
  ],
  producerId: 9,
  producerEpoch: 1,
  baseSequence: 5,
});

const anyRecord: fc.Arbitrary<NewRecord> = fc.record({
  timestampMs: fc.integer({ min: -1, max: 2 ** 45 }),
  key: fc.option(fc.uint8Array({ maxLength: 10 }), { nil: undefined }),
  value: fc.option(fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.constant(new Uint8Array(2_000))), {
    nil: undefined,
  }),
  headers: fc.array(
    fc.record({
      key: fc.string({ unit: 'grapheme', maxLength: 5 }),
      value: fc.option(fc.uint8Array({ maxLength: 5 }), { nil: undefined }),
    }),
    { maxLength: 2 },
  ),
});

describe('a batch of the protocol', () => {
  test('is laid out as documented', () => {
    expect(hex(small)).toBe(
      '00 00 00 00 00 00 00 00' + // base offset
        ' 00 00 00 47' + // length
        ' ff ff ff ff' + // leader epoch
        ' 02' + // magic
        ` ${hex(small.subarray(17, 21))}` + // checksum
        ' 00 00' + // attributes
        ' 00 00 00 01' + // last offset delta
        ' 00 00 00 00 00 00 03 e8' + // base timestamp
        ' 00 00 00 00 00 00 03 eb' + // largest timestamp
        ' 00 00 00 00 00 00 00 09' + // producer
        ' 00 01' + // its epoch
        ' 00 00 00 05' + // base sequence
        ' 00 00 00 02' + // records
        ' 1a 00 00 00 02 6b 04 76 31 02 02 68 02 78' +
        ' 0e 00 06 02 02 6b 01 00',
    );
  });

  test('reads as it was written', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 5 }), fc.nat(), (records, baseOffset) => {
        const batch = only(encodeBatch({ records, baseOffset, leaderEpoch: 3, baseSequence: 1 }));
        expect(batch.isIntact()).toBe(true);
        expect(batch).toMatchObject({
          baseOffset,
          leaderEpoch: 3,
          lastOffset: baseOffset + records.length - 1,
          recordCount: records.length,
          maxTimestampMs: Math.max(...records.map(({ timestampMs }) => timestampMs)),
          producerId: -1,
          producerEpoch: -1,
          lastSequence: records.length,
          compression: 'none',
          timestampType: 'createTime',
          isTransactional: false,
          isControl: false,
        });
        expect(decodeRecords(batch)).toEqual(
          records.map((record, at) => ({ ...record, offset: baseOffset + at })),
        );
      }),
    );
  });

  test('keeps its checksum when it is stamped in place, and not when anything else changes', () => {
    const bytes = small.slice();
    const batch = only(bytes);
    batch.stamp({ baseOffset: 5_000_000_000, leaderEpoch: 77 });
    expect(batch).toMatchObject({ baseOffset: 5_000_000_000, lastOffset: 5_000_000_001, leaderEpoch: 77 });
    expect(batch.isIntact()).toBe(true);
    for (let at = 21; at < bytes.length; at += 1) {
      bytes[at] = (bytes[at] as number) ^ 0x40;
      expect(batch.isIntact()).toBe(false);
      bytes[at] = (bytes[at] as number) ^ 0x40;
    }
    expect(batch.isIntact()).toBe(true);
  });

  test('gives its records the time of the append where the broker stamps it', () => {
    const batch = only(small.slice());
    batch.stampLogAppendTime(2_000_000_000_000);
    expect(batch).toMatchObject({ timestampType: 'logAppendTime', maxTimestampMs: 2_000_000_000_000 });
    expect(batch.isIntact()).toBe(true);
    expect(decodeRecords(batch).map(({ timestampMs }) => timestampMs)).toEqual([
      2_000_000_000_000, 2_000_000_000_000,
    ]);
  });

  test('has records whose first is the base of offsets and timestamps, so that a small one takes few bytes', () => {
    const bytes = encodeBatch({ records: [{ timestampMs: 1_502_309_003_247, value: text('hello') }] });
    expect(hex(bytes.subarray(batchHeaderBytes))).toBe('16 00 00 00 01 0a 68 65 6c 6c 6f 00');
  });

  test('that was compacted keeps its offsets', () => {
    const bytes = encodeBatch({
      records: [
        { timestampMs: 5, offset: 12, value: text('a') },
        { timestampMs: 6, offset: 17, value: text('b') },
      ],
      baseOffset: 10,
      lastOffsetDelta: 9,
      baseTimestampMs: 1,
      maxTimestampMs: 9,
    });
    const batch = only(bytes);
    expect(batch).toMatchObject({ baseOffset: 10, lastOffset: 19, recordCount: 2, maxTimestampMs: 9 });
    expect(decodeRecords(batch).map(({ offset, timestampMs }) => [offset, timestampMs])).toEqual([
      [12, 5],
      [17, 6],
    ]);
    const empty = only(encodeBatch({ records: [], baseOffset: 10, lastOffsetDelta: 9 }));
    expect(empty).toMatchObject({ recordCount: 0, lastOffset: 19 });
    expect(decodeRecords(empty)).toEqual([]);
  });

  test('sequences begin anew behind 2^31 − 1', () => {
    expect(sequencePlus(2_147_483_647, 1)).toBe(0);
    expect(sequencePlus(2_147_483_646, 1)).toBe(2_147_483_647);
  });
});

describe('batches one behind the other', () => {
  test('are found by their headers', () => {
    const { batches, wholeBytes, problem } = scanBatches(concatBytes([small, small, small]));
    expect(batches.map(({ positionBytes }) => positionBytes)).toEqual([0, small.length, 2 * small.length]);
    expect(wholeBytes).toBe(3 * small.length);
    expect(problem).toBeUndefined();
  });

  test('the last of which is cut short end where the whole ones end', () => {
    for (let length = 1; length < small.length; length += 1) {
      const scan = scanBatches(concatBytes([small, small.subarray(0, length)]));
      expect(scan).toMatchObject({
        wholeBytes: small.length,
        problem: { kind: 'cutShort', positionBytes: small.length },
      });
      expect(scan.batches).toHaveLength(1);
    }
  });

  test.each([
    ['magic 1 is of an older format', 16, '01', 'oldFormat', 'a message has magic 1'],
    ['magic 3 is of nobody', 16, '03', 'malformed', 'a batch has magic 3'],
    ['a length below the header’s', 8, '00 00 00 30', 'malformed', 'a batch has length 48'],
    ['a negative length', 8, 'ff ff ff ff', 'malformed', 'a batch has length -1'],
    [
      'more records than offsets',
      57,
      '00 00 00 03',
      'malformed',
      'a batch has 3 records and last offset delta 1',
    ],
    ['a negative count', 57, 'ff ff ff ff', 'malformed', 'a batch has -1 records and last offset delta 1'],
    ['a negative delta', 23, 'ff ff ff ff', 'malformed', 'a batch has 2 records and last offset delta -1'],
  ])('%s: told, not thrown', (_, at, changed, kind, message) => {
    const bytes = small.slice();
    bytes.set(unhex(changed), at);
    expect(scanBatches(bytes)).toEqual({
      batches: [],
      wholeBytes: 0,
      problem: { kind, message, positionBytes: 0 },
    });
  });

  test('numbers beyond what is exact are read as the nearest that is', () => {
    const bytes = small.slice();
    bytes.set(unhex('7f ff ff ff ff ff ff ff'), 43);
    bytes.set(unhex('80 00 00 00 00 00 00 00'), 27);
    expect(only(bytes)).toMatchObject({
      producerId: Number.MAX_SAFE_INTEGER,
      baseTimestampMs: Number.MIN_SAFE_INTEGER,
    });
  });

  test('hold any bytes whatever without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 199 }), (noise, at) => {
        scanBatches(noise);
        const damaged = concatBytes([small, noise]);
        damaged[at % damaged.length] = 0xff;
        for (const batch of scanBatches(damaged).batches) {
          try {
            decodeRecords(batch);
          } catch (error) {
            expect(error).toBeInstanceOf(WireError);
          }
        }
      }),
    );
  });
});

describe('records', () => {
  test('that are compressed are not guessed at', () => {
    const bytes = encodeBatch({
      records: [{ timestampMs: 1, value: text('a') }],
      compression: { codec: 'zstd', compress: () => unhex('28 b5 2f fd') },
    });
    const batch = only(bytes);
    expect(batch.compression).toBe('zstd');
    expect(hex(batch.body)).toBe('28 b5 2f fd');
    expect(() => decodeRecords(batch)).toThrow(new WireError('records are compressed (codec 4)'));
  });

  test.each([
    [
      'a record longer than what is there',
      batchHeaderBytes,
      '7e',
      'a length reaches past the end of the input',
    ],
    ['a record shorter than its fields', batchHeaderBytes, '02', 'the input ends inside a value'],
    ['a record longer than its fields', batchHeaderBytes, '1c', 'record 0 is shorter than its length says'],
    ['a count that cannot be', 57, '00 00 00 05', '5 records do not fit into 22 bytes'],
    ['a record that is missing', 57, '00 00 00 01', '8 bytes follow the last record'],
    ['offsets that stand still', batchHeaderBytes + 17, '00', 'record 1 has offset delta 0 behind 0'],
    ['headers without end', batchHeaderBytes + 9, '7e', 'a record has 63 headers'],
  ])('%s: refused', (_, at, changed, message) => {
    const bytes = small.slice();
    bytes.set(unhex(changed), at);
    // More offsets, so that the count is the records' own affair.
    bytes.set(unhex('00 00 00 09'), 23);
    expect(() => decodeRecords(only(bytes))).toThrow(new WireError(message));
  });
});

describe('control batches', () => {
  test.each(['commit', 'abort'] as const)('tell that a transaction ended with %s', (outcome) => {
    const batch = only(
      encodeEndMarker({ outcome, coordinatorEpoch: 258, producerId: 3, producerEpoch: 2, timestampMs: 10 }),
    );
    expect(batch).toMatchObject({
      isControl: true,
      isTransactional: true,
      producerId: 3,
      producerEpoch: 2,
      baseSequence: -1,
    });
    const [record] = decodeRecords(batch);
    if (record === undefined) throw new Error('a marker is a record');
    expect(hex(record.key as Uint8Array)).toBe(`00 00 00 ${outcome === 'commit' ? '01' : '00'}`);
    expect(hex(record.value as Uint8Array)).toBe('00 00 00 00 01 02');
    expect(endMarkerOf(record)).toEqual({ outcome, coordinatorEpoch: 258 });
  });

  test('of other types are no end of a transaction', () => {
    const base = { offset: 0, timestampMs: 0, headers: [] };
    const value = unhex('00 00 00 00 00 00');
    expect(endMarkerOf({ ...base, key: unhex('00 00 00 02'), value })).toBeUndefined();
    expect(endMarkerOf({ ...base, key: unhex('00 00'), value })).toBeUndefined();
    expect(endMarkerOf({ ...base, key: undefined, value })).toBeUndefined();
    expect(endMarkerOf({ ...base, key: unhex('00 00 00 01'), value: unhex('00') })).toBeUndefined();
  });
});
