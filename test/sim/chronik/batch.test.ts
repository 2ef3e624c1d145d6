import { expect, test } from 'vitest';

import { bytesFromLatin1, concatBytes, latin1FromBytes } from '../../../core/base/bytes.ts';
import { scanBatches } from '../../../core/wire/kafka/record-batch.ts';
import { decodeRecords, encodeBatch as encodeOfBrokers } from '../../../core/wire/kafka/records.ts';
import { encodeBatch, readHeaders, readRecords } from '../../../sim/chronik/batch.ts';

const content = {
  producerId: 7,
  producerEpoch: 1,
  baseSequence: 12,
  isTransactional: true,
  timestampMs: 1_767_225_600_000,
  records: [
    { key: 'k', value: 'a' },
    { key: undefined, value: 'b'.repeat(200) },
    { key: 'gone', value: undefined },
  ],
};

test('a batch of the simulator is one that brokers can read, field by field', () => {
  const { batches, problem } = scanBatches(concatBytes([encodeBatch(content), encodeBatch(content)]));
  expect(problem).toBeUndefined();
  expect(batches).toHaveLength(2);
  const [batch] = batches;
  expect(batch).toMatchObject({ producerId: 7, producerEpoch: 1, baseSequence: 12, isTransactional: true });
  const records = batch === undefined ? [] : decodeRecords(batch);
  expect(records.map(({ key, value }) => [textOf(key), textOf(value)])).toEqual(
    content.records.map(({ key, value }) => [key, value]),
  );
  expect(records.map(({ timestampMs }) => timestampMs)).toEqual([1, 1, 1].map(() => content.timestampMs));
});

test('a batch of a broker is one that the simulator can read', () => {
  const records = content.records.map(({ key, value }) => {
    return { timestampMs: 5, key: bytesOf(key), value: bytesOf(value) };
  });
  const bytes = encodeOfBrokers({
    records,
    baseOffset: 40,
    leaderEpoch: 3,
    producerId: 9,
    producerEpoch: 0,
    baseSequence: 4,
  });
  const [header] = readHeaders(bytes);
  expect(header).toMatchObject({
    baseOffset: 40,
    lastOffset: 42,
    leaderEpoch: 3,
    producerId: 9,
    baseSequence: 4,
  });
  if (header === undefined) throw new Error('there is a batch');
  expect(readRecords(bytes, 0, header)).toEqual(
    content.records.map(({ key, value }, at) => ({ offset: 40 + at, key, value })),
  );
});

test('a batch that was changed in one bit is found out, and what ends within one is no batch', () => {
  const bytes = encodeBatch(content);
  expect(readHeaders(bytes.subarray(0, bytes.length - 1))).toEqual([]);
  const changed = bytes.slice();
  changed[70] = (changed[70] ?? 0) ^ 1;
  expect(() => readHeaders(changed)).toThrow('a batch with CRC');
});

function bytesOf(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : bytesFromLatin1(text);
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : latin1FromBytes(bytes);
}
