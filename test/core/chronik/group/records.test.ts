import { expect, test } from 'vitest';

import { concatBytes } from '../../../../core/base/bytes.ts';
import {
  type OffsetsRecord,
  readOffsetsRecord,
  writeGroupValue,
  writeOffsetsKey,
  writeOffsetValue,
} from '../../../../core/chronik/group/offset-records.ts';
import { partitionOfGroup } from '../../../../core/chronik/group/placement.ts';
import { KafkaWriter } from '../../../../core/wire/kafka/writer.ts';
import { text } from './members.ts';

function written(write: (writer: KafkaWriter) => void): Uint8Array {
  const writer = new KafkaWriter();
  write(writer);
  return concatBytes(writer.take().chunks as readonly Uint8Array[]);
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('a group is where Java would put it: String.hashCode without its sign', () => {
  // "test".hashCode() = 3556498; "polygenelubricants".hashCode() = -2147483648, whose absolute value is none.
  expect(partitionOfGroup('test', 50)).toBe(3_556_498 % 50);
  expect(partitionOfGroup('polygenelubricants', 50)).toBe(0);
  expect(partitionOfGroup('', 50)).toBe(0);
  expect(partitionOfGroup('consumer-group-1', 50)).toBe((javaHash('consumer-group-1') & 0x7fffffff) % 50);
});

/** The definition, in arithmetic that does not wrap by itself. */
function javaHash(name: string): number {
  let hash = 0n;
  for (const char of name) hash = (hash * 31n + BigInt(char.charCodeAt(0))) & 0xffff_ffffn;
  return Number(BigInt.asIntN(32, hash));
}

test('an offset is written as Kafka writes it: key version 1, value version 3', () => {
  const record: OffsetsRecord = {
    kind: 'offset',
    group: 'g',
    topic: 'to',
    partition: 3,
    value: { offset: 258, leaderEpoch: 5, metadata: 'm', commitMs: 1, expireMs: -1 },
  };
  const key = written((writer) => {
    writeOffsetsKey(writer, record);
  });
  const { value } = record;
  if (value === undefined) throw new Error('a value');
  const bytes = written((writer) => {
    writeOffsetValue(writer, value);
  });
  expect(hex(key)).toBe('0001' + '000167' + '0002746f' + '00000003');
  expect(hex(bytes)).toBe('0003' + '0000000000000102' + '00000005' + '00016d' + '0000000000000001');
  expect(readOffsetsRecord(key, bytes)).toEqual(record);
  expect(readOffsetsRecord(key, undefined)).toEqual({ ...record, value: undefined });
});

test('an offset with an expiry of its own is written as version 1, which has room for it', () => {
  const value = { offset: 1, leaderEpoch: -1, metadata: '', commitMs: 2, expireMs: 3 };
  const bytes = written((writer) => {
    writeOffsetValue(writer, value);
  });
  expect(hex(bytes)).toBe('0001' + '0000000000000001' + '0000' + '0000000000000002' + '0000000000000003');
});

test('a group is written as Kafka writes it: key version 2, value version 3', () => {
  const record: OffsetsRecord = {
    kind: 'group',
    group: 'g',
    value: {
      protocolType: 'c',
      generation: 7,
      protocol: 'r',
      leader: 'l',
      stateSinceMs: 9,
      members: [
        {
          id: 'l',
          instanceId: undefined,
          clientId: 'i',
          clientHost: 'h',
          rebalanceTimeoutMs: 1,
          sessionTimeoutMs: 2,
          subscription: text('s'),
          assignment: text('a'),
        },
      ],
    },
  };
  const key = written((writer) => {
    writeOffsetsKey(writer, record);
  });
  const { value } = record;
  if (value === undefined) throw new Error('a value');
  const bytes = written((writer) => {
    writeGroupValue(writer, value);
  });
  expect(hex(key)).toBe('0002' + '000167');
  expect(hex(bytes)).toBe(
    '0003' +
      '000163' +
      '00000007' +
      '000172' +
      '00016c' +
      '0000000000000009' +
      '00000001' +
      '00016c' +
      'ffff' +
      '000169' +
      '000168' +
      '00000001' +
      '00000002' +
      '0000000173' +
      '0000000161',
  );
  expect(readOffsetsRecord(key, bytes)).toEqual(record);
});

test('older versions of values are read', () => {
  const offsetKey = Buffer.from('0000' + '000167' + '000174' + '00000000', 'hex');
  const oldest = Buffer.from('0000' + '0000000000000005' + '0000' + '0000000000000001', 'hex');
  expect(readOffsetsRecord(offsetKey, oldest)?.value).toMatchObject({
    offset: 5,
    leaderEpoch: -1,
    expireMs: -1,
  });
  const second = Buffer.from('0002' + '0000000000000006' + '0000' + '0000000000000001', 'hex');
  expect(readOffsetsRecord(offsetKey, second)?.value).toMatchObject({ offset: 6, leaderEpoch: -1 });
  const groupKey = Buffer.from('0002' + '000167', 'hex');
  const group = Buffer.from(
    '0000' +
      '000163' +
      '00000002' +
      'ffff' +
      'ffff' +
      '00000001' +
      '00016d' +
      '000169' +
      '000168' +
      '00000002' +
      '00000000' +
      '00000000',
    'hex',
  );
  expect(readOffsetsRecord(groupKey, group)?.value).toMatchObject({
    generation: 2,
    protocol: undefined,
    stateSinceMs: -1,
    members: [{ id: 'm', instanceId: undefined, rebalanceTimeoutMs: 2, sessionTimeoutMs: 2 }],
  });
});
