import { describe, expect, test } from 'vitest';

import { heartbeat, joinDefaults, sendJoin, shareOut, stableGroup, stateOf, text } from './members.ts';
import { errorIn, Stage } from './stage.ts';

describe('joining', () => {
  test('a newcomer without a name is given an id first, and joins with it (KIP-394)', () => {
    const stage = new Stage();
    const first = stage.ask('joinGroup', joinDefaults);
    expect(errorIn(first)).toBe('MEMBER_ID_REQUIRED');
    expect(first.memberId).toMatch(/^reader-[0-9a-f-]{36}$/);
    const joined = stage.ask('joinGroup', { ...joinDefaults, memberId: first.memberId });
    expect(joined).toMatchObject({
      errorCode: 0,
      generationId: 1,
      protocolType: 'consumer',
      protocolName: 'range',
      leader: first.memberId,
      memberId: first.memberId,
      members: [{ memberId: first.memberId, metadata: text('all') }],
    });
  });

  test('an older client joins at once, without an id (JoinGroup 3)', () => {
    const stage = new Stage();
    const joined = stage.ask('joinGroup', joinDefaults, 3);
    expect(joined).toMatchObject({ errorCode: 0, generationId: 1, leader: joined.memberId });
  });

  test('an id that was given out and not used is forgotten with its session', () => {
    const stage = new Stage();
    const { memberId } = stage.ask('joinGroup', joinDefaults);
    stage.pass(10_000);
    expect(errorIn(stage.ask('joinGroup', { ...joinDefaults, memberId }))).toBe('UNKNOWN_MEMBER_ID');
  });

  test('what cannot be is refused by name', () => {
    const stage = new Stage();
    stableGroup(stage, 1);
    const refused = (fields: object): string =>
      errorIn(stage.ask('joinGroup', { ...joinDefaults, ...fields }));
    expect(refused({ groupId: '' })).toBe('INVALID_GROUP_ID');
    expect(refused({ sessionTimeoutMs: 5_999 })).toBe('INVALID_SESSION_TIMEOUT');
    expect(refused({ sessionTimeoutMs: 1_800_001 })).toBe('INVALID_SESSION_TIMEOUT');
    expect(refused({ memberId: 'nobody' })).toBe('UNKNOWN_MEMBER_ID');
    expect(refused({ protocolType: 'connect' })).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(refused({ protocols: [{ name: 'sticky', metadata: text('') }] })).toBe(
      'INCONSISTENT_GROUP_PROTOCOL',
    );
    expect(refused({ groupId: 'new', protocols: [] })).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(stateOf(stage)).toBe('Stable');
    expect(stage.ask('listGroups', {}).groups.map(({ groupId }) => groupId)).toEqual(['g']);
  });

  test('a group is no larger than group.max.size', () => {
    const stage = new Stage({ settings: { membersMax: 2 } });
    stableGroup(stage, 2);
    const refused = stage.ask('joinGroup', joinDefaults, 3);
    expect(errorIn(refused)).toBe('GROUP_MAX_SIZE_REACHED');
  });

  test('the first member of an empty group waits for others, and longer while others come (KIP-134)', () => {
    const stage = new Stage({ settings: { initialRebalanceDelayMs: 3_000 } });
    const first = sendJoin(stage);
    stage.pass(2_999);
    expect(stage.isAnswered(first)).toBe(false);
    const second = sendJoin(stage);
    stage.pass(3_000);
    expect(stage.isAnswered(first)).toBe(false);
    stage.pass(1);
    const answers = [first, second].map((requestId) => stage.answer<'joinGroup'>(requestId));
    expect(answers.map(({ generationId }) => generationId)).toEqual([1, 1]);
    expect(answers.map(({ members }) => members.length)).toEqual([2, 0]);
  });

  test('the protocol is the one that most vote for, of those that everybody knows', () => {
    const stage = new Stage({ settings: { initialRebalanceDelayMs: 3_000 } });
    const named = (...names: string[]): { protocols: { name: string; metadata: Uint8Array }[] } => ({
      protocols: names.map((name) => ({ name, metadata: text(name) })),
    });
    const joins = [
      named('range', 'sticky', 'roundrobin'),
      named('sticky', 'roundrobin'),
      named('roundrobin', 'sticky'),
    ].map((protocols) => sendJoin(stage, protocols));
    stage.pass(9_000);
    const answers = joins.map((requestId) => stage.answer<'joinGroup'>(requestId));
    expect(answers.map(({ protocolName }) => protocolName)).toEqual(['sticky', 'sticky', 'sticky']);
    expect(answers[0]?.members.map(({ metadata }) => metadata)).toEqual([
      text('sticky'),
      text('sticky'),
      text('sticky'),
    ]);
  });
});

