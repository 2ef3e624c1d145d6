import { expect, test } from 'vitest';

import { bytesFromLatin1, latin1FromBytes } from '../../../core/base/bytes.ts';
import { kafkaErrorOf, kafkaErrors } from '../../../core/wire/kafka/error-codes.ts';
import { scanBatches } from '../../../core/wire/kafka/record-batch.ts';
import { decodeRecords, encodeBatch } from '../../../core/wire/kafka/records.ts';
import { TestBrokers } from './three-brokers.ts';

const topic = 'sales';
const id = 'orders';
const settings = { internalTopicPartitions: 4 };

interface Producer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

function start(): TestBrokers {
  const brokers = new TestBrokers(3, settings);
  brokers.ready();
  const created = brokers.call(1, 'createTopics', {
    topics: [{ name: topic, numPartitions: 2, replicationFactor: 3 }],
    timeoutMs: 5_000,
  });
  expect(created.topics[0]?.errorCode).toBe(0);
  brokers.runUntil(() => brokers.leaderOf(topic, 0) > 0 && brokers.leaderOf(topic, 1) > 0);
  return brokers;
}

/** Where the coordinator is; asked as a client asks, until it is there. */
function coordinator(brokers: TestBrokers, key = id, keyType = 1): number {
  const up = [...brokers.nodes.values()].find((node) => node.up)?.id ?? 0;
  let found = 0;
  until(brokers, () => {
    const answer = brokers.call(up, 'findCoordinator', { keyType, coordinatorKeys: [key] });
    found = answer.coordinators[0]?.errorCode === 0 ? answer.coordinators[0].nodeId : 0;
    return found > 0 && brokers.node(found).up;
  });
  return found;
}

/** Tries again a little later until it holds, as clients do. */
function until(brokers: TestBrokers, attempt: () => boolean): void {
  for (let attempts = 0; attempts < 100; attempts += 1) {
    if (attempt()) return;
    const untilUs = brokers.nowUs + 200_000;
    brokers.runUntil(() => brokers.nowUs >= untilUs);
  }
  throw new Error('it never came to pass');
}

function init(brokers: TestBrokers): Producer {
  let producer: Producer | undefined;
  until(brokers, () => {
    const answer = brokers.call(coordinator(brokers), 'initProducerId', {
      transactionalId: id,
      transactionTimeoutMs: 60_000,
    });
    if (answer.errorCode === 0) producer = answer;
    return answer.errorCode === 0;
  });
  return producer as Producer;
}

function add(brokers: TestBrokers, producer: Producer, partitions: readonly number[]): void {
  until(brokers, () => {
    const answer = brokers.call(coordinator(brokers), 'addPartitionsToTxn', {
      v3AndBelowTransactionalId: id,
      v3AndBelowProducerId: producer.producerId,
      v3AndBelowProducerEpoch: producer.producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions }],
    });
    return (
      answer.resultsByTopicV3AndBelow[0]?.resultsByPartition.every(
        ({ partitionErrorCode }) => partitionErrorCode === 0,
      ) ?? false
    );
  });
}

function end(brokers: TestBrokers, producer: Producer, committed: boolean): string {
  let error = '';
  until(brokers, () => {
    const answer = brokers.call(coordinator(brokers), 'endTxn', {
      transactionalId: id,
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      committed,
    });
    error = kafkaErrorOf(answer.errorCode);
    return !['CONCURRENT_TRANSACTIONS', 'NOT_COORDINATOR', 'COORDINATOR_LOAD_IN_PROGRESS'].includes(error);
  });
  return error;
}

function produce(
  brokers: TestBrokers,
  given: {
    readonly partition: number;
    readonly value: string;
    readonly sequence: number;
    readonly producer: Producer;
  },
): string {
  const { partition, value, sequence, producer } = given;
  const batch = encodeBatch({
    records: [{ value: bytesFromLatin1(value), timestampMs: 1_700_000_000_000 }],
    producerId: producer.producerId,
    producerEpoch: producer.producerEpoch,
    baseSequence: sequence,
    isTransactional: true,
  });
  const answer = brokers.call(brokers.leaderOf(topic, partition), 'produce', {
    transactionalId: id,
    acks: -1,
    timeoutMs: 10_000,
    topicData: [{ name: topic, partitionData: [{ index: partition, records: batch }] }],
  });
  return kafkaErrorOf(answer.responses[0]?.partitionResponses[0]?.errorCode ?? -1);
}

/** What a consumer that reads committed records sees of a partition: as its library does, it leaves out what was aborted. */
function committed(brokers: TestBrokers, partition: number): string[] {
  const answer = brokers.call(brokers.leaderOf(topic, partition), 'fetch', {
    replicaId: -1,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1_000_000,
    isolationLevel: 1,
    topics: [{ topic, partitions: [{ partition, fetchOffset: 0, partitionMaxBytes: 1_000_000 }] }],
  });
  const found = answer.responses[0]?.partitions[0];
  expect(found?.errorCode).toBe(kafkaErrors.NONE);
  const aborted = [...(found?.abortedTransactions ?? [])].sort(
    (left, right) => left.firstOffset - right.firstOffset,
  );
  const open = new Set<number>();
  const values: string[] = [];
  const records = found?.records instanceof Uint8Array ? found.records : new Uint8Array();
  for (const batch of scanBatches(records).batches) {
    while (aborted[0] !== undefined && aborted[0].firstOffset <= batch.baseOffset)
      open.add(aborted.shift()?.producerId ?? -1);
    if (batch.isControl) open.delete(batch.producerId);
    else if (!open.has(batch.producerId))
      for (const { value } of decodeRecords(batch)) values.push(latin1FromBytes(value ?? new Uint8Array()));
  }
  return values;
}

