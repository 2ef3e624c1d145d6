import { afterAll, beforeAll, expect, test } from 'vitest';

import { memberMethods } from '../../adapters/grpc/member-methods.ts';
import { PutRequest, RangeRequest } from '../../core/chainfire/api/kv.ts';
import { Event, WatchCreateRequest, WatchRequest, WatchResponse } from '../../core/chainfire/api/watch.ts';
import { Cluster } from './cluster.ts';
import { RawClient, type RawStream } from './raw-client.ts';

const watchMethod = { path: '/etcdserverpb.Watch/Watch', request: WatchRequest, response: WatchResponse };
type WatchStream = RawStream<WatchRequest, WatchResponse>;

let cluster: Cluster;
const clients: RawClient[] = [];
beforeAll(async () => {
  cluster = await Cluster.start(3, ['--stream-bytes-max', String(256 * 1_024)]);
});
afterAll(async () => {
  for (const client of clients) client.close();
  await cluster?.remove();
});

/** A client with a connection of its own. */
function connect(member: string): RawClient {
  const client = new RawClient(cluster.place(member).client);
  clients.push(client);
  return client;
}

const create = (fields: Parameters<typeof WatchCreateRequest.create>[0]) =>
  WatchRequest.create({ create: WatchCreateRequest.create(fields) });

/** A watch that is set up. */
async function watching(client: RawClient, fields: Parameters<typeof create>[0]): Promise<WatchStream> {
  const stream = client.stream(watchMethod);
  stream.send(create(fields));
  await stream.read(1);
  return stream;
}

const eventsOf = (received: readonly WatchResponse[], watchId?: number): readonly Event[] =>
  received
    .filter((response) => watchId === undefined || response.watchId === watchId)
    .flatMap(({ events }) => events.map((event) => Event.decode(event)));
const revisionsOf = (received: readonly WatchResponse[], watchId?: number) =>
  eventsOf(received, watchId).map(({ kv }) => kv?.modRevision);

async function putMany(
  client: RawClient,
  key: string,
  count: number,
  bytes: number,
): Promise<readonly number[]> {
  const revisions: number[] = [];
  for (let at = 0; at < count; at += 1) {
    const { header } = await client.call(
      memberMethods.put,
      PutRequest.create({ key, value: new Uint8Array(bytes).fill(at) }),
    );
    revisions.push(header?.revision ?? 0);
  }
  return revisions;
}

test('a client that does not read holds up nobody, and finds everything when it reads', async () => {
  cluster.showLogsOnFailure();
  const slow = await watching(connect('a'), { key: 'slow' });
  const fast = await watching(connect('a'), { key: 'slow' });
  const writer = connect('a');
  // Many times what its window, its socket and its bound in the member take together.
  const count = 60;
  const revisions: number[] = [];
  for (let at = 0; at < count; at += 1) {
    revisions.push(...(await putMany(writer, 'slow', 1, 100_000)));
    // The other watch has each change before the next is made.
    await fast.until((received) => revisionsOf(received).length === at + 1);
  }
  expect(revisionsOf(fast.received)).toEqual(revisions);
  expect(slow.received.length).toBe(1);
  await slow.until((received) => revisionsOf(received).length === count);
  expect(revisionsOf(slow.received)).toEqual(revisions);
  slow.cancel();
  fast.cancel();
});

test('watches of a stream that is full do not hold up those of others, and share what is left when it is read', async () => {
  cluster.showLogsOnFailure();
  const stream = await watching(connect('b'), { key: 'shared' });
  for (let watch = 1; watch < 10; watch += 1) stream.send(create({ key: 'shared' }));
  await stream.until((received) => received.filter(({ created }) => created).length === 10);
  const revisions = await putMany(connect('b'), 'shared', 60, 50_000);
  for (let watch = 0; watch < 10; watch += 1) {
    await stream.until((received) => revisionsOf(received, watch).length === revisions.length);
    expect(revisionsOf(stream.received, watch)).toEqual(revisions);
  }
  stream.cancel();
});

test.each([
  ['on one stream', 1],
  ['on streams of their own', 100],
])('a hundred watches of one key, %s, are each told of every change once, in order', async (_, streams) => {
  cluster.showLogsOnFailure();
  const client = connect('c');
  const key = `fanout ${streams}`;
  const perStream = 100 / streams;
  const open = await Promise.all(
    Array.from({ length: streams }, async () => {
      const stream = client.stream(watchMethod);
      for (let watch = 0; watch < perStream; watch += 1) stream.send(create({ key }));
      await stream.read(perStream);
      return stream;
    }),
  );
  // Written at another member than the one that is watched.
  const revisions = await putMany(connect('a'), key, 50, 256);
  for (const stream of open) {
    await stream.until((received) => revisionsOf(received).length >= revisions.length * perStream);
    for (let watch = 0; watch < perStream; watch += 1) {
      expect(revisionsOf(stream.received, watch)).toEqual(revisions);
    }
    stream.cancel();
  }
});