describe('a generation', () => {
  test('is shared out by its leader when that is durable, not before', () => {
    const stage = new Stage();
    const joined = stage.answer<'joinGroup'>(sendJoin(stage));
    stage.durable = false;
    const { memberId, generationId } = joined;
    const assignments = [{ memberId, assignment: text('all of it') }];
    const sync = stage.send('syncGroup', { groupId: 'g', memberId, generationId, assignments });
    expect(stage.isAnswered(sync)).toBe(false);
    expect(stateOf(stage)).toBe('CompletingRebalance');
    stage.settle();
    expect(stage.answer<'syncGroup'>(sync)).toMatchObject({ errorCode: 0, assignment: text('all of it') });
    expect(stateOf(stage)).toBe('Stable');
  });

  test('ends when somebody comes: members learn it by heartbeat and join again (librdkafka)', () => {
    const stage = new Stage();
    const [one] = stableGroup(stage, 1);
    if (one === undefined) throw new Error('one member');
    expect(heartbeat(stage, one)).toBe('NONE');
    const newcomer = sendJoin(stage);
    expect(heartbeat(stage, one)).toBe('REBALANCE_IN_PROGRESS');
    const sync = stage.ask('syncGroup', { groupId: 'g', memberId: one.memberId, generationId: 1 });
    expect(errorIn(sync)).toBe('REBALANCE_IN_PROGRESS');
    const again = sendJoin(stage, { memberId: one.memberId });
    const joined = [newcomer, again].map((requestId) => stage.answer<'joinGroup'>(requestId));
    expect(joined.map(({ generationId }) => generationId)).toEqual([2, 2]);
    shareOut(stage, joined);
    expect(heartbeat(stage, one)).toBe('ILLEGAL_GENERATION');
  });

  test('takes no other generation and nobody who is not of it', () => {
    const stage = new Stage();
    const [member] = stableGroup(stage, 1);
    if (member === undefined) throw new Error('one member');
    const sync = (fields: object): string =>
      errorIn(
        stage.ask('syncGroup', { groupId: 'g', memberId: member.memberId, generationId: 1, ...fields }),
      );
    expect(sync({ generationId: 2 })).toBe('ILLEGAL_GENERATION');
    expect(sync({ memberId: 'nobody' })).toBe('UNKNOWN_MEMBER_ID');
    expect(sync({ groupId: 'other' })).toBe('UNKNOWN_MEMBER_ID');
    expect(sync({ protocolName: 'sticky' })).toBe('INCONSISTENT_GROUP_PROTOCOL');
    expect(sync({ protocolType: 'consumer', protocolName: 'range' })).toBe('NONE');
    expect(heartbeat(stage, { ...member, memberId: 'nobody' })).toBe('UNKNOWN_MEMBER_ID');
    expect(heartbeat(stage, member, 'other')).toBe('UNKNOWN_MEMBER_ID');
  });

  test('loses who is not heard of for a session, and begins anew', () => {
    const stage = new Stage();
    const [one, two] = stableGroup(stage, 2);
    if (one === undefined || two === undefined) throw new Error('two members');
    stage.pass(6_000);
    expect(heartbeat(stage, one)).toBe('NONE');
    stage.pass(4_000);
    expect(heartbeat(stage, one)).toBe('REBALANCE_IN_PROGRESS');
    const again = stage.answer<'joinGroup'>(sendJoin(stage, { memberId: one.memberId }));
    expect(again).toMatchObject({ generationId: 3, leader: one.memberId });
    expect(heartbeat(stage, two)).toBe('UNKNOWN_MEMBER_ID');
  });

  test('does not wait for members that do not join again longer than a rebalance takes', () => {
    const stage = new Stage();
    const [one] = stableGroup(stage, 1, { sessionTimeoutMs: 300_000 });
    if (one === undefined) throw new Error('one member');
    const newcomer = sendJoin(stage);
    stage.pass(59_999);
    expect(stage.isAnswered(newcomer)).toBe(false);
    stage.pass(1);
    const joined = stage.answer<'joinGroup'>(newcomer);
    expect(joined).toMatchObject({ generationId: 2, leader: joined.memberId });
    expect(heartbeat(stage, one)).toBe('UNKNOWN_MEMBER_ID');
  });

  test('does not wait for members that joined and never ask for their assignment', () => {
    const stage = new Stage({ settings: { initialRebalanceDelayMs: 100 } });
    const joins = [sendJoin(stage), sendJoin(stage)];
    stage.pass(200);
    const [leader, other] = joins.map((requestId) => stage.answer<'joinGroup'>(requestId));
    if (leader === undefined || other === undefined) throw new Error('two members');
    const sync = stage.send('syncGroup', { groupId: 'g', memberId: other.memberId, generationId: 1 });
    for (let count = 0; count < 12; count += 1) {
      stage.pass(5_000);
      heartbeat(stage, leader);
    }
    expect(errorIn(stage.answer<'syncGroup'>(sync))).toBe('REBALANCE_IN_PROGRESS');
    const again = stage.answer<'joinGroup'>(sendJoin(stage, { memberId: other.memberId }));
    expect(again).toMatchObject({ generationId: 2, leader: other.memberId });
  });

  test('is tried again when its assignment cannot be written', () => {
    const stage = new Stage();
    const joined = stage.answer<'joinGroup'>(sendJoin(stage));
    stage.refusal = 'NOT_ENOUGH_REPLICAS';
    const { memberId, generationId } = joined;
    const assignments = [{ memberId, assignment: text('all') }];
    const refused = stage.ask('syncGroup', { groupId: 'g', memberId, generationId, assignments });
    expect(errorIn(refused)).toBe('COORDINATOR_NOT_AVAILABLE');
    stage.refusal = undefined;
    const again = stage.answer<'joinGroup'>(sendJoin(stage, { memberId }));
    expect(again.generationId).toBe(2);
    shareOut(stage, [again]);
  });

  test('is tried again when its assignment is not durable in time', () => {
    const stage = new Stage();
    const joined = stage.answer<'joinGroup'>(sendJoin(stage));
    stage.durable = false;
    const { memberId, generationId } = joined;
    const assignments = [{ memberId, assignment: text('all') }];
    const sync = stage.send('syncGroup', { groupId: 'g', memberId, generationId, assignments });
    stage.pass(5_000);
    expect(errorIn(stage.answer<'syncGroup'>(sync))).toBe('REBALANCE_IN_PROGRESS');
    stage.durable = true;
    stage.settle();
    expect(heartbeat(stage, joined)).toBe('REBALANCE_IN_PROGRESS');
    shareOut(stage, [stage.answer<'joinGroup'>(sendJoin(stage, { memberId }))]);
  });

  test('is not taken for durable because the one before it is', () => {
    const stage = new Stage();
    const { memberId } = stage.answer<'joinGroup'>(sendJoin(stage));
    stage.durable = false;
    const assignments = [{ memberId, assignment: text('all') }];
    stage.send('syncGroup', { groupId: 'g', memberId, generationId: 1, assignments });
    const endOfFirst = stage.logs[0]?.logEndOffset ?? 0;
    // It has something else to say, so the generation ends before its shares are durable.
    const protocols = [{ name: 'range', metadata: text('more') }];
    expect(stage.answer<'joinGroup'>(sendJoin(stage, { memberId, protocols })).generationId).toBe(2);
    const second = stage.send('syncGroup', { groupId: 'g', memberId, generationId: 2, assignments });
    stage.settleTo(endOfFirst);
    expect(stage.isAnswered(second)).toBe(false);
    stage.settle();
    expect(errorIn(stage.answer<'syncGroup'>(second))).toBe('NONE');
  });

  test('a member whose answer was lost asks again and gets the same', () => {
    const stage = new Stage();
    const [leader, other] = stableGroup(stage, 2);
    if (leader === undefined || other === undefined) throw new Error('two members');
    const again = stage.ask('joinGroup', { ...joinDefaults, memberId: other.memberId });
    expect(again).toMatchObject({ generationId: 2, leader: leader.memberId, members: [] });
    expect(stateOf(stage)).toBe('Stable');
  });

  test('a leader that joins again wants it shared out anew', () => {
    const stage = new Stage();
    const [leader] = stableGroup(stage, 1);
    const again = stage.ask('joinGroup', { ...joinDefaults, memberId: leader?.memberId ?? '' });
    expect(again).toMatchObject({ errorCode: 0, generationId: 2, leader: leader?.memberId });
  });
});

