import { describe, expect, test } from 'vitest';

import { bytesFromLatin1 } from '../../../../core/base/bytes.ts';
import { kafkaErrors } from '../../../../core/wire/kafka/error-codes.ts';
import { brokersWithTopic, fetch, produce, topic } from '../test-client.ts';
import { type TestBrokers } from '../three-brokers.ts';

const group = 'readers';
const transactionalId = 'transfer';
const minute = 60_000_000;

function coordinatorOf(brokers: TestBrokers, key: string, keyType = 0, from = 1): number {
  let found = 0;
  brokers.runUntil(() => {
    const up = [...brokers.nodes.values()].find(({ up: isUp, id }) => isUp && id >= from)?.id ?? from;
    const { coordinators } = brokers.call(up, 'findCoordinator', { keyType, coordinatorKeys: [key] });
    const [first] = coordinators;
    found = first?.errorCode === 0 && brokers.node(first.nodeId).up ? first.nodeId : 0;
    return found !== 0;
  }, minute);
  return found;
}

function commit(brokers: TestBrokers, id: number, committedOffset: number): number | undefined {
  const { topics } = brokers.call(id, 'offsetCommit', {
    groupId: group,
    generationIdOrMemberEpoch: -1,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset, committedMetadata: '' }] }],
  });
  return topics[0]?.partitions[0]?.errorCode;
}

function committed(brokers: TestBrokers, id: number): readonly [number | undefined, number | undefined] {
  const { groups } = brokers.call(id, 'offsetFetch', {
    groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: [0] }] }],
  });
  return [groups[0]?.errorCode, groups[0]?.topics?.[0]?.partitions[0]?.committedOffset];
}

describe('coordinators on brokers', () => {
  test('the topic of coordinators is made when the first one is looked for, as settings say', () => {
    const brokers = brokersWithTopic(3, { settings: { internalTopicPartitions: 8 } });
    const ids = [1, 2, 3].map((from) => coordinatorOf(brokers, group, 0, from));
    expect(new Set(ids).size).toBe(1);
    const partitions = brokers.broker(1).view.image.topic('__consumer_offsets')?.partitions ?? [];
    expect(partitions.map(({ replicas }) => replicas.length)).toEqual(Array.from({ length: 8 }, () => 3));
  });

  test('below version 4 one is asked for by itself', () => {
    const brokers = brokersWithTopic(1, { settings: { internalTopicPartitions: 1 } });
    const answer = brokers.call(1, 'findCoordinator', { key: group }, { version: 3 });
    expect([answer.errorCode, answer.nodeId, answer.host, answer.port]).toEqual([0, 1, 'localhost', 9_092]);
  });

  test('an acknowledged commit is known to the next coordinator', () => {
    const brokers = brokersWithTopic(3, { settings: { internalTopicPartitions: 4 } });
    const first = coordinatorOf(brokers, group);
    expect(commit(brokers, first, 41)).toBe(0);
    expect(commit(brokers, first, 42)).toBe(0);
    brokers.crash(first);
    let next = 0;
    brokers.runUntil(() => {
      next = coordinatorOf(brokers, group);
      return next !== first && committed(brokers, next)[0] === 0;
    }, minute);
    expect(committed(brokers, next)).toEqual([0, 42]);
  });

  test('a member joins, is given its share, and leaves', () => {
    const brokers = brokersWithTopic(3, { settings: { internalTopicPartitions: 2 } });
    const at = coordinatorOf(brokers, group);
    const join = (memberId: string) =>
      brokers.call(at, 'joinGroup', {
        groupId: group,
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 10_000,
        memberId,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: bytesFromLatin1('m') }],
      });
    const { errorCode, memberId } = join('');
    expect(errorCode).toBe(kafkaErrors.MEMBER_ID_REQUIRED);
    const joined = join(memberId);
    expect([joined.errorCode, joined.leader, joined.generationId]).toEqual([0, memberId, 1]);
    const synced = brokers.call(at, 'syncGroup', {
      groupId: group,
      generationId: 1,
      memberId,
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: [{ memberId, assignment: bytesFromLatin1('mine') }],
    });
    expect([synced.errorCode, synced.assignment]).toEqual([0, bytesFromLatin1('mine')]);
    const beat = brokers.call(at, 'heartbeat', { groupId: group, generationId: 1, memberId });
    expect(beat.errorCode).toBe(0);
    const left = brokers.call(at, 'leaveGroup', { groupId: group, members: [{ memberId }] });
    expect([left.errorCode, left.members[0]?.errorCode]).toEqual([0, 0]);
  });

  test('what a transaction wrote is seen once it is committed, and never when it is aborted', () => {
    const brokers = brokersWithTopic(3, { settings: { internalTopicPartitions: 4 } });
    const at = coordinatorOf(brokers, transactionalId, 1);
    const leader = brokers.leaderOf(topic);
    const asked = { transactionalId, transactionTimeoutMs: 60_000 };
    let begun = brokers.call(at, 'initProducerId', asked);
    brokers.runUntil(() => {
      if (begun.errorCode !== 0) begun = brokers.call(at, 'initProducerId', asked);
      return begun.errorCode === 0;
    });
    const { producerId, producerEpoch } = begun;
    let baseSequence = 0;
    const transact = (value: string, isCommitted: boolean): void => {
      const added = brokers.call(at, 'addPartitionsToTxn', {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: producerEpoch,
        v3AndBelowTopics: [{ name: topic, partitions: [0] }],
      });
      expect(added.resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode).toBe(0);
      const batch = { producerId, producerEpoch, baseSequence, isTransactional: true };
      expect(produce(brokers, leader, [value], { batch, transactionalId }).error).toBe('NONE');
      baseSequence += 1;
      expect(fetch(brokers, leader, { committed: true })).not.toContain(value);
      const given = { transactionalId, producerId, producerEpoch, committed: isCommitted };
      brokers.runUntil(() => {
        const { errorCode } = brokers.call(at, 'endTxn', given);
        return errorCode === 0;
      });
    };
    const seen = () => fetch(brokers, leader, { committed: true });
    transact('first', true);
    brokers.runUntil(() => seen().includes('first'));
    brokers.run(1_000_000);
    transact('never', false);
    brokers.run(1_000_000);
    transact('last', true);
    brokers.runUntil(() => seen().includes('last'));
    expect(seen()).toEqual(['first', 'last']);
    expect(fetch(brokers, leader)).toEqual(['first', 'never', 'last']);
  });
});
