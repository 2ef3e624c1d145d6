import { afterAll, beforeAll, expect, test } from 'vitest';

import { memberMethods } from '../../adapters/grpc/member-methods.ts';
import { rangeStreamPath } from '../../adapters/grpc/services/range-stream.ts';
import {
  CompactionRequest,
  type KeyValue,
  PutRequest,
  RangeRequest,
  type RangeResponse,
  sortOrders,
  sortTargets,
} from '../../core/chainfire/api/kv.ts';
import { AuthenticateRequest, AuthenticateResponse } from '../../core/chainfire/api/auth.ts';
import { RangeStreamResponse } from '../../core/chainfire/api/range-stream.ts';
import { Cluster } from './cluster.ts';
import { etcdctl } from './command.ts';
import { type CallEnding, RawClient, type RawStream } from './raw-client.ts';

const rangeStream = { path: rangeStreamPath, request: RangeRequest, response: RangeStreamResponse };
const ok = { code: 'OK', details: '' };
const keys = 3_000;
/** More than everything between a member and a client that does not read can hold: gRPC's library alone keeps sixteen pieces. */
const valueBytes = 8_000;

let cluster: Cluster;
let client: RawClient;
beforeAll(async () => {
  cluster = await Cluster.start(3, ['--auth-password-cost', '10']);
  client = new RawClient(cluster.place('a').client);
  for (let at = 0; at < keys; at += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, each) => put(`k${String(at + each).padStart(5, '0')}`, valueBytes)),
    );
  }
});
afterAll(async () => {
  client?.close();
  await cluster?.remove();
});

async function put(key: string, bytes: number): Promise<number> {
  const value = new Uint8Array(bytes).fill(key.charCodeAt(key.length - 1));
  const { header } = await client.call(memberMethods.put, PutRequest.create({ key, value }));
  return header?.revision ?? 0;
}

const everything = { key: '\0', rangeEnd: '\0' };

function open(fields: Partial<RangeRequest>): RawStream<RangeRequest, RangeStreamResponse> {
  const stream = client.stream(rangeStream);
  stream.send(RangeRequest.create(fields));
  stream.halfClose();
  return stream;
}

/** As any client merges messages: lists grow, of anything else the last counts. */
function merged(pieces: readonly RangeStreamResponse[]): RangeResponse {
  const kvs: KeyValue[] = [];
  let last: RangeResponse | undefined;
  for (const { rangeResponse } of pieces) {
    kvs.push(...(rangeResponse?.kvs ?? []));
    last = rangeResponse;
  }
  return { header: last?.header, more: last?.more ?? false, count: last?.count ?? 0, kvs };
}

async function read(fields: Partial<RangeRequest>): Promise<CallEnding | RangeResponse> {
  const stream = open(fields);
  const ending = await stream.read(Infinity);
  expect(ending).toBeDefined();
  return ending?.code === 'OK' ? merged(stream.received) : (ending as CallEnding);
}

test.each<[string, Partial<RangeRequest>]>([
  ['everything', {}],
  ['keys alone', { keysOnly: true }],
  ['a count', { countOnly: true }],
  ['a limit', { limit: 700 }],
  ['a limit that is not reached', { limit: keys + 10 }],
  ['an end', { key: 'k00100', rangeEnd: 'k00200' }],
  ['one key', { key: 'k00100', rangeEnd: '' }],
  ['no key', { key: 'nothing', rangeEnd: '' }],
  ['backwards', { sortOrder: sortOrders.descend }],
  ['the past', { revision: 1_500 }],
  ['the past with a limit', { revision: 1_500, limit: 40 }],
  ['young ones', { minModRevision: 2_900 }],
  ['old ones, from here', { maxCreateRevision: 10, serializable: true }],
])('pieces are together what Range answers: %s', async (_, fields) => {
  const request = RangeRequest.create({ ...everything, ...fields });
  const whole = await client.call(memberMethods.range, request);
  expect(await read(request)).toEqual(whole);
});

test('all pieces are small, and only the last says more than keys', async () => {
  const stream = open(everything);
  expect(await stream.read(Infinity)).toEqual(ok);
  expect(stream.received.length).toBeGreaterThan(10);
  for (const piece of stream.received.slice(0, -1)) {
    expect(piece.rangeResponse).toMatchObject({ header: undefined, more: false, count: 0 });
    expect(RangeStreamResponse.encode(piece).length).toBeLessThan(1_000_000);
  }
  expect(stream.received.at(-1)?.rangeResponse).toMatchObject({ count: keys, more: false });
});

