import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { holdOpening, type OpeningJudge } from '../../../adapters/grpc/held-opening.ts';

/** Has seen enough at a full stop, and too much beyond eight bytes; or when it is told so. */
class FullStop implements OpeningJudge {
  isLate = false;
  #seen = Buffer.alloc(0);

  push(piece: Buffer): void {
    this.#seen = Buffer.concat([this.#seen, piece]);
  }

  get verdict(): 'more' | 'enough' | 'close' {
    if (this.#seen.length > 8) return 'close';
    return this.#seen.includes('.') || this.isLate ? 'enough' : 'more';
  }

  get bytes(): Buffer {
    return this.#seen;
  }
}

let server: Server;
let client: Socket;
let served: Socket;

beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  [served] = (await accepted) as [Socket];
});
afterEach(() => {
  client.destroy();
  served.destroy();
  server.close();
});

test('whoever takes it reads all of it, what came while it was held and what came after', async () => {
  const taken = new Promise<void>((take) => void holdOpening(served, new FullStop(), take));
  client.write('one');
  await once(served, 'data');
  client.write('two.');
  await taken;
  client.end('three');
  let read = '';
  for await (const piece of served) read += String(piece);
  expect(read).toBe('onetwo.three');
});

test('its judge may change its mind without another byte', async () => {
  const judge = new FullStop();
  let taken = 0;
  const lookAgain = holdOpening(served, judge, () => (taken += 1));
  client.write('one');
  await once(served, 'data');
  lookAgain();
  expect(taken).toBe(0);
  judge.isLate = true;
  lookAgain();
  lookAgain();
  expect(taken).toBe(1);
});

test.each([
  ['says too much', () => client.write('more than eight')],
  ['ends before', () => client.end('one')],
])('one that %s is closed', async (_, act) => {
  let isTaken = false;
  holdOpening(served, new FullStop(), () => (isTaken = true));
  const closed = once(served, 'close');
  act();
  await closed;
  expect(isTaken).toBe(false);
});
