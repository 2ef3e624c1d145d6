import { expect, test } from 'vitest';

import { present } from '../../../core/base/assert.ts';
import { utf8FromText } from '../../../core/base/utf8.ts';
import { kafkaErrorOf, kafkaErrors } from '../../../core/wire/kafka/error-codes.ts';
import { TestBrokers } from './three-brokers.ts';

const topic = 'orders';
const groupId = 'readers';

function created(): TestBrokers {
  const brokers = new TestBrokers(3, { groupInitialRebalanceDelayUs: 0, internalTopicPartitions: 4 });
  brokers.ready();
  brokers.call(1, 'createTopics', { topics: [{ name: topic, numPartitions: 2, replicationFactor: 3 }] });
  brokers.runUntil(() => brokers.leaderOf(topic) !== 0 && brokers.leaderOf(topic, 1) !== 0);
  return brokers;
}

/** The coordinator, as a broker has it once there is one that has loaded. */
function coordinatorOf(brokers: TestBrokers, ask: number, not = 0): number {
  for (;;) {
    const { coordinators } = brokers.call(ask, 'findCoordinator', { keyType: 0, coordinatorKeys: [groupId] });
    const { nodeId, errorCode } = present(coordinators[0], 'one was asked for');
    const asked = errorCode === kafkaErrors.NONE && nodeId !== not ? listError(brokers, nodeId) : 'later';
    if (asked === 'NONE') return nodeId;
    brokers.run(100_000);
  }
}

function listError(brokers: TestBrokers, id: number): string {
  const topics = [{ name: topic, partitionIndexes: [0] }];
  const { groups } = brokers.call(id, 'offsetFetch', { groups: [{ groupId, topics }] });
  return kafkaErrorOf(present(groups[0], 'one was asked for').errorCode);
}

function joined(brokers: TestBrokers, id: number): { memberId: string; generationId: number } {
  const asked = {
    groupId,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: utf8FromText('all') }],
  };
  const { memberId } = brokers.call(id, 'joinGroup', asked);
  const { generationId, errorCode } = brokers.call(id, 'joinGroup', { ...asked, memberId });
  expect(kafkaErrorOf(errorCode)).toBe('NONE');
  const assignments = [{ memberId, assignment: utf8FromText('both') }];
  const synced = brokers.call(id, 'syncGroup', { groupId, memberId, generationId, assignments });
  expect(synced).toMatchObject({ errorCode: 0, assignment: utf8FromText('both') });
  return { memberId, generationId };
}

function commit(
  brokers: TestBrokers,
  id: number,
  { memberId, generationId }: { memberId: string; generationId: number },
  offset: number,
): string {
  const partitions = [{ partitionIndex: 0, committedOffset: offset }];
  const { topics } = brokers.call(id, 'offsetCommit', {
    groupId,
    memberId,
    generationIdOrMemberEpoch: generationId,
    topics: [{ name: topic, partitions }],
  });
  return kafkaErrorOf(topics[0]?.partitions[0]?.errorCode ?? 0);
}

function fetched(brokers: TestBrokers, id: number): number {
  const topics = [{ name: topic, partitionIndexes: [0] }];
  const { groups } = brokers.call(id, 'offsetFetch', { groups: [{ groupId, topics }] });
  return groups[0]?.topics[0]?.partitions[0]?.committedOffset ?? -2;
}

test('a group goes on with the next coordinator: its generation, its members, its offsets (invariant 14)', () => {
  const brokers = created();
  const first = coordinatorOf(brokers, 1);
  const member = joined(brokers, first);
  expect(commit(brokers, first, member, 42)).toBe('NONE');
  expect(commit(brokers, first, { ...member, generationId: 7 }, 43)).toBe('ILLEGAL_GENERATION');

  brokers.crash(first);
  const other = first === 1 ? 2 : 1;
  const second = coordinatorOf(brokers, other, first);
  expect(second).not.toBe(first);
  expect(fetched(brokers, second)).toBe(42);
  const beat = brokers.call(second, 'heartbeat', { groupId, ...member });
  expect(kafkaErrorOf(beat.errorCode)).toBe('NONE');
  expect(commit(brokers, second, member, 50)).toBe('NONE');

  // The broker that was away leads it no more.
  brokers.restart(first);
  brokers.ready();
  const topics = [{ name: topic, partitionIndexes: [0] }];
  const asked = brokers.call(first, 'offsetFetch', { groups: [{ groupId, topics }] });
  expect(kafkaErrorOf(asked.groups[0]?.errorCode ?? 0)).toBe('NOT_COORDINATOR');
});

test('all brokers restarted know the group and its offsets', () => {
  const brokers = created();
  const coordinator = coordinatorOf(brokers, 1);
  const member = joined(brokers, coordinator);
  expect(commit(brokers, coordinator, member, 42)).toBe('NONE');
  for (const id of [1, 2, 3]) brokers.crash(id);
  for (const id of [1, 2, 3]) brokers.restart(id);
  brokers.ready();
  const next = coordinatorOf(brokers, 1);
  expect(fetched(brokers, next)).toBe(42);
  const { groups } = brokers.call(next, 'describeGroups', { groups: [groupId] });
  expect(groups[0]).toMatchObject({ groupState: 'Stable', members: [{ memberId: member.memberId }] });
});

test('a topic that is deleted takes its offsets along', () => {
  const brokers = created();
  const coordinator = coordinatorOf(brokers, 1);
  const member = joined(brokers, coordinator);
  expect(commit(brokers, coordinator, member, 42)).toBe('NONE');
  brokers.call(1, 'deleteTopics', { topics: [{ name: topic }] });
  brokers.runUntil(() => fetched(brokers, coordinator) === -1);
});
