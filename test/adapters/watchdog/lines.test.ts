import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { onJsonLines } from '../../../adapters/watchdog/lines.ts';

let dir = '';
let server: Server;
let sender: Socket;
let taken: unknown[];
let takenOne: () => void;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'photon-lines-'));
  taken = [];
  takenOne = () => undefined;
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    onJsonLines(socket, (value) => {
      taken.push(value);
      takenOne();
    });
  });
  server.listen(join(dir, 'socket'));
  await once(server, 'listening');
  sender = connect(join(dir, 'socket'));
  sender.on('error', () => undefined);
  await once(sender, 'connect');
});

afterEach(async () => {
  sender.destroy();
  server.close();
  await once(server, 'close');
  rmSync(dir, { recursive: true, force: true });
});

async function until(count: number): Promise<void> {
  while (taken.length < count)
    await new Promise<void>((resolve) => {
      takenOne = resolve;
    });
}

test('lines are taken one by one, however they are cut into pieces', async () => {
  const bytes = Buffer.from('{"a":1}\n"zwölf"\n[2');
  const cut = bytes.indexOf(0xc3) + 1;
  sender.write(bytes.subarray(0, cut));
  await until(1);
  sender.write(bytes.subarray(cut));
  await until(2);
  sender.write(',3]\nnull\n');
  await until(4);
  expect(taken).toEqual([{ a: 1 }, 'zwölf', [2, 3], null]);
});

test('whoever sends what is no JSON is cut off, and nothing behind it is taken', async () => {
  sender.resume();
  sender.write('{"a":1}\n{"a":\n{"a":2}\n');
  await new Promise((resolve) => sender.once('close', resolve));
  expect(taken).toEqual([{ a: 1 }]);
});

test('whoever sends a line without an end is cut off', async () => {
  sender.resume();
  const closed = new Promise((resolve) => sender.once('close', resolve));
  const piece = 'x'.repeat(1_048_576);
  for (let sent = 0; sent <= 33 && !sender.destroyed; sent += 1)
    await new Promise<void>((resolve) => {
      sender.write(piece, () => resolve());
    });
  await closed;
  expect(taken).toEqual([]);
});
