import { expect, test } from 'vitest';

import { type NodeId } from '../../../core/base/ids.ts';
import { CompactionRequest, PutRequest, RangeRequest, TxnRequest } from '../../../core/chainfire/api/kv.ts';
import {
  alarmActions,
  AlarmRequest,
  alarmTypes,
  HashKvRequest,
  HashRequest,
  MemberAddRequest,
  MemberListRequest,
  MemberPromoteRequest,
  MemberRemoveRequest,
  MemberUpdateRequest,
  MoveLeaderRequest,
  StatusRequest,
} from '../../../core/chainfire/api/cluster.ts';
import {
  LeaseGrantRequest,
  LeaseKeepAliveRequest,
  LeaseLeasesRequest,
  LeaseRevokeRequest,
  LeaseTimeToLiveRequest,
} from '../../../core/chainfire/api/lease.ts';
import { DeleteRangeRequest } from '../../../core/chainfire/api/kv.ts';
import { WatchCreateRequest, WatchRequest } from '../../../core/chainfire/api/watch.ts';
import {
  AuthChange,
  authActions,
  AuthQuery,
  authQuestions,
  Credential,
  credentialKinds,
} from '../../../core/chainfire/auth/protocol.ts';
import {
  NamespaceListRequest,
  NamespacePutRequest,
  NamespaceRemoveRequest,
} from '../../../core/chainfire/api/namespace.ts';
import { readMemberEvent, writeMemberEvent } from '../../../core/chainfire/event-codec.ts';
import { type MemberEvent, type MemberRequest } from '../../../core/chainfire/member-protocol.ts';
import { type GroupId } from '../../../core/base/ids.ts';
import { WireError, WireReader } from '../../../core/wire/reader.ts';
import { WireWriter } from '../../../core/wire/writer.ts';

const two = 2 as NodeId;

/** With all that it may have, but for who it is by. */
type Whole<Kind extends MemberRequest['kind']> = Required<
  Omit<Extract<MemberRequest, { kind: Kind }>, 'by'>
> &
  Pick<MemberRequest, 'by'>;

/** One of every kind: the compiler misses a kind that is not here, and a field of it. */
const requests: { readonly [K in MemberRequest['kind']]: Whole<K> } = {
  range: {
    kind: 'range',
    request: RangeRequest.create({ key: 'a\xff', limit: 7 }),
    consistency: 'local',
    page: { bytesMax: 512, at: { revision: 9, next: 'b\xff', found: 3, more: true } },
  },
  put: {
    kind: 'put',
    request: PutRequest.create({ key: 'k\x00', value: new Uint8Array(300), lease: 2n ** 63n }),
  },
  deleteRange: { kind: 'deleteRange', request: DeleteRangeRequest.create({ key: 'a', rangeEnd: '\x00' }) },
  txn: {
    kind: 'txn',
    request: TxnRequest.create({
      success: [
        {
          requestRange: undefined,
          requestPut: PutRequest.create({ key: 'in', value: new Uint8Array([1]) }),
          requestDeleteRange: undefined,
          requestTxn: undefined,
        },
      ],
    }),
    consistency: 'local',
  },
  compact: { kind: 'compact', request: CompactionRequest.create({ revision: 9, physical: true }) },
  namespacePut: {
    kind: 'namespacePut',
    request: NamespacePutRequest.create({
      name: 'a',
      prefix: 'a/\xff',
      limits: { bytes: 1, keys: 2, leases: 3, watches: 4 },
    }),
  },
  namespaceRemove: { kind: 'namespaceRemove', request: NamespaceRemoveRequest.create({ name: 'a' }) },
  namespaceList: { kind: 'namespaceList', request: NamespaceListRequest.create({ name: 'b' }) },
  memberList: { kind: 'memberList', request: MemberListRequest.create({ linearizable: true }) },
  status: { kind: 'status', request: StatusRequest.create() },
  hash: { kind: 'hash', request: HashRequest.create() },
  hashKv: { kind: 'hashKv', request: HashKvRequest.create({ revision: 3 }) },
  leaseGrant: { kind: 'leaseGrant', request: LeaseGrantRequest.create({ ttlSeconds: 60, id: 5n }) },
  leaseRevoke: { kind: 'leaseRevoke', request: LeaseRevokeRequest.create({ id: 5n }) },
  leaseKeepAlive: { kind: 'leaseKeepAlive', request: LeaseKeepAliveRequest.create({ id: 5n }) },
  leaseTimeToLive: {
    kind: 'leaseTimeToLive',
    request: LeaseTimeToLiveRequest.create({ id: 5n, keys: true }),
  },
  leaseLeases: { kind: 'leaseLeases', request: LeaseLeasesRequest.create() },
  memberAdd: {
    kind: 'memberAdd',
    request: MemberAddRequest.create({ peerUrls: ['http://n4:2380'], isLearner: true }),
  },
  memberRemove: { kind: 'memberRemove', request: MemberRemoveRequest.create({ id: 4n }) },
  memberUpdate: {
    kind: 'memberUpdate',
    request: MemberUpdateRequest.create({ id: 4n, peerUrls: ['http://n4:2380', 'http://n5:2380'] }),
  },
  memberPromote: { kind: 'memberPromote', request: MemberPromoteRequest.create({ id: 4n }) },
  moveLeader: { kind: 'moveLeader', request: MoveLeaderRequest.create({ targetId: 2n }) },
  authChange: {
    kind: 'authChange',
    request: AuthChange.create({ action: authActions.userAdd, user: 'ü', passwordHash: 'scrypt$…' }),
    by: Credential.create({ kind: credentialKinds.token, name: 'digest' }),
  },
  authQuery: {
    kind: 'authQuery',
    request: AuthQuery.create({ question: authQuestions.userGet, user: 'ü' }),
    by: Credential.create({ kind: credentialKinds.user, name: 'ü', authRevision: 7 }),
  },
  alarm: {
    kind: 'alarm',
    request: AlarmRequest.create({ action: alarmActions.activate, memberId: 3n, alarm: alarmTypes.corrupt }),
  },
};

