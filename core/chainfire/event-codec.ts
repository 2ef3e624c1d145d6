import { unreachable } from '../base/assert.ts';
import { type NodeId } from '../base/ids.ts';
import {
  decodeGroupMessages,
  decodeSnapshotHeader,
  encodeGroupMessages,
  encodeSnapshotHeader,
} from '../raft/message-codec.ts';
import { type Message } from '../wire/protobuf.ts';
import { WireError, type WireReader } from '../wire/reader.ts';
import { type WireWriter } from '../wire/writer.ts';
import {
  AlarmRequest,
  HashKvRequest,
  HashRequest,
  MemberAddRequest,
  MemberListRequest,
  MemberPromoteRequest,
  MemberRemoveRequest,
  MemberUpdateRequest,
  MoveLeaderRequest,
  StatusRequest,
} from './api/cluster.ts';
import { CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest } from './api/kv.ts';
import {
  LeaseGrantRequest,
  LeaseKeepAliveRequest,
  LeaseLeasesRequest,
  LeaseRevokeRequest,
  LeaseTimeToLiveRequest,
} from './api/lease.ts';
import { NamespaceListRequest, NamespacePutRequest, NamespaceRemoveRequest } from './api/namespace.ts';
import { WatchRequest } from './api/watch.ts';
import { AuthChange, AuthQuery, Credential } from './auth/protocol.ts';
import {
  type LocalConsistency,
  type MemberEvent,
  type MemberRequest,
  type MemberStream,
} from './member-protocol.ts';
import { type RangePage } from './mvcc/range-page.ts';

/**
 * What a member is stepped with, as bytes, for a recording: a byte for the kind, then its fields; messages and requests as
 * they go over the wire. The numbers of kinds are their positions: new ones go to the end.
 */
const kinds: readonly MemberEvent['kind'][] = [
  'tick',
  'received',
  'synced',
  'stored',
  'requested',
  'cancelled',
  'streamOpened',
  'streamReceived',
  'streamDrained',
  'streamClosed',
  'snapshotReceived',
  'snapshotSent',
  'snapshotFailed',
  'wallClock',
];
const kindNumbers: ReadonlyMap<string, number> = new Map(kinds.map((kind, number) => [kind, number]));

const requestMessages: { readonly [K in MemberRequest['kind']]: Message<RequestOf<K>> } = {
  range: RangeRequest,
  put: PutRequest,
  deleteRange: DeleteRangeRequest,
  txn: TxnRequest,
  compact: CompactionRequest,
  memberList: MemberListRequest,
  status: StatusRequest,
  hash: HashRequest,
  hashKv: HashKvRequest,
  leaseGrant: LeaseGrantRequest,
  leaseRevoke: LeaseRevokeRequest,
  leaseKeepAlive: LeaseKeepAliveRequest,
  leaseTimeToLive: LeaseTimeToLiveRequest,
  leaseLeases: LeaseLeasesRequest,
  memberAdd: MemberAddRequest,
  memberRemove: MemberRemoveRequest,
  memberUpdate: MemberUpdateRequest,
  memberPromote: MemberPromoteRequest,
  moveLeader: MoveLeaderRequest,
  authChange: AuthChange,
  authQuery: AuthQuery,
  alarm: AlarmRequest,
  namespacePut: NamespacePutRequest,
  namespaceRemove: NamespaceRemoveRequest,
  namespaceList: NamespaceListRequest,
};
type RequestOf<Kind extends MemberRequest['kind']> = Extract<
  MemberRequest,
  { readonly kind: Kind }
>['request'];

const requestKinds = Object.keys(requestMessages) as readonly MemberRequest['kind'][];
const requestNumbers: ReadonlyMap<string, number> = new Map(
  requestKinds.map((kind, number) => [kind, number]),
);
/** Of a request, beside its kind. */
const localFlag = 0x80;
/** Of a request, beside its kind, and of a stream: what the caller shows stands before it. */
const callerFlag = 0x40;
const requireLeaderFlag = 0x01;
/** Of a range: whether it is read a page at a time, and whether this page is the first. */
const pageForms = { none: 0, first: 1, further: 2 } as const;

export const memberEventCodec = { write: writeMemberEvent, read: readMemberEvent };

export function writeMemberEvent(writer: WireWriter, event: MemberEvent): void {
  writer.byte(kindNumbers.get(event.kind) ?? 0xff);
  switch (event.kind) {
    case 'tick':
      break;
    case 'received':
      writer.varint(event.from);
      writer.bytes(encodeGroupMessages(event.messages));
      break;
    case 'synced':
      writer.varint(event.syncSeq);
      break;
    case 'stored':
      writer.varint(event.storeSeq);
      break;
    case 'requested':
      writer.varint(event.requestId);
      writeRequest(writer, event.request);
      break;
    case 'cancelled':
      writer.varint(event.requestId);
      break;
    case 'streamOpened':
      writer.varint(event.streamId);
      writer.byte((event.stream.requireLeader ? requireLeaderFlag : 0) | flagOf(event.stream.by));
      writeCredential(writer, event.stream.by);
      break;
    case 'streamReceived': {
      writer.varint(event.streamId);
      const start = writer.begin();
      WatchRequest.write(writer, event.request);
      writer.end(start);
      break;
    }
    case 'streamDrained':
      writer.varint(event.streamId);
      writer.varint(event.bytes);
      break;
    case 'streamClosed':
      writer.varint(event.streamId);
      break;
    case 'snapshotReceived':
      writer.varint(event.from);
      writer.varint(event.stageId);
      writer.bytes(encodeSnapshotHeader(event.header));
      break;
    case 'snapshotSent':
    case 'snapshotFailed':
      writer.varint(event.to);
      break;
    case 'wallClock':
      writer.varint(event.wallUs);
      break;
    default:
      unreachable(event);
  }
}

