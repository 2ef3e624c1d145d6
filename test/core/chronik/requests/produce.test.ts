import { describe, expect, test } from 'vitest';

import { nodeId } from '../../../../core/base/ids.ts';
import { kafkaErrors } from '../../../../core/wire/kafka/error-codes.ts';
import { batchOf, brokersWithTopic, fetch, produce, topic } from '../test-client.ts';
import { type TestBrokers } from '../three-brokers.ts';

function records(brokers: TestBrokers, names: readonly (readonly [string, number])[], over: object = {}) {
  return brokers.call(brokers.leaderOf(topic), 'produce', {
    acks: -1,
    timeoutMs: 1_000,
    topicData: names.map(([name, index]) => ({
      name,
      partitionData: [{ index, records: batchOf(['x']) }],
    })),
    ...over,
  });
}

function errorsOf(response: ReturnType<typeof records>): readonly number[] {
  return response.responses.flatMap(({ partitionResponses }) =>
    partitionResponses.map(({ errorCode }) => errorCode),
  );
}

describe('produce', () => {
  test('the answer has a place for each partition that was asked for, whatever became of the others', () => {
    const brokers = brokersWithTopic();
    const answer = records(brokers, [
      [topic, 0],
      [topic, 7],
      ['nowhere', 0],
      ['__consumer_offsets', 0],
    ]);
    expect(errorsOf(answer)).toEqual([
      kafkaErrors.NONE,
      kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION,
      kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION,
      kafkaErrors.INVALID_TOPIC_EXCEPTION,
    ]);
  });

  test('a broker that does not lead says so, and appends nothing', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    const other = leader === 1 ? 2 : 1;
    expect(produce(brokers, other, ['x']).error).toBe('NOT_LEADER_OR_FOLLOWER');
    expect(fetch(brokers, leader)).toEqual([]);
  });

  test.each([0, 1, 2])('version %d has no record batches and is refused', (version) => {
    const brokers = brokersWithTopic(1);
    const requestId = brokers.send(
      1,
      'produce',
      {
        acks: 1,
        timeoutMs: 1_000,
        topicData: [{ name: topic, partitionData: [{ index: 0, records: batchOf(['x']) }] }],
      },
      { version },
    );
    const [response] = brokers.answer(1, requestId, 'produce', version).responses;
    const errors = response?.partitionResponses.map(({ errorCode }) => errorCode);
    expect(errors).toEqual([kafkaErrors.UNSUPPORTED_FOR_MESSAGE_FORMAT]);
  });

  test('acks that mean nothing are refused', () => {
    const brokers = brokersWithTopic(1);
    expect(produce(brokers, 1, ['x'], { acks: 2 }).error).toBe('INVALID_REQUIRED_ACKS');
    expect(fetch(brokers, 1)).toEqual([]);
  });

  test('acks=1 is answered once this broker has the record on its disk, without the others', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    brokers.onMessage = (from, to) => (from === leader || to === leader ? 0 : 1);
    expect(produce(brokers, leader, ['x'], { acks: 1 })).toEqual({ error: 'NONE', offset: 0 });
  });

  test('acks=0 is not answered, and ends the connection where it failed', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    const other = leader === 1 ? 2 : 1;
    const send = (id: number): unknown => {
      const requestId = brokers.send(id, 'produce', {
        acks: 0,
        topicData: [{ name: topic, partitionData: [{ index: 0, records: batchOf(['x']) }] }],
      });
      return brokers.replies.get(requestId)?.kind;
    };
    expect(send(leader)).toBe('silent');
    expect(send(other)).toBe('disconnect');
    expect(fetch(brokers, leader, { maxWaitMs: 5_000 })).toEqual(['x']);
  });

  test('with too few in-sync replicas nothing is appended (min.insync.replicas)', () => {
    const brokers = brokersWithTopic(3, { configs: [['min.insync.replicas', '2']] });
    const leader = brokers.leaderOf(topic);
    const [first = nodeId(1), second = nodeId(1)] = [...brokers.nodes.keys()].filter((id) => id !== leader);
    // One by one, so that two of three remain to agree that the first has gone.
    brokers.crash(first);
    const isr = () => brokers.broker(leader).view.partition({ topic, partition: 0 })?.inSyncReplicas;
    brokers.runUntil(() => isr()?.includes(first) === false, 60_000_000);
    expect(produce(brokers, leader, ['two are enough']).error).toBe('NONE');
    brokers.crash(second);
    brokers.restart(first);
    brokers.onMessage = (_from, _to, message) =>
      message.kind === 'replicaFetch' || message.kind === 'replicaSynced' ? 0 : 1;
    brokers.runUntil(() => isr()?.includes(second) === false, 60_000_000);
    expect(produce(brokers, leader, ['one is not']).error).toBe('NOT_ENOUGH_REPLICAS');
    expect(brokers.broker(leader).view.partition({ topic, partition: 0 })?.logEndOffset).toBe(1);
  });

  test('a batch that an idempotent producer sends again keeps its offset, a gap is refused (KIP-98)', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    const { errorCode, producerId, producerEpoch } = brokers.call(2, 'initProducerId', {
      transactionalId: undefined,
    });
    expect(errorCode).toBe(0);
    const send = (baseSequence: number) =>
      produce(brokers, leader, ['x', 'y'], { batch: { producerId, producerEpoch, baseSequence } });
    expect(send(0)).toEqual({ error: 'NONE', offset: 0 });
    expect(send(2)).toEqual({ error: 'NONE', offset: 2 });
    expect(send(0)).toEqual({ error: 'NONE', offset: 0 });
    expect(send(9).error).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect(fetch(brokers, leader)).toEqual(['x', 'y', 'x', 'y']);
  });

  test('who has used more than the quota is told to wait, and so is the connection (KIP-219)', () => {
    const brokers = brokersWithTopic(1);
    const quota = { key: 'producer_byte_rate', value: 10, remove: false };
    const { entries } = brokers.call(1, 'alterClientQuotas', {
      entries: [{ entity: [{ entityType: 'client-id', entityName: 'test' }], ops: [quota] }],
    });
    expect(entries.map(({ errorCode }) => errorCode)).toEqual([0]);
    const answer = records(brokers, [[topic, 0]]);
    expect(errorsOf(answer)).toEqual([0]);
    expect(answer.throttleTimeMs).toBeGreaterThan(1_000);
  });
});