test('a transaction over two partitions is seen when it is committed, in both, and not before (KIP-98)', () => {
  const brokers = start();
  const producer = init(brokers);
  add(brokers, producer, [0, 1]);
  expect(produce(brokers, { partition: 0, value: 'a', sequence: 0, producer })).toBe('NONE');
  expect(produce(brokers, { partition: 1, value: 'b', sequence: 0, producer })).toBe('NONE');
  expect([committed(brokers, 0), committed(brokers, 1)]).toEqual([[], []]);
  expect(end(brokers, producer, true)).toBe('NONE');
  until(brokers, () => committed(brokers, 0).length > 0 && committed(brokers, 1).length > 0);
  expect([committed(brokers, 0), committed(brokers, 1)]).toEqual([['a'], ['b']]);
});

test('one that is aborted is never seen; the next of the same producer is', () => {
  const brokers = start();
  const producer = init(brokers);
  add(brokers, producer, [0]);
  expect(produce(brokers, { partition: 0, value: 'wrong', sequence: 0, producer })).toBe('NONE');
  expect(end(brokers, producer, false)).toBe('NONE');
  add(brokers, producer, [0]);
  expect(produce(brokers, { partition: 0, value: 'right', sequence: 1, producer })).toBe('NONE');
  expect(end(brokers, producer, true)).toBe('NONE');
  until(brokers, () => committed(brokers, 0).length > 0);
  expect(committed(brokers, 0)).toEqual(['right']);
});

test('a producer that comes back fences the one before: what it had open is aborted, what it still sends refused', () => {
  const brokers = start();
  const old = init(brokers);
  add(brokers, old, [0]);
  expect(produce(brokers, { partition: 0, value: 'old', sequence: 0, producer: old })).toBe('NONE');
  const producer = init(brokers);
  expect(producer.producerId).toBe(old.producerId);
  expect(producer.producerEpoch).toBeGreaterThan(old.producerEpoch);
  expect(produce(brokers, { partition: 0, value: 'zombie', sequence: 1, producer: old })).toBe(
    'INVALID_PRODUCER_EPOCH',
  );
  expect(end(brokers, old, true)).toBe('PRODUCER_FENCED');
  add(brokers, producer, [0]);
  expect(produce(brokers, { partition: 0, value: 'new', sequence: 0, producer })).toBe('NONE');
  expect(end(brokers, producer, true)).toBe('NONE');
  until(brokers, () => committed(brokers, 0).length > 0);
  expect(committed(brokers, 0)).toEqual(['new']);
});

test('the coordinator ends right behind its promise: another one keeps it', () => {
  const brokers = start();
  const producer = init(brokers);
  add(brokers, producer, [0, 1]);
  produce(brokers, { partition: 0, value: 'a', sequence: 0, producer });
  produce(brokers, { partition: 1, value: 'b', sequence: 0, producer });
  const first = coordinator(brokers);
  // Nothing is said about markers: whoever coordinates next finds the outcome decided and nobody told.
  brokers.onMessage = (_, __, message) => (message.kind.startsWith('marker') ? 0 : 1);
  expect(end(brokers, producer, true)).toBe('NONE');
  brokers.crash(first);
  brokers.onMessage = () => 1;
  until(brokers, () => brokers.leaderOf(topic, 0) > 0 && brokers.leaderOf(topic, 1) > 0);
  until(brokers, () => coordinator(brokers) !== first);
  until(brokers, () => committed(brokers, 0).length > 0 && committed(brokers, 1).length > 0);
  expect([committed(brokers, 0), committed(brokers, 1)]).toEqual([['a'], ['b']]);
  brokers.restart(first);
  add(brokers, producer, [0]);
  expect(produce(brokers, { partition: 0, value: 'c', sequence: 1, producer })).toBe('NONE');
  expect(end(brokers, producer, true)).toBe('NONE');
  until(brokers, () => committed(brokers, 0).length > 1);
  expect(committed(brokers, 0)).toEqual(['a', 'c']);
});

test('markers that the network doubles and delays end nothing but what they name', () => {
  const brokers = start();
  brokers.onMessage = (_, __, message) => (message.kind.startsWith('marker') ? 2 : 1);
  const producer = init(brokers);
  const expected: string[] = [];
  for (let round = 0; round < 20; round += 1) {
    add(brokers, producer, [0]);
    expect(produce(brokers, { partition: 0, value: `${round}`, sequence: round, producer })).toBe('NONE');
    const commits = round % 3 !== 0;
    expect(end(brokers, producer, commits)).toBe('NONE');
    if (commits) expected.push(`${round}`);
  }
  until(brokers, () => committed(brokers, 0).length >= expected.length);
  expect(committed(brokers, 0)).toEqual(expected);
});
