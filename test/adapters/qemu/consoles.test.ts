import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { type ConsoleBounds, Consoles, type ConsoleStream } from '../../../adapters/qemu/consoles.ts';
import { VmDirectory } from '../../../adapters/qemu/vm-directory.ts';

const vm = `vm-${'0123456789abcdef'.repeat(2)}`;
const fenceToken = 3;
const bounds: ConsoleBounds = { viewersMax: 3, behindBytesMax: 1_000 };

let dir = '';
let directory: VmDirectory;
let server: Server;
/** Connections that the process behind the console has had, oldest first. */
let accepted: Socket[];
let typed: string;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'photon-consoles-'));
  directory = new VmDirectory(dir, vm, fenceToken);
  mkdirSync(directory.path);
  accepted = [];
  typed = '';
  server = createServer((socket) => {
    accepted.push(socket);
    socket.on('data', (bytes) => {
      typed += bytes.toString('latin1');
      server.emit('typed');
    });
    server.emit('accepted');
  });
  server.listen(directory.serialSocket);
  await once(server, 'listening');
});

afterEach(async () => {
  for (const socket of accepted) socket.destroy();
  if (server.listening) {
    server.close();
    await once(server, 'close');
  }
  rmSync(dir, { recursive: true, force: true });
});

/** What a viewer has read. */
class Viewer {
  readonly stream: ConsoleStream;
  readonly #said: AsyncIterator<Uint8Array>;
  text = '';

  constructor(stream: ConsoleStream) {
    this.stream = stream;
    this.#said = stream.said[Symbol.asyncIterator]();
  }

  async until(text: string): Promise<void> {
    while (!this.text.includes(text)) {
      const next = await this.#said.next();
      if (next.done === true) throw new Error(`it has ended at: ${this.text}`);
      this.text += Buffer.from(next.value).toString('latin1');
    }
  }

  /** Reads on to the end. */
  async end(): Promise<string> {
    for (let next = await this.#said.next(); next.done !== true; next = await this.#said.next())
      this.text += Buffer.from(next.value).toString('latin1');
    return this.text;
  }
}

async function look(consoles: Consoles): Promise<Viewer> {
  return new Viewer(await consoles.open(vm, fenceToken));
}

/** The connection is accepted in a turn of its own. */
async function process(number: number): Promise<Socket> {
  while (accepted.length < number) await once(server, 'accepted');
  const socket = accepted[number - 1];
  if (socket === undefined) throw new Error('there is no such connection');
  return socket;
}

test('the first one sees the end of the log, the next what was said lately, and both what is said now', async () => {
  writeFileSync(directory.consoleLog, `${'x'.repeat(20_000)}before\n`);
  const consoles = new Consoles(dir);
  const first = await look(consoles);
  const socket = await process(1);
  socket.write('one\n');
  await first.until('one\n');
  const second = await look(consoles);
  socket.write('two\n');
  await Promise.all([first.until('two\n'), second.until('two\n')]);
  expect(first.text).toBe(`${'x'.repeat(16_384 - 7)}before\none\ntwo\n`);
  expect(second.text).toBe(first.text.slice(4));
  expect(accepted).toHaveLength(1);
});

test('whoever looks may type, in the order in which it comes', async () => {
  const consoles = new Consoles(dir);
  const [first, second] = [await look(consoles), await look(consoles)];
  await first.stream.type(Buffer.from('a'));
  await second.stream.type(Buffer.from('b'));
  await first.stream.type(Buffer.alloc(0));
  await first.stream.type(Buffer.from('c'));
  while (typed.length < 3) await once(server, 'typed');
  expect(typed).toBe('abc');
});

test('the connection ends with the last one who looks; the next one gets another', async () => {
  const consoles = new Consoles(dir);
  const [first, second] = await Promise.all([look(consoles), look(consoles)]);
  const socket = await process(1);
  const closed = once(socket, 'close');
  first.stream.close();
  socket.write('still\n');
  await second.until('still\n');
  second.stream.close();
  second.stream.close();
  expect(await second.end()).toBe('still\n');
  const third = await look(consoles);
  (await process(2)).write('again\n');
  await third.until('again\n');
  await closed;
});

test('when the process ends each one reads what it has said, and the end', async () => {
  const consoles = new Consoles(dir);
  const [first, second] = [await look(consoles), await look(consoles)];
  (await process(1)).end('last words');
  expect(await Promise.all([first.end(), second.end()])).toEqual(['last words', 'last words']);
  server.close();
  await expect(consoles.open(vm, fenceToken)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('no more than a few may look at once, and each who leaves makes room', async () => {
  const consoles = new Consoles(dir, bounds);
  const viewers = [await look(consoles), await look(consoles), await look(consoles)];
  await expect(consoles.open(vm, fenceToken)).rejects.toThrow(
    '3 others look at this console, and no more may',
  );
  viewers[1]?.stream.close();
  const next = await look(consoles);
  (await process(1)).write('heard');
  await next.until('heard');
});

test('one who does not take what is said is let go of, and holds up nobody', async () => {
  const consoles = new Consoles(dir, bounds);
  const [slow, fast] = [await look(consoles), await look(consoles)];
  const socket = await process(1);
  for (let part = 0; part < 5; part += 1) {
    socket.write(`${'y'.repeat(300)}${part}`);
    await fast.until(`y${part}`);
  }
  await expect(slow.end()).rejects.toThrow(
    'what the console says is not taken fast enough: more than 1000 bytes wait',
  );
  expect(fast.text).toHaveLength(5 * 301);
});

test('where no process has that console the reason is the system’s, and the next one is tried anew', async () => {
  const consoles = new Consoles(dir);
  await expect(consoles.open(vm, 4)).rejects.toMatchObject({ code: 'ENOENT' });
  mkdirSync(new VmDirectory(dir, vm, 4).path);
  const other = createServer((socket) => socket.end('now'));
  other.listen(new VmDirectory(dir, vm, 4).serialSocket);
  await once(other, 'listening');
  expect(await new Viewer(await consoles.open(vm, 4)).end()).toBe('now');
  other.close();
});
