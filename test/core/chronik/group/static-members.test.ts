import { expect, test } from 'vitest';

import { type JoinGroupResponse } from '../../../../core/wire/kafka/messages/group-membership.ts';
import { heartbeat, joinDefaults, sendJoin, shareOut, stateOf, text } from './members.ts';
import { errorIn, Stage } from './stage.ts';

/** Two static members that have shared out; the leader first. */
function staticGroup(stage: Stage): readonly [JoinGroupResponse, JoinGroupResponse] {
  const first = stage.answer<'joinGroup'>(sendJoin(stage, { groupInstanceId: 'a' }));
  const second = sendJoin(stage, { groupInstanceId: 'b' });
  const again = sendJoin(stage, { groupInstanceId: 'a', memberId: first.memberId });
  const joined = [again, second].map((requestId) => stage.answer<'joinGroup'>(requestId));
  shareOut(stage, joined);
  return joined as unknown as readonly [JoinGroupResponse, JoinGroupResponse];
}

test('a static member that was restarted gets back what it had, and nobody else notices (KIP-345)', () => {
  const stage = new Stage();
  const [leader, former] = staticGroup(stage);
  const back = stage.ask('joinGroup', { ...joinDefaults, groupInstanceId: 'b' });
  expect(back).toMatchObject({ errorCode: 0, generationId: 2, leader: leader.memberId, members: [] });
  expect(back.memberId).not.toBe(former.memberId);
  expect(stateOf(stage)).toBe('Stable');
  expect(heartbeat(stage, leader)).toBe('NONE');
  const sync = stage.ask('syncGroup', {
    groupId: 'g',
    generationId: 2,
    memberId: back.memberId,
    groupInstanceId: 'b',
  });
  expect(sync).toMatchObject({ errorCode: 0, assignment: text(former.memberId) });
});

test('its former self is fenced in everything that it does', () => {
  const stage = new Stage();
  const [, former] = staticGroup(stage);
  stage.ask('joinGroup', { ...joinDefaults, groupInstanceId: 'b' });
  const asked = { groupId: 'g', memberId: former.memberId, generationId: 2, groupInstanceId: 'b' };
  expect(errorIn(stage.ask('heartbeat', asked))).toBe('FENCED_INSTANCE_ID');
  expect(errorIn(stage.ask('syncGroup', asked))).toBe('FENCED_INSTANCE_ID');
  expect(errorIn(stage.ask('joinGroup', { ...joinDefaults, ...asked }))).toBe('FENCED_INSTANCE_ID');
  const left = stage.ask('leaveGroup', {
    groupId: 'g',
    members: [{ memberId: former.memberId, groupInstanceId: 'b' }],
  });
  expect(left.members.map(errorIn)).toEqual(['FENCED_INSTANCE_ID']);
  const committed = stage.ask('offsetCommit', {
    groupId: 'g',
    memberId: former.memberId,
    groupInstanceId: 'b',
    generationIdOrMemberEpoch: 2,
    topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, committedOffset: 1 }] }],
  });
  expect(committed.topics[0]?.partitions.map(errorIn)).toEqual(['FENCED_INSTANCE_ID']);
});

test('its new self is told of nothing before that is durable', () => {
  const stage = new Stage();
  const [, former] = staticGroup(stage);
  stage.durable = false;
  const back = stage.send('joinGroup', { ...joinDefaults, groupInstanceId: 'b' });
  expect(stage.isAnswered(back)).toBe(false);
  stage.failOver('lost');
  expect(errorIn(stage.answer<'joinGroup'>(back))).toBe('NOT_COORDINATOR');
  // For the new coordinator the former one is still the member.
  const asked = { groupId: 'g', memberId: former.memberId, generationId: 2, groupInstanceId: 'b' };
  expect(errorIn(stage.ask('heartbeat', asked))).toBe('NONE');
});