test('what is refused is what Range refuses; what is sorted otherwise is left to it', async () => {
  for (const fields of [
    { revision: 1_000_000 },
    { revision: -1 },
    { key: '', rangeEnd: '' },
    { limit: -1 },
  ]) {
    const request = RangeRequest.create({ ...everything, ...fields });
    const refusal = (await client.unary(memberMethods.range, request)) as CallEnding;
    expect(refusal.code).toMatch(/^(OUT_OF_RANGE|INVALID_ARGUMENT)$/);
    expect(await read(request)).toEqual(refusal);
  }
  expect(await read({ ...everything, sortTarget: sortTargets.mod })).toMatchObject({ code: 'UNIMPLEMENTED' });
});

test('a slow reader is told of one moment, through writes and a change of the leader', async () => {
  const before = merged(await piecesOf(everything));
  const stream = open(everything);
  await stream.read(1);
  await put('k00000', 10);
  await put('k02999', 10);
  await put('zzz', 10);
  const status = (await etcdctl(cluster.endpoints, ['endpoint', 'status'])).stdout.split('\n');
  const follower = status.find((line) => line.includes(', false, false,'))?.split(', ')[1];
  const leader = status.find((line) => line.includes(', true, false,'))?.split(', ')[0];
  expect(await etcdctl(leader ?? '', ['move-leader', follower ?? ''])).toMatchObject({ code: 0 });
  expect(await stream.read(Infinity)).toEqual(ok);
  expect(merged(stream.received).kvs).toEqual(before.kvs);
});

async function piecesOf(fields: Partial<RangeRequest>): Promise<readonly RangeStreamResponse[]> {
  const stream = open(fields);
  expect(await stream.read(Infinity)).toEqual(ok);
  return stream.received;
}

test('a reader whose moment is compacted is told so, and had not been read ahead for', async () => {
  const stream = open(everything);
  await stream.read(1);
  const revision = await put('after', 10);
  await client.call(memberMethods.compact, CompactionRequest.create({ revision }));
  expect(await stream.read(Infinity)).toEqual({
    code: 'OUT_OF_RANGE',
    details: 'etcdserver: mvcc: required revision has been compacted',
  });
  expect(merged(stream.received).kvs.length).toBeLessThan(keys);
});

test('a reader that goes ends the reading, and others are served', async () => {
  const stream = open(everything);
  await stream.read(1);
  const under = async (): Promise<number> => {
    const body = await (await fetch(`http://${cluster.place('a').metrics}/metrics`)).text();
    const sum = (name: string): number =>
      body
        .split('\n')
        .filter((line) => line.startsWith(name) && line.includes('"RangeStream"'))
        .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
    return sum('grpc_server_started_total') - sum('grpc_server_handled_total');
  };
  expect(await under()).toBe(1);
  stream.cancel();
  expect(await stream.ended).toMatchObject({ code: 'CANCELLED' });
  while ((await under()) > 0);
  const [counted] = await piecesOf({ ...everything, countOnly: true });
  expect(counted?.rangeResponse?.count).toBeGreaterThanOrEqual(keys);
});

test('whoever may not read the range is refused, and a permission reaches as far as it says', async () => {
  const run = (...args: readonly string[]) => etcdctl(cluster.endpoints, args);
  for (const command of [
    ['user', 'add', 'root:r'],
    ['user', 'grant-role', 'root', 'root'],
    ['user', 'add', 'reader:r'],
    ['role', 'add', 'some'],
    ['role', 'grant-permission', 'some', 'read', 'k00', 'k01'],
    ['user', 'grant-role', 'reader', 'some'],
    ['auth', 'enable'],
  ]) {
    expect(await run(...command)).toMatchObject({ code: 0 });
  }
  const method = {
    path: '/etcdserverpb.Auth/Authenticate',
    request: AuthenticateRequest,
    response: AuthenticateResponse,
  };
  const { token } = await client.call(method, AuthenticateRequest.create({ name: 'reader', password: 'r' }));
  const as = async (fields: Partial<RangeRequest>): Promise<CallEnding | undefined> => {
    const stream = client.stream(rangeStream, { token });
    stream.send(RangeRequest.create(fields));
    stream.halfClose();
    return stream.read(Infinity);
  };
  expect(await as({ key: 'k00', rangeEnd: 'k01' })).toEqual(ok);
  expect(await as(everything)).toEqual({
    code: 'PERMISSION_DENIED',
    details: 'etcdserver: permission denied',
  });
});
