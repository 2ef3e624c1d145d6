import { describe, expect, test } from 'vitest';

import { encodeEndMarker } from '../../../../core/wire/kafka/control-records.ts';
import { type KafkaError, kafkaErrorOf } from '../../../../core/wire/kafka/error-codes.ts';
import { sendJoin, stableGroup, stateOf } from './members.ts';
import { errorIn, Stage } from './stage.ts';

const dayMs = 24 * 3_600_000;

interface CommitFields {
  readonly groupId?: string;
  readonly memberId?: string;
  readonly generationIdOrMemberEpoch?: number;
  readonly topic?: string;
  readonly partition?: number;
  readonly metadata?: string;
  readonly retentionTimeMs?: number;
  readonly version?: number;
}

function sendCommit(stage: Stage, offset: number, fields: CommitFields = {}): number {
  const { topic = 'orders', partition = 0, metadata = '', version, ...rest } = fields;
  const one = { partitionIndex: partition, committedOffset: offset, committedMetadata: metadata };
  return stage.send(
    'offsetCommit',
    { groupId: 'g', ...rest, topics: [{ name: topic, partitions: [one] }] },
    version,
  );
}

function commit(stage: Stage, offset: number, fields: CommitFields = {}): KafkaError {
  const answer = stage.answer<'offsetCommit'>(sendCommit(stage, offset, fields));
  return kafkaErrorOf(answer.topics[0]?.partitions[0]?.errorCode ?? 0);
}

/** −1 where none is known; an error's name where that is the answer. */
function fetched(stage: Stage, groupId = 'g', topic = 'orders', partition = 0): number | string {
  const { groups } = stage.ask('offsetFetch', {
    groups: [{ groupId, topics: [{ name: topic, partitionIndexes: [partition] }] }],
    requireStable: true,
  });
  const [group] = groups;
  const one = group?.topics[0]?.partitions[0];
  if (group === undefined || group.errorCode !== 0 || one === undefined)
    return errorIn(group ?? { errorCode: 0 });
  return one.errorCode === 0 ? one.committedOffset : errorIn(one);
}

function commitInTransaction(stage: Stage, offset: number, fields: object = {}): KafkaError {
  const one = { partitionIndex: 0, committedOffset: offset };
  const answer = stage.ask('txnOffsetCommit', {
    transactionalId: 't',
    groupId: 'g',
    producerId: 7,
    producerEpoch: 1,
    topics: [{ name: 'orders', partitions: [one] }],
    ...fields,
  });
  return kafkaErrorOf(answer.topics[0]?.partitions[0]?.errorCode ?? 0);
}

function endTransaction(stage: Stage, outcome: 'commit' | 'abort', producerId = 7): void {
  const bytes = encodeEndMarker({
    outcome,
    coordinatorEpoch: 0,
    producerId,
    producerEpoch: 1,
    timestampMs: 1,
  });
  const { partition, endOffset } = stage.append('g', bytes);
  const committed = outcome === 'commit';
  stage.coordinator.markerAppended({ partition, endOffset, producerId, producerEpoch: 1, committed });
  if (stage.durable) stage.settle();
}

