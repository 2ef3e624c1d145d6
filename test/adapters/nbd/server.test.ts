import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DiskPort } from '../../../adapters/nbd/disk-port.ts';
import { NbdServer } from '../../../adapters/nbd/server.ts';
import {
  type DiskHolder,
  exportName,
  type StorageAct,
  type StorageReport,
} from '../../../core/plasma/storage/exports-protocol.ts';
import { flags, go, option, reply, request } from '../../core/wire/nbd/nbd-client.ts';
import { RawClient } from './raw-client.ts';

const vm = `vm-${'e'.repeat(32)}`;
const disk = 'green/data';
const mib = 1_048_576;
const sizeBytes = 8 * mib;
const first: DiskHolder = { vm, fenceToken: 1 };
const second: DiskHolder = { vm, fenceToken: 2 };
const [EPERM, ESHUTDOWN] = [1, 108];

let dir = '';
let socket = '';
let port: DiskPort;
let server: NbdServer;
const reports = new Map<number, (report: StorageReport) => void>();
let actId = 0;

type Unnumbered = StorageAct extends infer Act ? (Act extends unknown ? Omit<Act, 'actId'> : never) : never;

function act(wanted: Unnumbered): Promise<StorageReport> {
  actId += 1;
  const numbered = { ...wanted, actId } as StorageAct;
  return new Promise((resolve) => {
    reports.set(numbered.actId, resolve);
    port.act(numbered);
  });
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'photon-nbd-'));
  socket = join(dir, 'nbd.sock');
  port = await DiskPort.start({
    directory: join(dir, 'disks'),
    uriOf: (name) => `nbd:${name}`,
    reported: (report) => reports.get(report.actId)?.(report),
  });
  server = await NbdServer.listen({ port, listeners: [{ at: { path: socket } }], connectionsMax: 4 });
  expect(await act({ kind: 'create', disk, sizeBytes })).toMatchObject({ kind: 'done' });
  await act({ kind: 'activate', disk, writer: first });
  expect(await act({ kind: 'open', disk, sizeBytes, holder: first })).toMatchObject({
    kind: 'opened',
    uri: `nbd:${exportName(disk, first)}`,
  });
});

afterEach(async () => {
  await server.close();
  await port.close();
  rmSync(dir, { recursive: true, force: true });
});

function bytesOnDisk(): Buffer {
  return readFileSync(join(dir, 'disks', 'green+data.raw'));
}

test('a write of which one half came before the fence and one behind it changes nothing', async () => {
  const client = await RawClient.open(socket, exportName(disk, first));
  const whole = request(1, { data: new Uint8Array(mib).fill(9) });
  client.say(whole.subarray(0, mib / 2));
  // Answered behind what was said before on the same connection only: another one shows that the server goes on.
  const other = await RawClient.open(socket, exportName(disk, first));
  other.say(request(3));
  await other.take(16);
  await act({ kind: 'activate', disk, writer: second });
  await act({ kind: 'close', disk, holder: first, connections: 'refuse' });
  client.say(whole.subarray(mib / 2), request(3, { handle: 2 }));
  expect(await client.take(16)).toEqual(reply(ESHUTDOWN));
  expect(await client.take(16)).toEqual(reply(ESHUTDOWN, 2).fill(0, 4, 8));
  expect(bytesOnDisk().equals(Buffer.alloc(sizeBytes))).toBe(true);
});

test('the disk stays served, with its new writer, when the export of the one before is closed', async () => {
  await act({ kind: 'activate', disk, writer: second });
  await act({ kind: 'close', disk, holder: first, connections: 'refuse' });
  await act({ kind: 'open', disk, sizeBytes, holder: second });
  const client = await RawClient.open(socket, exportName(disk, second));
  client.say(request(1, { data: new Uint8Array(512).fill(2) }));
  expect(await client.take(16)).toEqual(reply(0));
  expect(bytesOnDisk()[0]).toBe(2);
});

test('one that is not the writer yet may read, and not write', async () => {
  await act({ kind: 'open', disk, sizeBytes, holder: second });
  const client = await RawClient.open(socket, exportName(disk, second));
  client.say(request(1, { data: new Uint8Array(512) }), request(0, { length: 4, handle: 2 }));
  const answers = [await client.take(16), await client.take(16)];
  expect(answers).toContainEqual(reply(EPERM, 1));
  expect(answers).toContainEqual(reply(0, 2));
  expect(await client.take(4)).toEqual(new Uint8Array(4));
});