const events: { readonly [K in MemberEvent['kind']]: Extract<MemberEvent, { kind: K }> } = {
  tick: { kind: 'tick' },
  wallClock: { kind: 'wallClock', wallUs: 1_767_225_600_123_456 },
  received: {
    kind: 'received',
    from: two,
    messages: [
      {
        group: 1 as GroupId,
        message: {
          kind: 'appendRequest',
          term: 3,
          previousIndex: 8,
          previousTerm: 2,
          entries: [{ index: 9, term: 3, kind: 'command', data: new Uint8Array([1, 2, 3]) }],
          commitIndex: 8,
          boot: 4,
        },
      },
    ],
  },
  synced: { kind: 'synced', syncSeq: 2 ** 40 },
  stored: { kind: 'stored', storeSeq: 1 },
  requested: { kind: 'requested', requestId: 1, request: requests.put },
  cancelled: { kind: 'cancelled', requestId: 300 },
  streamOpened: { kind: 'streamOpened', streamId: 1, stream: { kind: 'watch', requireLeader: true } },
  streamReceived: {
    kind: 'streamReceived',
    streamId: 1,
    request: WatchRequest.create({ create: WatchCreateRequest.create({ key: 'a', startRevision: 4 }) }),
  },
  streamDrained: { kind: 'streamDrained', streamId: 1, bytes: 70_000 },
  streamClosed: { kind: 'streamClosed', streamId: 1 },
  snapshotReceived: {
    kind: 'snapshotReceived',
    from: two,
    stageId: 1,
    header: {
      group: 1 as GroupId,
      leaderTerm: 3,
      index: 10,
      term: 2,
      configuration: { voters: [1 as NodeId, two], outgoing: [], learners: [] },
    },
  },
  snapshotSent: { kind: 'snapshotSent', to: two },
  snapshotFailed: { kind: 'snapshotFailed', to: two },
};

function again(event: MemberEvent): MemberEvent {
  const writer = new WireWriter();
  writeMemberEvent(writer, event);
  const reader = new WireReader(writer.finish());
  const read = readMemberEvent(reader);
  expect(reader.done).toBe(true);
  return read;
}

test.each(Object.values(events))('a recorded event is the event: $kind', (event) => {
  expect(again(event)).toStrictEqual(event);
});

test.each(Object.values(requests))('a recorded request is the request: $kind', (request) => {
  const event = { kind: 'requested', requestId: 77, request } as const;
  expect(again(event)).toStrictEqual(event);
});

test.each([undefined, { bytesMax: 1, at: undefined }])(
  'a range is read whole, or its first page: %o',
  (page) => {
    const request = {
      kind: 'range',
      request: RangeRequest.create({ key: 'a' }),
      ...(page && { page }),
    } as const;
    const event = { kind: 'requested', requestId: 77, request } as const;
    expect(again(event)).toStrictEqual(event);
  },
);

test('unknown kinds and cut events are refused', () => {
  const read = (...bytes: number[]) => readMemberEvent(new WireReader(new Uint8Array(bytes)));
  expect(() => read(14)).toThrow('an event is of the unknown kind 14');
  expect(() => read(4, 1, 0x3f, 0)).toThrow('a request is of the unknown kind 63');
  expect(() => read(4, 1, 0, 0, 3)).toThrow('a page is of the unknown form 3');
  expect(() => read(1, 0, 0)).toThrow('a node has a number from 1');
  for (const event of Object.values(events)) {
    const writer = new WireWriter();
    writeMemberEvent(writer, event);
    const bytes = writer.finish();
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => readMemberEvent(new WireReader(bytes.subarray(0, length)))).toThrow(WireError);
    }
  }
});