describe('committing', () => {
  test('is answered when it is durable, and known from then on', () => {
    const stage = new Stage();
    stage.durable = false;
    const committed = sendCommit(stage, 42);
    expect(stage.isAnswered(committed)).toBe(false);
    expect(fetched(stage)).toBe(-1);
    stage.settle();
    expect(stage.answer<'offsetCommit'>(committed).topics[0]?.partitions.map(errorIn)).toEqual(['NONE']);
    expect(fetched(stage)).toBe(42);
  });

  test('is refused for another generation, for nobody, and while members join (invariant 14)', () => {
    const stage = new Stage();
    const [member] = stableGroup(stage, 1);
    const memberId = member?.memberId ?? '';
    const by = { memberId, generationIdOrMemberEpoch: 1 };
    expect(commit(stage, 1, by)).toBe('NONE');
    expect(commit(stage, 2, { ...by, generationIdOrMemberEpoch: 0 })).toBe('ILLEGAL_GENERATION');
    expect(commit(stage, 3, { ...by, memberId: 'nobody' })).toBe('UNKNOWN_MEMBER_ID');
    expect(commit(stage, 4)).toBe('UNKNOWN_MEMBER_ID');
    expect(commit(stage, 5, { groupId: 'unknown', generationIdOrMemberEpoch: 3 })).toBe('ILLEGAL_GENERATION');
    // Others are about to come: what the member holds is still its own.
    sendJoin(stage);
    expect(commit(stage, 6, by)).toBe('NONE');
    const again = stage.answer<'joinGroup'>(sendJoin(stage, { memberId }));
    const later = { memberId, generationIdOrMemberEpoch: again.generationId };
    expect(commit(stage, 7, later)).toBe('REBALANCE_IN_PROGRESS');
    expect(fetched(stage)).toBe(6);
  });

  test('is refused for partitions that are not there, that are forbidden, and with too much beside it', () => {
    const stage = new Stage();
    stage.denied.add('READ TOPIC bills');
    expect(commit(stage, 1, { topic: 'none' })).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(commit(stage, 1, { partition: 4 })).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(commit(stage, 1, { topic: 'bills' })).toBe('TOPIC_AUTHORIZATION_FAILED');
    expect(commit(stage, 1, { metadata: 'é'.repeat(2_049) })).toBe('OFFSET_METADATA_TOO_LARGE');
    expect(commit(stage, 1, { metadata: 'é'.repeat(2_048) })).toBe('NONE');
    stage.denied.add('READ GROUP g');
    expect(commit(stage, 2)).toBe('GROUP_AUTHORIZATION_FAILED');
    expect(fetched(stage)).toBe(1);
  });

  test('a group holds no more offsets, and a partition no more groups, than the settings say', () => {
    const stage = new Stage({ settings: { offsetsPerGroupMax: 2, groupsPerPartitionMax: 1 } });
    expect(commit(stage, 1, { partition: 0 })).toBe('NONE');
    expect(commit(stage, 1, { partition: 1 })).toBe('NONE');
    expect(commit(stage, 1, { partition: 2 })).toBe('INVALID_COMMIT_OFFSET_SIZE');
    expect(commit(stage, 2, { partition: 1 })).toBe('NONE');
    expect(commit(stage, 1, { groupId: 'other' })).toBe('POLICY_VIOLATION');
    expect(errorIn(stage.ask('joinGroup', { groupId: 'other', sessionTimeoutMs: 10_000 }))).toBe(
      'POLICY_VIOLATION',
    );
  });

  test('says what was wrong with the log', () => {
    const stage = new Stage();
    const refusals = [
      ['NOT_ENOUGH_REPLICAS', 'COORDINATOR_NOT_AVAILABLE'],
      ['NOT_LEADER_OR_FOLLOWER', 'NOT_COORDINATOR'],
      ['MESSAGE_TOO_LARGE', 'INVALID_COMMIT_OFFSET_SIZE'],
      ['INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_EPOCH'],
    ] as const;
    for (const [refusal, expected] of refusals) {
      stage.refusal = refusal;
      expect(commit(stage, 1)).toBe(expected);
    }
    expect(stage.ask('listGroups', {}).groups).toEqual([]);
  });

  test('that is not durable in time is answered so, and may come to be known later', () => {
    const stage = new Stage();
    stage.durable = false;
    const committed = sendCommit(stage, 42);
    stage.pass(4_999);
    expect(stage.isAnswered(committed)).toBe(false);
    stage.pass(1);
    const answer = stage.answer<'offsetCommit'>(committed);
    expect(answer.topics[0]?.partitions.map(errorIn)).toEqual(['REQUEST_TIMED_OUT']);
    expect(fetched(stage)).toBe(-1);
    stage.settle();
    expect(fetched(stage)).toBe(42);
  });

  test('of what is not durable there is only so much', () => {
    const stage = new Stage({ settings: { pendingAppendsMax: 2 } });
    stage.durable = false;
    const waiting = [sendCommit(stage, 1), sendCommit(stage, 2)];
    expect(commit(stage, 3)).toBe('COORDINATOR_NOT_AVAILABLE');
    stage.settle();
    expect(waiting.map((requestId) => stage.isAnswered(requestId))).toEqual([true, true]);
    expect(fetched(stage)).toBe(2);
  });

  test('keeps a session alive', () => {
    const stage = new Stage();
    const [member] = stableGroup(stage, 1);
    const by = { memberId: member?.memberId ?? '', generationIdOrMemberEpoch: 1 };
    for (let count = 0; count < 4; count += 1) {
      stage.pass(6_000);
      expect(commit(stage, count, by)).toBe('NONE');
    }
    expect(stateOf(stage)).toBe('Stable');
  });
});