test('what cannot be written did not happen: the former self stays the member', () => {
  const stage = new Stage();
  const [, former] = staticGroup(stage);
  stage.refusal = 'NOT_ENOUGH_REPLICAS';
  const refused = stage.ask('joinGroup', { ...joinDefaults, groupInstanceId: 'b' });
  expect(errorIn(refused)).toBe('COORDINATOR_NOT_AVAILABLE');
  const asked = { groupId: 'g', memberId: former.memberId, generationId: 2, groupInstanceId: 'b' };
  expect(errorIn(stage.ask('heartbeat', asked))).toBe('NONE');
  expect(stateOf(stage)).toBe('Stable');
});

test('a leader that was restarted need not share out again (KIP-814), nor is it led to by an older version', () => {
  const stage = new Stage();
  const [former, other] = staticGroup(stage);
  const back = stage.ask('joinGroup', { ...joinDefaults, groupInstanceId: 'a' });
  expect(back).toMatchObject({ errorCode: 0, generationId: 2, leader: back.memberId, skipAssignment: true });
  expect(back.members.map(({ memberId }) => memberId)).toEqual([back.memberId, other.memberId]);
  const again = stage.ask('joinGroup', { ...joinDefaults, groupInstanceId: 'a' }, 8);
  expect(again).toMatchObject({ errorCode: 0, generationId: 2, leader: back.memberId, members: [] });
  expect(again.memberId).not.toBe(back.memberId);
  expect(former.memberId).not.toBe(again.leader);
});

test('a restarted member with another vote makes the group rebalance', () => {
  const stage = new Stage();
  const [leader] = staticGroup(stage);
  const protocols = [
    { name: 'sticky', metadata: text('') },
    { name: 'range', metadata: text('') },
  ];
  // The protocol that all know is still range: nothing happens.
  expect(stage.ask('joinGroup', { ...joinDefaults, protocols, groupInstanceId: 'b' }).generationId).toBe(2);
  // The leader knows both now, and wants them: so does the other, and the vote turns.
  const rejoin = sendJoin(stage, { groupInstanceId: 'a', memberId: leader.memberId, protocols });
  const other = sendJoin(stage, { groupInstanceId: 'b', protocols });
  const joined = [rejoin, other].map((requestId) => stage.answer<'joinGroup'>(requestId));
  expect(joined.map(({ protocolName, generationId }) => [protocolName, generationId])).toEqual([
    ['sticky', 3],
    ['sticky', 3],
  ]);
});

test('a static member that is away is waited for as long as its session lasts, and the others go on without it', () => {
  const stage = new Stage();
  const [leader, away] = staticGroup(stage);
  const newcomer = sendJoin(stage);
  const again = sendJoin(stage, { groupInstanceId: 'a', memberId: leader.memberId });
  expect(stage.isAnswered(newcomer)).toBe(false);
  stage.pass(10_000);
  const joined = [again, newcomer].map((requestId) => stage.answer<'joinGroup'>(requestId));
  expect(joined.map(errorIn)).toEqual(['NONE', 'NONE']);
  expect(joined[0]?.members.length).toBe(2);
  expect(heartbeat(stage, { ...away, generationId: 3 })).toBe('UNKNOWN_MEMBER_ID');
});

test('a static member is taken out by its name alone', () => {
  const stage = new Stage();
  staticGroup(stage);
  const left = stage.ask('leaveGroup', {
    groupId: 'g',
    members: [{ groupInstanceId: 'a' }, { groupInstanceId: 'c' }, { groupInstanceId: 'b' }],
  });
  expect(left.members.map(errorIn)).toEqual(['NONE', 'UNKNOWN_MEMBER_ID', 'NONE']);
  expect(stateOf(stage)).toBe('Empty');
});

test('an instance that nobody has is unknown, whatever id it gives', () => {
  const stage = new Stage();
  staticGroup(stage);
  const refused = stage.ask('joinGroup', { ...joinDefaults, memberId: 'x', groupInstanceId: 'c' });
  expect(errorIn(refused)).toBe('UNKNOWN_MEMBER_ID');
});
