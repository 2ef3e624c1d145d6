import { describe, expect, test } from 'vitest';

import { present } from '../../../core/base/assert.ts';
import { kafkaErrors } from '../../../core/wire/kafka/error-codes.ts';
import { scanBatches } from '../../../core/wire/kafka/record-batch.ts';
import { decodeRecords, encodeBatch } from '../../../core/wire/kafka/records.ts';
import { bytesFromLatin1, latin1FromBytes } from '../../../core/base/bytes.ts';
import { TestBrokers } from './three-brokers.ts';

const topic = 'orders';

function batchOf(...values: readonly string[]): Uint8Array {
  const records = values.map((value) => ({ timestampMs: 1, value: bytesFromLatin1(value) }));
  return encodeBatch({ records });
}

function created(size = 3): TestBrokers {
  const brokers = new TestBrokers(size);
  brokers.ready();
  const answer = brokers.call(1, 'createTopics', {
    topics: [{ name: topic, numPartitions: 1, replicationFactor: size }],
  });
  expect(answer.topics.map(({ errorCode, errorMessage }) => [errorCode, errorMessage])).toEqual([
    [kafkaErrors.NONE, undefined],
  ]);
  brokers.runUntil(() => brokers.leaderOf(topic) !== 0);
  return brokers;
}

/** @returns the error and the offset */
function produce(
  brokers: TestBrokers,
  id: number,
  values: readonly string[],
  acks = -1,
): readonly [number, number] {
  const { responses } = brokers.call(id, 'produce', {
    acks,
    timeoutMs: 10_000,
    topicData: [{ name: topic, partitionData: [{ index: 0, records: batchOf(...values) }] }],
  });
  const [partition] = present(responses[0], 'a topic').partitionResponses;
  const { errorCode, baseOffset } = present(partition, 'a partition');
  return [errorCode, baseOffset];
}

function fetch(brokers: TestBrokers, id: number, fetchOffset = 0): readonly string[] {
  const { responses } = brokers.call(id, 'fetch', {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 1_000_000,
    topics: [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000 }] }],
  });
  const partition = present(responses[0]?.partitions[0], 'a partition');
  expect(partition.errorCode).toBe(kafkaErrors.NONE);
  const { records } = partition;
  if (!(records instanceof Uint8Array)) return [];
  return scanBatches(records).batches.flatMap((batch) =>
    decodeRecords(batch)
      .filter(({ offset }) => offset >= fetchOffset)
      .map(({ value }) => latin1FromBytes(present(value, 'a value'))),
  );
}

describe('three brokers', () => {
  test('what was acknowledged by all is fetched back, also from the next leader', () => {
    const brokers = created();
    const leader = brokers.leaderOf(topic);
    expect(produce(brokers, leader, ['a', 'b'])).toEqual([kafkaErrors.NONE, 0]);
    expect(produce(brokers, leader, ['c'])).toEqual([kafkaErrors.NONE, 2]);
    expect(fetch(brokers, leader)).toEqual(['a', 'b', 'c']);

    brokers.crash(leader);
    brokers.runUntil(() => ![0, leader].includes(brokers.leaderOf(topic)), 60_000_000);
    const next = brokers.leaderOf(topic);
    expect(fetch(brokers, next)).toEqual(['a', 'b', 'c']);
    expect(produce(brokers, next, ['d'])).toEqual([kafkaErrors.NONE, 3]);
    expect(fetch(brokers, next, 2)).toEqual(['c', 'd']);
  });
});
