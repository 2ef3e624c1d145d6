import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { StatusError } from '../../../adapters/grpc/status.ts';
import { watchService } from '../../../adapters/grpc/services/watch.ts';
import { present } from '../../../core/base/assert.ts';
import { KeyValue, ResponseHeader } from '../../../core/chainfire/api/kv.ts';
import { Event, WatchCreateRequest, WatchRequest, WatchResponse } from '../../../core/chainfire/api/watch.ts';
import { ClientCall, ScriptedMember, type ScriptedStream, serve, type Served } from './scripted-member.ts';

const path = '/etcdserverpb.Watch/Watch';
const codecs = { request: WatchRequest, response: WatchResponse };
let member: ScriptedMember;
let served: Served;

beforeEach(async () => {
  member = new ScriptedMember();
  served = await serve(member, [watchService(member)]);
});
afterEach(() => served.stop());

const open = (metadata?: Readonly<Record<string, string>>) =>
  new ClientCall(served.client, path, codecs, metadata);
const create = (key: string) => WatchRequest.create({ create: WatchCreateRequest.create({ key }) });

async function streamOf(): Promise<ScriptedStream> {
  await member.until(() => member.streams.length === 1);
  return present(member.streams[0], 'the stream was awaited');
}

function response(revision: number, valueBytes = 3, watchId = 7): WatchResponse {
  const kv = KeyValue.create({ key: 'k', value: new Uint8Array(valueBytes), modRevision: revision });
  return WatchResponse.create({
    header: ResponseHeader.create({ clusterId: 9n, memberId: 1n, revision, raftTerm: 2 }),
    watchId,
    events: [Event.encode(Event.create({ kv }))],
  });
}

describe('requests', () => {
  test('reach the member decoded, in order, the next once it has taken up the one before', async () => {
    member.onStream = (stream) => (stream.held = true);
    const call = open();
    for (const key of ['a', 'b', 'c']) call.send(create(key));
    const stream = await streamOf();
    expect(stream.opening).toEqual({ kind: 'watch', requireLeader: false });
    for (const keys of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
      await member.until(() => stream.received.length >= keys.length);
      for (let turn = 0; turn < 20; turn += 1) await setImmediate();
      expect(stream.received.map((request) => request.create?.key)).toEqual(keys);
      stream.release();
    }
    call.cancel();
  });

  test.each([
    ['true', true],
    ['false', false],
  ])('hasleader: %s', async (value, requireLeader) => {
    const call = open({ hasleader: value });
    expect((await streamOf()).opening).toEqual({ kind: 'watch', requireLeader });
    call.cancel();
  });

  test('that cannot be decoded end the stream, by name, and the member is told that the client is gone', async () => {
    const call = open();
    call.sendBytes(Uint8Array.from([0x0a, 0x05, 0x61]));
    call.readAll();
    expect(await call.ended).toEqual({
      code: 'INTERNAL',
      details:
        'grpc: error unmarshalling WatchRequest: WatchRequest.create: a length reaches past the end of the input',
    });
    expect((await streamOf()).closes).toBe(1);
    expect(member.defects).toEqual([]);
  });
});

describe('responses', () => {
  test('reach the client in order, and count as drained once the transport has them', async () => {
    const call = open();
    const stream = await streamOf();
    const all = [response(5), response(6), { ...response(7), fragment: true }];
    all.forEach((item, at) => stream.listener.item(item, 10 + at));
    expect(await call.read(3)).toEqual(all);
    await member.until(() => stream.drainedBytes === 33);
    call.cancel();
  });

  test('of a client that does not read stay undrained, however many there are; others get theirs', async () => {
    const slow = open();
    const stream = await streamOf();
    const fast = open();
    await member.until(() => member.streams.length === 2);
    const other = present(member.streams[1], 'there are two');
    // More than windows and socket buffers take.
    const count = 400;
    const bytes = 100_000;
    for (let revision = 1; revision <= count; revision += 1)
      stream.listener.item(response(revision, bytes), bytes);
    for (let revision = 1; revision <= 20; revision += 1) {
      other.listener.item(response(revision, bytes), bytes);
      await fast.read(revision);
    }
    await member.until(() => other.drainedBytes === 20 * bytes);
    expect(stream.drainedBytes).toBeLessThan((count * bytes) / 2);
    expect((await slow.read(count)).map(({ header }) => header?.revision)).toEqual(
      Array.from({ length: count }, (_, at) => at + 1),
    );
    await member.until(() => stream.drainedBytes === count * bytes);
    slow.cancel();
    fast.cancel();
  });
});

describe('the end', () => {
  test('a client that leaves is told to the member, once', async () => {
    const call = open();
    const stream = await streamOf();
    call.cancel();
    await member.until(() => stream.closes > 0);
    await call.ended;
    expect(stream.closes).toBe(1);
  });

  test('a client that has no more to ask goes on listening', async () => {
    const call = open();
    const stream = await streamOf();
    call.send(create('a'));
    call.halfClose();
    await member.until(() => stream.received.length === 1);
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    stream.listener.item(response(5), 1);
    expect(await call.read(1)).toEqual([response(5)]);
    expect(stream.closes).toBe(0);
    call.cancel();
  });

  test('the member’s refusal is the status, behind what was said before', async () => {
    const call = open();
    const stream = await streamOf();
    stream.listener.item(response(5), 1);
    stream.listener.ended(new StatusError('UNAVAILABLE', 'etcdserver: no leader'));
    call.readAll();
    expect(await call.ended).toEqual({ code: 'UNAVAILABLE', details: 'etcdserver: no leader' });
    expect(call.received).toEqual([response(5)]);
  });

  test('the member’s good end is OK', async () => {
    const call = open();
    (await streamOf()).listener.ended(undefined);
    call.readAll();
    expect(await call.ended).toMatchObject({ code: 'OK' });
  });

  test('no member, no stream', async () => {
    member.onStream = () => {
      throw new StatusError('UNAVAILABLE', 'etcdserver: server stopped');
    };
    const call = open();
    call.readAll();
    expect(await call.ended).toEqual({ code: 'UNAVAILABLE', details: 'etcdserver: server stopped' });
  });
});