describe('fetching', () => {
  test('tells all, or what is asked for, and nothing that is forbidden', () => {
    const stage = new Stage();
    commit(stage, 3, { topic: 'orders', partition: 2, metadata: 'note' });
    commit(stage, 4, { topic: 'orders', partition: 1 });
    commit(stage, 5, { topic: 'bills' });
    stage.denied.add('DESCRIBE TOPIC bills');
    const { topics } = stage.ask('offsetFetch', { groupId: 'g', topics: undefined }, 7);
    expect(topics).toMatchObject([
      {
        name: 'orders',
        partitions: [
          { partitionIndex: 1, committedOffset: 4, metadata: '' },
          { partitionIndex: 2, committedOffset: 3, metadata: 'note' },
        ],
      },
    ]);
    const asked = stage.ask(
      'offsetFetch',
      { groupId: 'g', topics: [{ name: 'bills', partitionIndexes: [0] }] },
      5,
    );
    expect(asked.topics[0]?.partitions.map(errorIn)).toEqual(['TOPIC_AUTHORIZATION_FAILED']);
  });

  test('has errors in the place that a version has for them', () => {
    const stage = new Stage();
    stage.denied.add('DESCRIBE GROUP g');
    const topics = [{ name: 'orders', partitionIndexes: [0, 1] }];
    const oldest = stage.ask('offsetFetch', { groupId: 'g', topics }, 1);
    expect(oldest.topics[0]?.partitions.map(errorIn)).toEqual([
      'GROUP_AUTHORIZATION_FAILED',
      'GROUP_AUTHORIZATION_FAILED',
    ]);
    expect(errorIn(stage.ask('offsetFetch', { groupId: 'g', topics }, 2))).toBe('GROUP_AUTHORIZATION_FAILED');
    const many = stage.ask('offsetFetch', {
      groups: [
        { groupId: 'g', topics },
        { groupId: 'h', topics },
      ],
    });
    expect(many.groups.map(errorIn)).toEqual(['GROUP_AUTHORIZATION_FAILED', 'NONE']);
  });
});

