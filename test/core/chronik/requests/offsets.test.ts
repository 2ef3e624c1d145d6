import { describe, expect, test } from 'vitest';

import { kafkaErrors } from '../../../../core/wire/kafka/error-codes.ts';
import { batchOf, brokersWithTopic, fetch, produce, topic } from '../test-client.ts';
import { type TestBrokers } from '../three-brokers.ts';

const minute = 60_000_000;

function offsetAt(brokers: TestBrokers, id: number, timestamp: number, over: object = {}) {
  const { topics } = brokers.call(id, 'listOffsets', {
    replicaId: -1,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp, ...over }] }],
  });
  const [found] = topics[0]?.partitions ?? [];
  return [found?.errorCode, found?.offset];
}

describe('offsets', () => {
  test('earliest, latest and by time', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    expect(offsetAt(brokers, leader, -1)).toEqual([0, 0]);
    produce(brokers, leader, ['a', 'b']);
    produce(brokers, leader, ['c']);
    expect(offsetAt(brokers, leader, -2)).toEqual([0, 0]);
    expect(offsetAt(brokers, leader, -1)).toEqual([0, 3]);
    expect(offsetAt(brokers, leader, 1)).toEqual([0, 0]);
    expect(offsetAt(brokers, leader, 4_000_000_000_000)).toEqual([0, -1]);
    expect(offsetAt(brokers, leader === 1 ? 2 : 1, -1)[0]).toBe(kafkaErrors.NOT_LEADER_OR_FOLLOWER);
  });

  test('who knows another leader epoch is told (KIP-320)', () => {
    const brokers = brokersWithTopic();
    const first = brokers.leaderOf(topic);
    produce(brokers, first, ['a']);
    const epochOf = (id: number) =>
      brokers.broker(id).view.partition({ topic, partition: 0 })?.leaderEpoch ?? -1;
    const before = epochOf(first);
    brokers.crash(first);
    brokers.runUntil(() => ![0, first].includes(brokers.leaderOf(topic)), minute);
    const leader = brokers.leaderOf(topic);
    const currentLeaderEpoch = epochOf(leader);
    produce(brokers, leader, ['b']);
    expect(offsetAt(brokers, leader, -1, { currentLeaderEpoch })).toEqual([0, 2]);
    const older = offsetAt(brokers, leader, -1, { currentLeaderEpoch: before });
    expect(older[0]).toBe(kafkaErrors.FENCED_LEADER_EPOCH);
    const newer = offsetAt(brokers, leader, -1, { currentLeaderEpoch: currentLeaderEpoch + 1 });
    expect(newer[0]).toBe(kafkaErrors.UNKNOWN_LEADER_EPOCH);
    const { topics } = brokers.call(leader, 'offsetForLeaderEpoch', {
      topics: [{ topic, partitions: [{ partition: 0, currentLeaderEpoch, leaderEpoch: before }] }],
    });
    expect(topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, leaderEpoch: before, endOffset: 1 });
  });
});

describe('fetch', () => {
  test('waits for the first record, and no longer than it is told', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    const from = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 };
    const ask = (maxWaitMs: number) =>
      brokers.send(leader, 'fetch', {
        ...{ maxWaitMs, minBytes: 1, maxBytes: 1_000 },
        topics: [{ topic, partitions: [from] }],
      });
    const short = ask(200);
    const long = ask(60_000);
    const beforeUs = brokers.nowUs;
    brokers.runUntil(() => brokers.replies.has(short));
    expect(brokers.nowUs - beforeUs).toBe(200_000);
    expect(brokers.replies.has(long)).toBe(false);
    produce(brokers, leader, ['a']);
    brokers.runUntil(() => brokers.replies.has(long), 1_000_000);
  });

  test('of a client that has gone is forgotten', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    const from = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 };
    const requestId = brokers.send(leader, 'fetch', {
      ...{ maxWaitMs: 60_000, minBytes: 1, maxBytes: 1_000 },
      topics: [{ topic, partitions: [from] }],
    });
    expect(brokers.broker(leader).view.waitingRequests).toBe(1);
    brokers.step(leader, { kind: 'cancelled', requestId });
    expect(brokers.broker(leader).view.waitingRequests).toBe(0);
    produce(brokers, leader, ['a']);
    brokers.run(1_000_000);
    expect(brokers.replies.has(requestId)).toBe(false);
  });

  test('beyond the end is out of range, at the end is empty', () => {
    const brokers = brokersWithTopic();
    const leader = brokers.leaderOf(topic);
    produce(brokers, leader, ['a']);
    expect(fetch(brokers, leader, { offset: 1 })).toEqual([]);
    expect(() => fetch(brokers, leader, { offset: 2 })).toThrow('OFFSET_OUT_OF_RANGE');
  });

  test('of several partitions has room for each in the bytes that it asks for (KIP-74)', () => {
    const brokers = brokersWithTopic(1, { partitions: 3 });
    const records = 'x'.repeat(500);
    for (const index of [0, 1, 2]) {
      brokers.send(1, 'produce', {
        acks: 1,
        timeoutMs: 1_000,
        topicData: [{ name: topic, partitionData: [{ index, records: batchOf([records]) }] }],
      });
    }
    brokers.run(100_000);
    const sizes = (maxBytes: number): readonly number[] => {
      const { responses } = brokers.call(1, 'fetch', {
        ...{ maxWaitMs: 0, minBytes: 1, maxBytes },
        topics: [
          {
            topic,
            partitions: [0, 1, 2].map((partition) => ({
              partition,
              fetchOffset: 0,
              partitionMaxBytes: 10_000,
            })),
          },
        ],
      });
      return (responses[0]?.partitions ?? []).map((one) =>
        one.records instanceof Uint8Array ? Math.sign(one.records.length) : -1,
      );
    };
    expect(sizes(100_000)).toEqual([1, 1, 1]);
    expect(sizes(1_300)).toEqual([1, 1, 0]);
    // The first batch is given whatever its size: a consumer must be able to go on.
    expect(sizes(10)).toEqual([1, 0, 0]);
  });

  test('of a session that nobody keeps is refused, so that the client begins anew (KIP-227)', () => {
    const brokers = brokersWithTopic(1);
    const given = { maxWaitMs: 0, minBytes: 0, maxBytes: 1, topics: [] };
    const errorOf = (sessionId: number, sessionEpoch: number) =>
      brokers.call(1, 'fetch', { ...given, sessionId, sessionEpoch }).errorCode;
    expect(errorOf(7, 3)).toBe(kafkaErrors.FETCH_SESSION_ID_NOT_FOUND);
    expect(errorOf(0, 0)).toBe(0);
    expect(errorOf(0, -1)).toBe(0);
  });
});