/** @throws WireError */
export function readMemberEvent(reader: WireReader): MemberEvent {
  const number = reader.byte();
  const kind = kinds[number];
  switch (kind) {
    case 'tick':
      return { kind };
    case 'received':
      return { kind, from: readNodeId(reader), messages: decodeGroupMessages(reader.bytes()) };
    case 'synced':
      return { kind, syncSeq: reader.varint() };
    case 'stored':
      return { kind, storeSeq: reader.varint() };
    case 'requested':
      return { kind, requestId: reader.varint(), request: readRequest(reader) };
    case 'cancelled':
      return { kind, requestId: reader.varint() };
    case 'streamOpened':
      return { kind, streamId: reader.varint(), stream: readStream(reader) };
    case 'streamReceived':
      return { kind, streamId: reader.varint(), request: WatchRequest.read(reader.part()) };
    case 'streamDrained':
      return { kind, streamId: reader.varint(), bytes: reader.varint() };
    case 'streamClosed':
      return { kind, streamId: reader.varint() };
    case 'snapshotReceived':
      return {
        kind,
        from: readNodeId(reader),
        stageId: reader.varint(),
        header: decodeSnapshotHeader(reader.bytes()),
      };
    case 'snapshotSent':
    case 'snapshotFailed':
      return { kind, to: readNodeId(reader) };
    case 'wallClock':
      return { kind, wallUs: reader.varint() };
    case undefined:
      throw new WireError(`an event is of the unknown kind ${number}`);
    default:
      return unreachable(kind);
  }
}

function writeRequest(writer: WireWriter, request: MemberRequest): void {
  const isLocal = 'consistency' in request && request.consistency === 'local';
  writer.byte((requestNumbers.get(request.kind) ?? 0x3f) | (isLocal ? localFlag : 0) | flagOf(request.by));
  writeCredential(writer, request.by);
  const start = writer.begin();
  // One table for all kinds: that a kind's message is its request's, the table's type says.
  (requestMessages[request.kind] as Message<unknown>).write(writer, request.request);
  writer.end(start);
  if (request.kind === 'range') writePage(writer, request.page);
}

function readRequest(reader: WireReader): MemberRequest {
  const byte = reader.byte();
  const number = byte & ~(localFlag | callerFlag);
  const kind = requestKinds[number];
  if (kind === undefined) throw new WireError(`a request is of the unknown kind ${number}`);
  const shown = (byte & callerFlag) === 0 ? {} : { by: Credential.read(reader.part()) };
  const request = (requestMessages[kind] as Message<unknown>).read(reader.part());
  const consistency: LocalConsistency | undefined = (byte & localFlag) === 0 ? undefined : 'local';
  const said = consistency === undefined ? {} : { consistency };
  const page = kind === 'range' ? readPage(reader) : undefined;
  const asked = page === undefined ? {} : { page };
  return { kind, request, ...said, ...asked, ...shown } as MemberRequest;
}

/** How far a range is read, if not to its end: a byte for what follows, then that. */
function writePage(writer: WireWriter, page: RangePage | undefined): void {
  if (page === undefined) return writer.byte(pageForms.none);
  const { bytesMax, at } = page;
  writer.byte(at === undefined ? pageForms.first : pageForms.further);
  writer.varint(bytesMax);
  if (at === undefined) return;
  writer.varint(at.revision);
  writer.latin1(at.next);
  writer.varint(at.found);
  writer.varint(at.more ? 1 : 0);
}

function readPage(reader: WireReader): RangePage | undefined {
  const form = reader.byte();
  if (form === pageForms.none) return undefined;
  if (form !== pageForms.first && form !== pageForms.further)
    throw new WireError(`a page is of the unknown form ${form}`);
  const bytesMax = reader.varint();
  if (form === pageForms.first) return { bytesMax, at: undefined };
  const [revision, next, found] = [reader.varint(), reader.latin1(), reader.varint()];
  return { bytesMax, at: { revision, next, found, more: reader.varint() === 1 } };
}

function readStream(reader: WireReader): MemberStream {
  const flags = reader.byte();
  const stream: MemberStream = { kind: 'watch', requireLeader: (flags & requireLeaderFlag) !== 0 };
  return (flags & callerFlag) === 0 ? stream : { ...stream, by: Credential.read(reader.part()) };
}

function flagOf(by: Credential | undefined): number {
  return by === undefined ? 0 : callerFlag;
}

function writeCredential(writer: WireWriter, by: Credential | undefined): void {
  if (by === undefined) return;
  const start = writer.begin();
  Credential.write(writer, by);
  writer.end(start);
}

function readNodeId(reader: WireReader): NodeId {
  const id = reader.varint();
  if (id === 0) throw new WireError('a node has a number from 1');
  return id as NodeId;
}
