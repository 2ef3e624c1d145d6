import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { WatchdogLink } from '../../../adapters/watchdog/watchdog-link.ts';
import { WatchdogServer } from '../../../adapters/watchdog/watchdog-server.ts';
import { type WatchdogRequest, type WatchdogResponse } from '../../../core/plasma/watchdog/protocol.ts';
import { instanceOf } from '../../core/plasma/agent/specs.ts';

const longMs = 30_000;
const status: WatchdogResponse = { kind: 'status', guarded: [], killed: [] };

let dir = '';
let path = '';
let server: WatchdogServer | undefined;
let link: WatchdogLink;
let missing: number;
let asked: WatchdogRequest[];
let answer: (request: WatchdogRequest) => Promise<WatchdogResponse>;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'photon-watchdog-'));
  path = join(dir, 'watchdog.sock');
  missing = 0;
  asked = [];
  answer = () => Promise.resolve(status);
  server = undefined;
  link = new WatchdogLink({
    path,
    onMissing: () => {
      missing += 1;
    },
  });
});

afterEach(async () => {
  link.close();
  await server?.close();
  rmSync(dir, { recursive: true, force: true });
});

async function serve(): Promise<void> {
  server = await WatchdogServer.listen({
    path,
    ask: (request) => {
      asked.push(request);
      return answer(request);
    },
  });
}

function guard(sequence: number): WatchdogRequest {
  const instances = [instanceOf({ pid: 7 })];
  return { kind: 'guard', agentBootId: 'a', sequence, deadlineUs: 1, instances, released: [] };
}

test('each request has its own answer, in whichever order they come', async () => {
  const waiting: ((response: WatchdogResponse) => void)[] = [];
  answer = () => new Promise((resolve) => waiting.push(resolve));
  await serve();
  const first = link.request(guard(1), longMs);
  const second = link.request(guard(2), longMs);
  await expect.poll(() => waiting.length).toBe(2);
  waiting[1]?.({ kind: 'guarded', sequence: 2, killed: [] });
  expect(await second).toEqual({ kind: 'guarded', sequence: 2, killed: [] });
  waiting[0]?.({ kind: 'guarded', sequence: 1, killed: [] });
  expect(await first).toEqual({ kind: 'guarded', sequence: 1, killed: [] });
  expect(asked).toEqual([guard(1), guard(2)]);
  expect(server?.connections).toBe(1);
});

test('where there is none somebody is told so; the next request finds the one that has come', async () => {
  await expect(link.request({ kind: 'status' }, longMs)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(missing).toBe(1);
  // What a process that is no more has left behind.
  writeFileSync(path, '');
  await serve();
  expect(await link.request({ kind: 'status' }, longMs)).toEqual(status);
  expect(missing).toBe(1);
});

test('a watchdog that ends leaves no request without an answer, and is found again', async () => {
  answer = () => new Promise(() => undefined);
  await serve();
  const asking = link.request({ kind: 'status' }, longMs);
  await expect.poll(() => asked.length).toBe(1);
  await Promise.all([
    expect(asking).rejects.toThrow('the watchdog has closed the connection'),
    server?.close(),
  ]);
  answer = () => Promise.resolve(status);
  await serve();
  expect(await link.request({ kind: 'status' }, longMs)).toEqual(status);
});

test('an answer that does not come in time is not waited for; the others are', async () => {
  let late: (response: WatchdogResponse) => void = () => undefined;
  answer = (request) =>
    request.kind === 'guard' ? new Promise((resolve) => (late = resolve)) : Promise.resolve(status);
  await serve();
  await expect(link.request(guard(1), 20)).rejects.toThrow('the watchdog has not answered within 20 ms');
  late({ kind: 'guarded', sequence: 1, killed: [] });
  expect(await link.request({ kind: 'status' }, longMs)).toEqual(status);
});

test('whoever waits when the link is closed is told', async () => {
  answer = () => new Promise(() => undefined);
  await serve();
  const asking = link.request({ kind: 'status' }, longMs);
  link.close();
  await expect(asking).rejects.toThrow('the connection to the watchdog is closed');
});

test('what is no answer ends the connection, not the agent', async () => {
  const strange = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write('null\n'));
  });
  strange.listen(path);
  await once(strange, 'listening');
  await expect(link.request({ kind: 'status' }, longMs)).rejects.toThrow('cannot be understood');
  expect(missing).toBe(0);
  strange.close();
  await once(strange, 'close');
});

test.each([
  ['no object', 'null'],
  ['no number', '{"request":{"kind":"status"}}'],
  ['no request', '{"callId":1}'],
  [
    'instances that are none',
    '{"callId":1,"request":{"kind":"guard","agentBootId":"a","instances":[null],"released":[]}}',
  ],
  ['no list', '{"callId":1,"request":{"kind":"guard","agentBootId":"a","instances":[],"released":7}}'],
  [
    'a pid that is none',
    '{"callId":1,"request":{"kind":"guard","agentBootId":"a","released":[],"instances":[{"vm":"v","fenceToken":1,"pid":"1","startTicks":1}]}}',
  ],
])('whoever asks with %s is cut off, and nobody else', async (_, line) => {
  await serve();
  expect(await link.request({ kind: 'status' }, longMs)).toEqual(status);
  const socket = connect(path);
  socket.on('error', () => undefined);
  socket.resume();
  socket.write(`${line}\n`);
  await new Promise((resolve) => socket.once('close', resolve));
  expect(await link.request({ kind: 'status' }, longMs)).toEqual(status);
  expect(asked).toHaveLength(2);
  expect(missing).toBe(0);
});