test('progress is never ahead of the events, though it is asked for again and again while watches catch up', async () => {
  cluster.showLogsOnFailure();
  const writer = connect('a');
  const key = 'progress';
  const old = await putMany(writer, key, 40, 20_000);
  const stream = await watching(connect('b'), { key });
  const written: number[] = [];
  // Each of these begins in the past, at the same time as changes are made and progress is asked for.
  for (let round = 0; round < 10; round += 1) {
    stream.send(create({ key, startRevision: old[0] ?? 0 }));
    for (let ask = 0; ask < 3; ask += 1) stream.send(WatchRequest.create({ progress: {} }));
    written.push(...(await putMany(writer, key, 2, 20_000)));
  }
  const lastRevision = written.at(-1) ?? 0;
  const isProgress = (response: WatchResponse) => response.watchId === -1;
  const told = (received: readonly WatchResponse[]) =>
    received.some((response) => isProgress(response) && (response.header?.revision ?? 0) >= lastRevision);
  const answered = () => stream.received.filter(isProgress).length;
  // Questions that wait may get one answer for all: then there is another to be had.
  while (!told(stream.received) || answered() < 2) {
    const soFar = answered();
    stream.send(WatchRequest.create({ progress: {} }));
    await stream.until((received) => received.filter(isProgress).length > soFar);
  }
  stream.cancel();

  const started = new Map<number, number>();
  const delivered = new Map<number, number[]>();
  let answers = 0;
  for (const response of stream.received) {
    const { watchId, created, header, events } = response;
    if (created) {
      started.set(watchId, started.size === 0 ? (old.at(-1) ?? 0) + 1 : (old[0] ?? 0));
      delivered.set(watchId, []);
    }
    for (const event of events) delivered.get(watchId)?.push(Event.decode(event).kv?.modRevision ?? 0);
    if (!isProgress(response)) continue;
    answers += 1;
    for (const [watch, start] of started) {
      const due = [...old, ...written].filter((at) => at >= start && at <= (header?.revision ?? 0));
      expect(delivered.get(watch), `watch ${watch} at progress ${header?.revision ?? 0}`).toEqual(due);
    }
  }
  expect(answers).toBeGreaterThan(1);
  expect(started.size).toBe(11);
});

test('a watch from an old revision replays after the member was killed and started again', async () => {
  cluster.showLogsOnFailure();
  const before = connect('c');
  const revisions = await putMany(before, 'replayed', 40, 64);
  const first = revisions[0] ?? 0;
  const interrupted = await watching(before, { key: 'replayed', startRevision: first });
  await interrupted.until((received) => revisionsOf(received).length === revisions.length);
  await cluster.end('c', 'SIGKILL');
  expect(await interrupted.ended).toMatchObject({ code: 'UNAVAILABLE' });
  await cluster.startMember('c');
  const after = connect('c');
  // It has what its store held, and then what its log says.
  await after.call(memberMethods.range, RangeRequest.create({ key: 'replayed' }));
  const replay = await watching(after, { key: 'replayed', startRevision: first, prevKv: true });
  const later = await putMany(connect('a'), 'replayed', 5, 64);
  await replay.until((received) => revisionsOf(received).length === revisions.length + later.length);
  const events = eventsOf(replay.received);
  expect(revisionsOf(replay.received)).toEqual([...revisions, ...later]);
  expect(events.map(({ prevKv }) => prevKv?.modRevision)).toEqual([
    undefined,
    ...revisions,
    ...later.slice(0, -1),
  ]);
  replay.cancel();
});

test('a member that stops tells its watches so, and they can go on elsewhere without a gap', async () => {
  cluster.showLogsOnFailure();
  const watch = await watching(connect('b'), { key: 'moved' });
  const seen = await putMany(connect('a'), 'moved', 3, 16);
  await watch.until((received) => revisionsOf(received).length === 3);
  const ended = watch.until(() => false);
  expect(await cluster.end('b', 'SIGTERM')).toEqual({ code: 0, signal: null });
  expect(await ended).toEqual({ code: 'UNAVAILABLE', details: 'etcdserver: server stopped' });
  const missed = await putMany(connect('a'), 'moved', 3, 16);
  const resumed = await watching(connect('c'), { key: 'moved', startRevision: (seen.at(-1) ?? 0) + 1 });
  await resumed.until((received) => revisionsOf(received).length === 3);
  expect(revisionsOf(resumed.received)).toEqual(missed);
  resumed.cancel();
  await cluster.startMember('b');
});

test('a watch that wants a leader is ended when there is none for long; one that does not is not', async () => {
  cluster.showLogsOnFailure();
  const wanting = connect('c').stream(watchMethod, { hasleader: 'true' });
  wanting.send(create({ key: 'led' }));
  await wanting.read(1);
  const patient = await watching(connect('c'), { key: 'led' });
  await Promise.all([cluster.end('a', 'SIGKILL'), cluster.end('b', 'SIGKILL')]);
  expect(await wanting.until(() => false)).toEqual({ code: 'UNAVAILABLE', details: 'etcdserver: no leader' });
  const refused = connect('c').stream(watchMethod, { hasleader: 'true' });
  refused.send(create({ key: 'led' }));
  expect(await refused.until(() => false)).toEqual({ code: 'UNAVAILABLE', details: 'etcdserver: no leader' });
  await Promise.all([cluster.startMember('a'), cluster.startMember('b')]);
  const revisions = await putMany(connect('a'), 'led', 2, 16);
  await patient.until((received) => revisionsOf(received).length === 2);
  expect(revisionsOf(patient.received)).toEqual(revisions);
  patient.cancel();
});
