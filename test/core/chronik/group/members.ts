import { expect } from 'vitest';

import { utf8FromText } from '../../../../core/base/utf8.ts';
import { type JoinGroupResponse } from '../../../../core/wire/kafka/messages/group-membership.ts';
import { errorIn, type Stage } from './stage.ts';

export const text = utf8FromText;

export interface JoinFields {
  readonly groupId?: string;
  readonly memberId?: string;
  readonly groupInstanceId?: string;
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
  readonly protocolType?: string;
  readonly protocols?: readonly { readonly name: string; readonly metadata: Uint8Array }[];
}

export const joinDefaults = {
  groupId: 'g',
  memberId: '',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 60_000,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: text('all') }],
};

/** Sends a JoinGroup; a newcomer without a name first gets its id, as clients do since KIP-394. */
export function sendJoin(stage: Stage, fields: JoinFields = {}, version = 9): number {
  const asked = { ...joinDefaults, ...fields };
  const requestId = stage.send('joinGroup', asked, version);
  if (asked.memberId !== '' || asked.groupInstanceId !== undefined || version < 4) return requestId;
  const first = stage.answer<'joinGroup'>(requestId);
  expect(errorIn(first)).toBe('MEMBER_ID_REQUIRED');
  return stage.send('joinGroup', { ...asked, memberId: first.memberId }, version);
}

/** A group of so many members, which share out among themselves; returns what each was told, its leader first. */
export function stableGroup(
  stage: Stage,
  count: number,
  fields: JoinFields = {},
): readonly JoinGroupResponse[] {
  // The first is alone for a moment: those that follow make it join again.
  const first = stage.answer<'joinGroup'>(sendJoin(stage, fields));
  const joins = Array.from({ length: count - 1 }, () => sendJoin(stage, fields));
  if (count > 1) joins.push(sendJoin(stage, { ...fields, memberId: first.memberId }));
  const joined = count === 1 ? [first] : joins.map((requestId) => stage.answer<'joinGroup'>(requestId));
  for (const answer of joined) expect(errorIn(answer)).toBe('NONE');
  joined.sort(
    (left, right) => Number(right.memberId === right.leader) - Number(left.memberId === left.leader),
  );
  shareOut(stage, joined, fields.groupId);
  return joined;
}

/** Everybody asks for its assignment; the leader says that each gets its own id. */
export function shareOut(stage: Stage, joined: readonly JoinGroupResponse[], groupId = 'g'): void {
  const syncs = joined.map(({ memberId, generationId, leader, members }) =>
    stage.send('syncGroup', {
      groupId,
      generationId,
      memberId,
      assignments:
        memberId === leader
          ? members.map((one) => ({ memberId: one.memberId, assignment: text(one.memberId) }))
          : [],
    }),
  );
  for (const [at, requestId] of syncs.entries()) {
    const answer = stage.answer<'syncGroup'>(requestId);
    expect(errorIn(answer)).toBe('NONE');
    expect(answer.assignment).toEqual(text(joined[at]?.memberId ?? ''));
  }
}

export function heartbeat(
  stage: Stage,
  { memberId, generationId }: JoinGroupResponse,
  groupId = 'g',
): string {
  return errorIn(stage.ask('heartbeat', { groupId, memberId, generationId }));
}

export function stateOf(stage: Stage, groupId = 'g'): string {
  return stage.ask('describeGroups', { groups: [groupId] }).groups[0]?.groupState ?? '';
}
