import { expect, test } from 'vitest';

import { bytesFromLatin1 } from '../../core/base/bytes.ts';
import { groupId, nodeId } from '../../core/base/ids.ts';
import { PutRequest, PutResponse, ResponseHeader } from '../../core/chainfire/api/kv.ts';
import { type MemberEffect, type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { type GroupMessage } from '../../core/raft/types.ts';
import { failedStepLine, stepLine, summary } from '../../sim/trace.ts';

const group = groupId(1);
const entry = { term: 3, kind: 'command', data: bytesFromLatin1('\x00\x01') } as const;
const append: GroupMessage = {
  group,
  message: {
    kind: 'appendRequest',
    term: 3,
    previousIndex: 4,
    previousTerm: 2,
    entries: [
      { ...entry, index: 5 },
      { ...entry, index: 6 },
    ],
    commitIndex: 4,
    boot: 0,
  },
};

test('a message is told by its kind and what it says, entries by where they stand', () => {
  const event: MemberEvent = { kind: 'received', from: nodeId(2), messages: [append] };
  expect(summary(event)).toBe(
    'received from=2 appendRequest term=3 previousIndex=4 previousTerm=2 entries=5…6 of term 3 commitIndex=4',
  );
});

test('requests and answers are told without their wrapping, values as text where they are text', () => {
  const put = PutRequest.create({ key: 'a', value: bytesFromLatin1('x-1') });
  const response = PutResponse.create({
    header: ResponseHeader.create({ clusterId: 9n, revision: 7, raftTerm: 2 }),
  });
  const event: MemberEvent = { kind: 'requested', requestId: 4, request: { kind: 'put', request: put } };
  const effect: MemberEffect = {
    kind: 'reply',
    requestId: 4,
    response: { kind: 'put', response },
    afterSyncSeq: 0,
  };
  expect(stepLine({ nowUs: 1_000_002, node: nodeId(3), event, effects: [effect] })).toBe(
    "1.000002 n3 requested requestId=4 put key=a value='x-1' -> reply requestId=4 put header={revision=7 term=2}",
  );
});

test('nothing is long: texts, lists and bytes are cut or counted', () => {
  const event: MemberEvent = {
    kind: 'requested',
    requestId: 1,
    request: {
      kind: 'put',
      request: PutRequest.create({ key: 'k'.repeat(100), value: new Uint8Array(5_000) }),
    },
  };
  expect(summary(event)).toBe(`requested requestId=1 put key=${'k'.repeat(40)}… value=<5000 bytes>`);
  const many: MemberEvent = {
    kind: 'received',
    from: nodeId(1),
    messages: Array.from({ length: 30 }, () => append),
  };
  expect(summary(many)).toMatch(/ & … 30$/);
});

test('a step that the disk fails is told with what went in, and why nothing came out', () => {
  const event: MemberEvent = { kind: 'synced', syncSeq: 7 };
  expect(failedStepLine({ nowUs: 1_500_000, node: nodeId(2), event }, 'read')).toBe(
    '1.500000 n2 synced syncSeq=7 -> ended by its disk: read',
  );
});
