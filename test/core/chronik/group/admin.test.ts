import { expect, test } from 'vitest';

import { kafkaErrorOf } from '../../../../core/wire/kafka/error-codes.ts';
import { sendJoin, stableGroup, text } from './members.ts';
import { errorIn, Stage } from './stage.ts';

function commit(stage: Stage, groupId: string): void {
  const partitions = [{ partitionIndex: 0, committedOffset: 1 }];
  stage.send('offsetCommit', { groupId, topics: [{ name: 'orders', partitions }] });
}

test('a stable group is described with what its members say and have', () => {
  const stage = new Stage();
  const [member] = stableGroup(stage, 1);
  const { groups } = stage.ask('describeGroups', {
    groups: ['g', 'none'],
    includeAuthorizedOperations: true,
  });
  const memberId = member?.memberId ?? '';
  expect(groups).toMatchObject([
    {
      errorCode: 0,
      groupId: 'g',
      groupState: 'Stable',
      protocolType: 'consumer',
      protocolData: 'range',
      authorizedOperations: 8,
      members: [
        {
          memberId,
          clientId: 'reader',
          clientHost: '/127.0.0.1',
          memberMetadata: text('all'),
          memberAssignment: text(memberId),
        },
      ],
    },
    { errorCode: 0, groupId: 'none', groupState: 'Dead', members: [] },
  ]);
});

test('groups are listed by name, of the states asked for, as far as they may be seen', () => {
  const stage = new Stage({ partitions: 7 });
  stableGroup(stage, 1, { groupId: 'beta' });
  sendJoin(stage, { groupId: 'beta' });
  for (const groupId of ['gamma', 'alpha', 'secret']) commit(stage, groupId);
  stage.denied.add('DESCRIBE GROUP secret');
  const listed = (statesFilter: readonly string[]): readonly string[] =>
    stage
      .ask('listGroups', { statesFilter })
      .groups.map(({ groupId, groupState }) => `${groupId} ${groupState}`);
  expect(listed([])).toEqual(['alpha Empty', 'beta PreparingRebalance', 'gamma Empty']);
  expect(listed(['empty'])).toEqual(['alpha Empty', 'gamma Empty']);
  expect(listed(['Stable'])).toEqual([]);
});

test('a group is deleted when it has no members, and its end is answered when it is durable (KIP-229)', () => {
  const stage = new Stage({ partitions: 7 });
  stableGroup(stage, 1, { groupId: 'busy' });
  for (const groupId of ['a', 'b']) commit(stage, groupId);
  stage.denied.add('DELETE GROUP secret');
  stage.durable = false;
  const deleted = stage.send('deleteGroups', { groupsNames: ['a', 'busy', 'none', 'secret', 'b', 'a'] });
  expect(stage.isAnswered(deleted)).toBe(false);
  expect(errorIn(stage.ask('joinGroup', { groupId: 'a', sessionTimeoutMs: 10_000 }))).toBe(
    'COORDINATOR_NOT_AVAILABLE',
  );
  stage.settle();
  const results = stage
    .answer<'deleteGroups'>(deleted)
    .results.map((one) => [one.groupId, kafkaErrorOf(one.errorCode)]);
  expect(results).toEqual([
    ['a', 'NONE'],
    ['busy', 'NON_EMPTY_GROUP'],
    ['none', 'GROUP_ID_NOT_FOUND'],
    ['secret', 'GROUP_AUTHORIZATION_FAILED'],
    ['b', 'NONE'],
  ]);
  stage.durable = true;
  stage.failOver('kept');
  expect(stage.ask('listGroups', {}).groups.map(({ groupId }) => groupId)).toEqual(['busy']);
});

test('a group that is deleted takes the commits along that were under way', () => {
  const stage = new Stage();
  stage.durable = false;
  commit(stage, 'a');
  stage.send('deleteGroups', { groupsNames: ['a'] });
  stage.durable = true;
  stage.settle();
  expect(stage.ask('listGroups', {}).groups).toEqual([]);
  stage.failOver('kept');
  expect(stage.ask('listGroups', {}).groups).toEqual([]);
});

test('a group in whose offsets a transaction is open is not deleted', () => {
  const stage = new Stage();
  const partitions = [{ partitionIndex: 0, committedOffset: 1 }];
  const topics = [{ name: 'orders', partitions }];
  stage.send('txnOffsetCommit', {
    transactionalId: 't',
    groupId: 'a',
    producerId: 1,
    producerEpoch: 0,
    topics,
  });
  expect(stage.ask('deleteGroups', { groupsNames: ['a'] }).results.map(errorIn)).toEqual(['NON_EMPTY_GROUP']);
});

test('a group of thousands of offsets is deleted whole', () => {
  const stage = new Stage();
  stage.topics.set('wide', 2_500);
  const partitions = Array.from({ length: 2_500 }, (_, partitionIndex) => ({
    partitionIndex,
    committedOffset: 1,
  }));
  stage.ask('offsetCommit', { groupId: 'a', topics: [{ name: 'wide', partitions }] });
  expect(stage.ask('deleteGroups', { groupsNames: ['a'] }).results.map(errorIn)).toEqual(['NONE']);
  stage.failOver('kept');
  expect(stage.ask('listGroups', {}).groups).toEqual([]);
});
