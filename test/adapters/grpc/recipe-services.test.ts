import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { electionService } from '../../../adapters/grpc/services/election.ts';
import { lockService } from '../../../adapters/grpc/services/lock.ts';
import { StatusError } from '../../../adapters/grpc/status.ts';
import { present } from '../../../core/base/assert.ts';
import { LeaderRequest, LeaderResponse } from '../../../core/chainfire/api/election.ts';
import {
  KeyValue,
  RangeResponse,
  ResponseHeader,
  ResponseOp,
  TxnResponse,
} from '../../../core/chainfire/api/kv.ts';
import { LockRequest, LockResponse } from '../../../core/chainfire/api/lock.ts';
import { Event, eventTypes, WatchResponse } from '../../../core/chainfire/api/watch.ts';
import { type MemberRequest, type MemberResponse } from '../../../core/chainfire/member-protocol.ts';
import { ClientCall, ScriptedMember, type ScriptedStream, serve, type Served } from './scripted-member.ts';

const header = (revision: number) =>
  ResponseHeader.create({ clusterId: 9n, memberId: 1n, revision, raftTerm: 2 });
const range = (...kvs: KeyValue[]) =>
  ResponseOp.create({ responseRange: RangeResponse.create({ kvs, count: kvs.length }) });
const holder = KeyValue.create({ key: 'n/1', createRevision: 3, modRevision: 3, lease: 1n });

let member: ScriptedMember;
let served: Served;
/** The key that stands before ours in the queue; undefined: it is gone. */
let before: KeyValue | undefined;

beforeEach(async () => {
  member = new ScriptedMember();
  before = holder;
  member.answer = (request) => Promise.resolve(answerOf(request));
  served = await serve(member, [lockService(member), electionService(member)]);
});
afterEach(() => served.stop());

/** As a store would in which our key was created at revision 5, behind another's. */
function answerOf(request: MemberRequest): MemberResponse {
  if (request.kind === 'range') {
    const kvs = before === undefined ? [] : [before];
    return { kind: 'range', response: RangeResponse.create({ header: header(6), kvs, count: kvs.length }) };
  }
  if (request.kind !== 'txn') throw new Error(`nobody asks for ${request.kind}`);
  const [first, second] = request.request.success;
  const responses =
    first?.requestPut !== undefined && second !== undefined
      ? [ResponseOp.create(), range(present(before, 'somebody holds when we enter'))]
      : [before === undefined ? range() : range(before)];
  return { kind: 'txn', response: TxnResponse.create({ header: header(6), succeeded: true, responses }) };
}

const lockCall = () =>
  new ClientCall(served.client, '/v3lockpb.Lock/Lock', { request: LockRequest, response: LockResponse });

async function streamNumber(number: number): Promise<ScriptedStream> {
  await member.until(() => (member.streams[number]?.received.length ?? 0) > 0);
  return present(member.streams[number], 'the stream was awaited');
}

const told = (revision: number, ...events: Event[]) =>
  WatchResponse.create({ header: header(revision), events: events.map((event) => Event.encode(event)) });
const deleted = (key: string, modRevision: number) =>
  Event.create({ type: eventTypes.delete, kv: KeyValue.create({ key, modRevision }) });

/** Whether a request takes our key away. */
const leaves = (request: MemberRequest) =>
  request.kind === 'txn' && request.request.success[0]?.requestDeleteRange?.key === 'n/2';

describe('a lock that somebody holds', () => {
  async function waiting(): Promise<{ call: ClientCall<LockRequest, LockResponse>; stream: ScriptedStream }> {
    const call = lockCall();
    call.send(LockRequest.create({ name: 'n', lease: 2n }));
    call.halfClose();
    return { call, stream: await streamNumber(0) };
  }

  test('is waited for with one watch of the key before, closed when it is gone', async () => {
    const { call, stream } = await waiting();
    expect(stream.received).toMatchObject([{ create: { key: 'n/1', rangeEnd: '', startRevision: 7 } }]);
    before = undefined;
    stream.listener.item(told(8, deleted('n/1', 8)), 100);
    expect(await call.read(1)).toMatchObject([{ key: 'n/2' }]);
    expect(await call.ended).toMatchObject({ code: 'OK' });
    expect(stream.closes).toBeGreaterThan(0);
    expect(member.asked.some(({ request }) => leaves(request))).toBe(false);
  });

  test('what the watch says before that is drained, and changes nothing', async () => {
    const { call, stream } = await waiting();
    stream.listener.item(WatchResponse.create({ header: header(7), created: true }), 40);
    stream.listener.item(told(7), 50);
    await member.until(() => stream.drainedBytes === 90);
    expect(member.asked.length).toBe(2);
    call.cancel();
  });

  test('a watch whose past is compacted is followed by another look', async () => {
    const { call, stream } = await waiting();
    stream.listener.item(
      WatchResponse.create({ header: header(50), canceled: true, compactRevision: 40 }),
      40,
    );
    const again = await streamNumber(1);
    expect(stream.closes).toBeGreaterThan(0);
    expect(member.asked.length).toBe(3);
    expect(again.received).toMatchObject([{ create: { key: 'n/1', startRevision: 7 } }]);
    call.cancel();
  });

  test('a client that leaves gives up its key, by a request that does not end with the call', async () => {
    const { call, stream } = await waiting();
    call.cancel();
    await member.until(() => member.asked.some(({ request }) => leaves(request)));
    expect(stream.closes).toBeGreaterThan(0);
    expect(member.asked.at(-1)?.signal.aborted).toBe(false);
  });

  test('a member that stops says so, and tries to give up the key', async () => {
    const { call, stream } = await waiting();
    stream.listener.ended(new StatusError('UNAVAILABLE', 'etcdserver: server stopped'));
    call.readAll();
    expect(await call.ended).toEqual({ code: 'UNAVAILABLE', details: 'etcdserver: server stopped' });
    expect(member.asked.some(({ request }) => leaves(request))).toBe(true);
    expect(member.defects).toEqual([]);
  });
});

test('an observer that does not read makes the member hold back', async () => {
  const call = new ClientCall(served.client, '/v3electionpb.Election/Observe', {
    request: LeaderRequest,
    response: LeaderResponse,
  });
  call.send(LeaderRequest.create({ name: 'n' }));
  call.halfClose();
  const stream = await streamNumber(0);
  // More than windows and socket buffers take.
  const count = 400;
  const bytes = 100_000;
  for (let at = 1; at <= count; at += 1) {
    const kv = KeyValue.create({ ...holder, modRevision: 10 + at, value: new Uint8Array(bytes) });
    stream.listener.item(told(10 + at, Event.create({ kv })), bytes);
  }
  await call.read(1);
  expect(stream.drainedBytes).toBeLessThan((count * bytes) / 2);
  const responses = await call.read(count + 1);
  expect(responses.map(({ kv }) => kv?.modRevision)).toEqual([
    3,
    ...Array.from({ length: count }, (_, at) => 11 + at),
  ]);
  await member.until(() => stream.drainedBytes === count * bytes);
  call.cancel();
});