test('ending an export ends its connections, and those of nobody else', async () => {
  await act({ kind: 'open', disk, sizeBytes, holder: second });
  const one = await RawClient.open(socket, exportName(disk, first));
  const two = await RawClient.open(socket, exportName(disk, second));
  await act({ kind: 'close', disk, holder: first, connections: 'end' });
  await one.closed();
  two.say(request(3));
  expect(await two.take(16)).toEqual(reply(0));
  expect(server.connections).toBe(1);
});

test('a client that does not take its answers is not read from, and holds up nobody', async () => {
  const greedy = await RawClient.open(socket, exportName(disk, first));
  greedy.socket.pause();
  for (let count = 0; count < 80; count += 1) greedy.say(request(0, { length: mib, handle: count }));
  const other = await RawClient.open(socket, exportName(disk, first));
  for (let count = 0; count < 50; count += 1) {
    other.say(request(0, { length: 1 }));
    await other.take(17);
  }
  // 16 side by side, and what the system has taken of their answers.
  expect(port.counters.reads - 50).toBeLessThanOrEqual(20);
  greedy.socket.resume();
  await greedy.take(80 * (mib + 16));
});

test('hostile clients lose their connection, one too many is not let in, and others go on', async () => {
  const garbage = await RawClient.connect(socket);
  garbage.say(new Uint8Array(100).fill(255));
  await garbage.closed();
  const nameless = await RawClient.connect(socket);
  nameless.say(flags(), option(1, new TextEncoder().encode('../../etc/passwd')));
  await nameless.closed();
  const late = await RawClient.open(socket, exportName(disk, first));
  late.say(new Uint8Array(28).fill(1));
  await late.closed();
  const clients = [];
  for (let count = 0; count < 4; count += 1)
    clients.push(await RawClient.open(socket, exportName(disk, first)));
  await expect(RawClient.connect(socket)).rejects.toThrow('closed');
  for (const client of clients) {
    client.say(request(3));
    expect(await client.take(16)).toEqual(reply(0));
  }
});

test('a client that says good-bye is answered first', async () => {
  const client = await RawClient.open(socket, exportName(disk, first));
  client.say(request(1, { data: new Uint8Array(mib).fill(5) }), request(2));
  expect(await client.take(16)).toEqual(reply(0));
  await client.closed();
  const asked = await RawClient.connect(socket);
  asked.say(flags(), go(exportName(disk, second)));
  expect((await asked.take(20)).subarray(12, 16)).toEqual(new Uint8Array([0x80, 0, 0, 6]));
});

test('a disk is made of nothing but what is surely empty, and takes nothing away', async () => {
  expect(await act({ kind: 'create', disk, sizeBytes })).toMatchObject({ kind: 'done' });
  expect(await act({ kind: 'create', disk, sizeBytes: 512 })).toMatchObject({ code: 'IN_USE' });
  writeFileSync(join(dir, 'disks', 'full.raw'), Buffer.alloc(4_096, 1));
  expect(await act({ kind: 'create', disk: 'full', sizeBytes: 4_096 })).toMatchObject({
    kind: 'failed',
    code: 'IN_USE',
  });
  expect(readFileSync(join(dir, 'disks', 'full.raw'))[0]).toBe(1);
  expect(existsSync(join(dir, 'disks', '.new-full.raw'))).toBe(false);
  expect(await act({ kind: 'open', disk: 'none', sizeBytes, holder: first })).toMatchObject({
    code: 'NOT_FOUND',
  });
  expect(await act({ kind: 'delete', disk: 'none' })).toMatchObject({ kind: 'done' });
});

test('zeros over holes leave holes', async () => {
  const client = await RawClient.open(socket, exportName(disk, first));
  client.say(request(6, { length: sizeBytes }));
  expect(await client.take(16)).toEqual(reply(0));
  expect(statSync(join(dir, 'disks', 'green+data.raw')).blocks).toBe(0);
  client.say(request(6, { length: mib, flags: 2, handle: 2 }));
  expect(await client.take(16)).toEqual(reply(0, 2));
  expect(statSync(join(dir, 'disks', 'green+data.raw')).blocks).toBeGreaterThanOrEqual(mib / 512);
});

test('what lies where a socket is to be, and is none, stays', async () => {
  const path = join(dir, 'precious');
  writeFileSync(path, 'text');
  await expect(NbdServer.listen({ port, listeners: [{ at: { path } }] })).rejects.toThrow('EADDRINUSE');
  expect(readFileSync(path, 'utf8')).toBe('text');
});