describe('in a transaction (KIP-98)', () => {
  test('offsets count when it commits, and never when it aborts', () => {
    const stage = new Stage();
    expect(commit(stage, 1)).toBe('NONE');
    expect(commitInTransaction(stage, 10)).toBe('NONE');
    expect(fetched(stage)).toBe('UNSTABLE_OFFSET_COMMIT');
    endTransaction(stage, 'abort');
    expect(fetched(stage)).toBe(1);
    expect(commitInTransaction(stage, 20)).toBe('NONE');
    endTransaction(stage, 'commit');
    expect(fetched(stage)).toBe(20);
  });

  test('who does not ask for stable offsets is told the last one that counts (KIP-447)', () => {
    const stage = new Stage();
    commit(stage, 1);
    commitInTransaction(stage, 10);
    const asked = { groupId: 'g', topics: [{ name: 'orders', partitionIndexes: [0] }] };
    expect(stage.ask('offsetFetch', asked, 7).topics[0]?.partitions[0]?.committedOffset).toBe(1);
  });

  test('a marker counts when it is durable, not before', () => {
    const stage = new Stage();
    commitInTransaction(stage, 10);
    stage.durable = false;
    endTransaction(stage, 'commit');
    expect(fetched(stage)).toBe('UNSTABLE_OFFSET_COMMIT');
    stage.settle();
    expect(fetched(stage)).toBe(10);
  });

  test('what was committed behind it stays, as compaction leaves it', () => {
    const stage = new Stage();
    commitInTransaction(stage, 10);
    commit(stage, 30);
    endTransaction(stage, 'commit');
    expect(fetched(stage)).toBe(30);
    stage.failOver('kept');
    expect(fetched(stage)).toBe(30);
  });

  test('it survives a coordinator that is gone, before its end and with it', () => {
    const stage = new Stage();
    commitInTransaction(stage, 10);
    stage.failOver('kept');
    expect(fetched(stage)).toBe('UNSTABLE_OFFSET_COMMIT');
    endTransaction(stage, 'commit');
    expect(fetched(stage)).toBe(10);
    stage.failOver('kept');
    expect(fetched(stage)).toBe(10);
  });

  test('a marker that comes while the log is read is read with it', () => {
    const stage = new Stage();
    commitInTransaction(stage, 10);
    const log = stage.logs[0];
    if (log === undefined) throw new Error('one log');
    stage.coordinator.partitionLed({ partition: 0, leaderEpoch: 9, log }, stage.nowUs);
    endTransaction(stage, 'commit');
    stage.pass(100);
    expect(fetched(stage)).toBe(10);
  });

  test('a marker is never lost, however much is not durable', () => {
    const stage = new Stage({ settings: { pendingAppendsMax: 2 } });
    commitInTransaction(stage, 10);
    stage.durable = false;
    const waiting = [sendCommit(stage, 1, { partition: 1 }), sendCommit(stage, 2, { partition: 2 })];
    endTransaction(stage, 'commit');
    stage.settle();
    stage.pass(100);
    expect(fetched(stage)).toBe(10);
    expect(fetched(stage, 'g', 'orders', 2)).toBe(2);
    expect(waiting.every((requestId) => stage.isAnswered(requestId))).toBe(true);
  });

  test('its members are checked, where it says who they are (KIP-447)', () => {
    const stage = new Stage();
    const [member] = stableGroup(stage, 1);
    const memberId = member?.memberId ?? '';
    expect(commitInTransaction(stage, 1)).toBe('NONE');
    expect(commitInTransaction(stage, 1, { memberId, generationId: 1 })).toBe('NONE');
    expect(commitInTransaction(stage, 1, { memberId, generationId: 2 })).toBe('ILLEGAL_GENERATION');
    expect(commitInTransaction(stage, 1, { memberId: 'x', generationId: 1 })).toBe('UNKNOWN_MEMBER_ID');
    stage.denied.add('WRITE TRANSACTIONAL_ID t');
    expect(commitInTransaction(stage, 1)).toBe('TRANSACTIONAL_ID_AUTHORIZATION_FAILED');
  });
});