describe('leaving', () => {
  test('a member that leaves makes the others join again; the last one leaves an empty group', () => {
    const stage = new Stage();
    const [one, two] = stableGroup(stage, 2);
    if (one === undefined || two === undefined) throw new Error('two members');
    const left = stage.ask('leaveGroup', { groupId: 'g', members: [{ memberId: two.memberId }] });
    expect(left).toMatchObject({ errorCode: 0, members: [{ memberId: two.memberId, errorCode: 0 }] });
    expect(heartbeat(stage, one)).toBe('REBALANCE_IN_PROGRESS');
    const last = stage.ask('leaveGroup', { groupId: 'g', memberId: one.memberId }, 2);
    expect(errorIn(last)).toBe('NONE');
    expect(stateOf(stage)).toBe('Empty');
  });

  test('many leave with one request, each with an answer of its own (KIP-345)', () => {
    const stage = new Stage();
    const [one, two] = stableGroup(stage, 2);
    const left = stage.ask('leaveGroup', {
      groupId: 'g',
      members: [{ memberId: one?.memberId ?? '' }, { memberId: 'nobody' }, { memberId: two?.memberId ?? '' }],
    });
    expect(left.members.map(errorIn)).toEqual(['NONE', 'UNKNOWN_MEMBER_ID', 'NONE']);
    expect(stateOf(stage)).toBe('Empty');
  });

  test('who is not there cannot leave', () => {
    const stage = new Stage();
    const left = stage.ask('leaveGroup', { groupId: 'g', memberId: 'nobody' }, 2);
    expect(errorIn(left)).toBe('UNKNOWN_MEMBER_ID');
  });
});
