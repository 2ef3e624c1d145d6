import { describe, expect, test } from 'vitest';

import { compressed, ownCompressions, recordsOf } from '../../../../adapters/kafka/client/compression.ts';
import { visibleRecords } from '../../../../adapters/kafka/client/fetcher.ts';
import { rangeAssignment } from '../../../../adapters/kafka/client/membership.ts';
import { murmur2, partitionOfKey } from '../../../../adapters/kafka/client/partitioner.ts';
import {
  ConsumerAssignment,
  ConsumerSubscription,
  decodeVersioned,
  encodeVersioned,
} from '../../../../core/wire/kafka/consumer-protocol.ts';
import { encodeEndMarker } from '../../../../core/wire/kafka/control-records.ts';
import { RecordBatch, scanBatches } from '../../../../core/wire/kafka/record-batch.ts';
import { encodeBatch, type NewBatch } from '../../../../core/wire/kafka/records.ts';
import { WireError } from '../../../../core/wire/reader.ts';

function batch(given: Partial<NewBatch> & { readonly value: string }, baseOffset: number): RecordBatch {
  const bytes = encodeBatch({ records: [{ timestampMs: 1, value: Buffer.from(given.value) }], ...given });
  const made = new RecordBatch(bytes);
  made.stamp({ baseOffset, leaderEpoch: 1 });
  return made;
}

function marker(outcome: 'commit' | 'abort', producerId: number, baseOffset: number): RecordBatch {
  const bytes = encodeEndMarker({
    outcome,
    coordinatorEpoch: 1,
    producerId,
    producerEpoch: 0,
    timestampMs: 1,
  });
  const made = new RecordBatch(bytes);
  made.stamp({ baseOffset, leaderEpoch: 1 });
  return made;
}

describe('a reader of committed records', () => {
  test('sees neither markers nor what aborted transactions wrote, and of the same producer what it wrote later', () => {
    const batches = [
      batch({ value: 'plain' }, 0),
      batch({ value: 'aborted', producerId: 1, isTransactional: true }, 1),
      batch({ value: 'committed', producerId: 2, isTransactional: true }, 2),
      marker('abort', 1, 3),
      marker('commit', 2, 4),
      batch({ value: 'again', producerId: 1, isTransactional: true }, 5),
      marker('commit', 1, 6),
    ];
    const seen = visibleRecords(batches, [{ producerId: 1, firstOffset: 1 }]);
    expect(seen.map(({ offset, value }) => [offset, Buffer.from(value ?? []).toString()])).toEqual([
      [0, 'plain'],
      [2, 'committed'],
      [5, 'again'],
    ]);
  });

  test('does not take a damaged batch for records', () => {
    const damaged = batch({ value: 'x' }, 9);
    damaged.bytes[damaged.bytes.length - 2] = 0x55;
    expect(() => visibleRecords([damaged], [])).toThrow('the batch at offset 9 is damaged');
  });
});

describe('compressed batches', () => {
  test.each(ownCompressions)('with %s are read as they were written', (codec) => {
    const value = 'a long value '.repeat(100);
    const made = batch({ value, compression: { codec, compress: (bytes) => compressed(codec, bytes) } }, 3);
    expect(made.compression).toBe(codec);
    expect(made.isIntact()).toBe(true);
    expect(scanBatches(made.bytes).problem).toBeUndefined();
    expect(recordsOf(made).map((record) => Buffer.from(record.value ?? []).toString())).toEqual([value]);
    if (codec !== 'none') expect(made.sizeBytes).toBeLessThan(value.length / 2);
  });

  test('that are not what they say, and codecs that are not known here, are refused by name', () => {
    const broken = batch({ value: 'x', compression: { codec: 'gzip', compress: (bytes) => bytes } }, 0);
    expect(() => recordsOf(broken)).toThrow(/^records do not decompress: /);
    const other = batch({ value: 'x', compression: { codec: 'lz4', compress: (bytes) => bytes } }, 0);
    expect(() => recordsOf(other)).toThrow(new WireError('lz4: this is no frame'));
    other.bytes[22] = 7;
    expect(() => recordsOf(other)).toThrow(
      new WireError('records are compressed with an unknown codec, not known here'),
    );
  });
});

describe('keys', () => {
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('%s hashes as with every client of Kafka', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash);
    expect(partitionOfKey(Buffer.from(key), 7)).toBe((hash & 0x7fffffff) % 7);
  });
});

describe('the assignor range', () => {
  test('gives runs of partitions, the first members one more', () => {
    const members = [
      { memberId: 'b', topics: ['t', 'u'] },
      { memberId: 'a', topics: ['t'] },
      { memberId: 'c', topics: ['t'] },
    ];
    const counts = new Map([
      ['t', 5],
      ['u', 2],
    ]);
    expect([...rangeAssignment(members, counts)]).toEqual([
      ['a', [{ topic: 't', partitions: [0, 1] }]],
      [
        'b',
        [
          { topic: 't', partitions: [2, 3] },
          { topic: 'u', partitions: [0, 1] },
        ],
      ],
      ['c', [{ topic: 't', partitions: [4] }]],
    ]);
  });

  test('leaves a member without anything where there are fewer partitions than members', () => {
    const members = ['a', 'b'].map((memberId) => ({ memberId, topics: ['t'] }));
    expect(rangeAssignment(members, new Map([['t', 1]])).get('b')).toEqual([]);
  });
});

describe('what members tell each other', () => {
  test('is laid out as with every client of Kafka', () => {
    const subscription = ConsumerSubscription.create({ topics: ['t'] });
    expect(Buffer.from(encodeVersioned(ConsumerSubscription, subscription, 0)).toString('hex')).toBe(
      '0000' + '00000001' + '000174' + 'ffffffff',
    );
    const assignment = ConsumerAssignment.create({ assignedPartitions: [{ topic: 't', partitions: [3] }] });
    expect(Buffer.from(encodeVersioned(ConsumerAssignment, assignment, 1)).toString('hex')).toBe(
      '0001' + '00000001' + '000174' + '00000001' + '00000003' + 'ffffffff',
    );
  });

  test('of a version from the future is read as far as it is known', () => {
    const subscription = ConsumerSubscription.create({ topics: ['t'], rackId: 'r' });
    const bytes = encodeVersioned(ConsumerSubscription, subscription, 3);
    bytes[1] = 9;
    expect(decodeVersioned(ConsumerSubscription, Buffer.concat([bytes, Buffer.from('more')]))).toEqual(
      subscription,
    );
    expect(() => decodeVersioned(ConsumerSubscription, Buffer.from('ffff', 'hex'))).toThrow(WireError);
  });
});