describe('forgetting', () => {
  test('offsets of a group without members go a retention after the last one left (KIP-211)', () => {
    const stage = new Stage();
    const [member] = stableGroup(stage, 1, { sessionTimeoutMs: 1_800_000 });
    const memberId = member?.memberId ?? '';
    commit(stage, 5, { memberId, generationIdOrMemberEpoch: 1 });
    for (let count = 0; count < 8 * 48; count += 1) {
      stage.pass(dayMs / 48 - 1_000);
      stage.ask('heartbeat', { groupId: 'g', memberId, generationId: 1 });
    }
    // In use for longer than a retention; not subscribed to as far as its metadata can be read, so kept.
    expect(fetched(stage)).toBe(5);
    stage.ask('leaveGroup', { groupId: 'g', members: [{ memberId }] });
    stage.pass(6 * dayMs);
    expect(fetched(stage)).toBe(5);
    stage.pass(dayMs + 600_000);
    expect(fetched(stage)).toBe(-1);
    expect(stage.ask('listGroups', {}).groups).toEqual([]);
    stage.failOver('kept');
    expect(stage.ask('listGroups', {}).groups).toEqual([]);
  });

  test('offsets of who never was a member go a retention after their commit, each on its own', () => {
    const stage = new Stage();
    commit(stage, 1, { partition: 0 });
    stage.pass(5 * dayMs);
    commit(stage, 2, { partition: 1 });
    stage.pass(3 * dayMs);
    expect([fetched(stage), fetched(stage, 'g', 'orders', 1)]).toEqual([-1, 2]);
  });

  test('a client of old says itself how long (OffsetCommit 2 to 4)', () => {
    const stage = new Stage();
    commit(stage, 1, { retentionTimeMs: 3_600_000, version: 2 });
    stage.failOver('kept');
    expect(fetched(stage)).toBe(1);
    stage.pass(4_200_000);
    expect(fetched(stage)).toBe(-1);
  });

  test('a commit that is under way is not forgotten as the old one that it replaces', () => {
    const stage = new Stage();
    commit(stage, 1);
    stage.pass(7 * dayMs - 1_000);
    stage.durable = false;
    sendCommit(stage, 2);
    stage.pass(1_200_000);
    stage.durable = true;
    stage.settle();
    expect(fetched(stage)).toBe(2);
  });

  test('offsets of a topic that is deleted go with it, also those under way', () => {
    const stage = new Stage();
    commit(stage, 1);
    commit(stage, 2, { topic: 'bills' });
    stage.durable = false;
    sendCommit(stage, 3, { partition: 1 });
    stage.coordinator.topicDeleted('orders', stage.nowUs);
    stage.settle();
    expect([fetched(stage), fetched(stage, 'g', 'orders', 1), fetched(stage, 'g', 'bills')]).toEqual([
      -1, -1, 2,
    ]);
  });

  test('a topic that is deleted while the log is read is deleted there, too', () => {
    const stage = new Stage();
    commit(stage, 1);
    const log = stage.logs[0];
    if (log === undefined) throw new Error('one log');
    stage.coordinator.partitionLed({ partition: 0, leaderEpoch: 9, log }, stage.nowUs);
    stage.coordinator.topicDeleted('orders', stage.nowUs);
    stage.pass(100);
    expect(fetched(stage)).toBe(-1);
  });

  test('OffsetDelete takes offsets of topics that no member reads (KIP-496)', () => {
    const stage = new Stage();
    const metadata = new Uint8Array([
      0,
      1,
      0,
      0,
      0,
      1,
      0,
      6,
      ...new TextEncoder().encode('orders'),
      255,
      255,
      255,
      255,
    ]);
    const [member] = stableGroup(stage, 1, { protocols: [{ name: 'range', metadata }] });
    const by = { memberId: member?.memberId ?? '', generationIdOrMemberEpoch: 1 };
    commit(stage, 1, by);
    commit(stage, 2, { ...by, topic: 'bills' });
    const partitions = [{ partitionIndex: 0 }];
    const asked = { groupId: 'g', topics: ['orders', 'bills', 'none'].map((name) => ({ name, partitions })) };
    const deleted = stage.ask('offsetDelete', asked);
    expect(deleted.topics.map((topic) => topic.partitions.map(errorIn))).toEqual([
      ['GROUP_SUBSCRIBED_TO_TOPIC'],
      ['NONE'],
      ['UNKNOWN_TOPIC_OR_PARTITION'],
    ]);
    expect([fetched(stage), fetched(stage, 'g', 'bills')]).toEqual([1, -1]);
    expect(errorIn(stage.ask('offsetDelete', { ...asked, groupId: 'none' }))).toBe('GROUP_ID_NOT_FOUND');
  });
});
