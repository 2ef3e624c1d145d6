import { once } from 'node:events';
import { Agent, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';

import { GrpcServer } from '../../../adapters/grpc/server.ts';

/** A server over HTTP/1 whose answers the test gives. */
async function waitingServer() {
  const waiting: ServerResponse[] = [];
  let asked: () => void = () => undefined;
  const server = await GrpcServer.listen({
    address: { host: '127.0.0.1', port: 0 },
    purpose: 'clients',
    services: [],
    receiveBytesMax: 1_000,
    hooks: { onDefect: () => undefined },
    http: () => (_, response) => {
      waiting.push(response);
      asked();
    },
  });
  const next = async (): Promise<ServerResponse> => {
    if (waiting.length === 0) await new Promise<void>((resolve) => (asked = resolve));
    return waiting.shift() as ServerResponse;
  };
  return { server, next };
}

function ask(server: GrpcServer, agent: Agent): Promise<IncomingMessage> {
  const request = get({ host: '127.0.0.1', port: server.address.port, agent });
  return once(request, 'response').then(([response]) => response as IncomingMessage);
}

test('a request under way gets its answer although the server is stopping, and idle connections keep nobody waiting', async () => {
  const { server, next } = await waitingServer();
  const agent = new Agent({ keepAlive: true });
  const first = ask(server, agent);
  (await next()).end('first');
  (await first).resume();
  await once(await first, 'end');
  // Far longer than this test may take.
  const idle = server.stop(600_000);
  await idle;
  agent.destroy();

  const other = await waitingServer();
  const second = ask(other.server, agent);
  const response = await other.next();
  const stopped = other.server.stop(600_000);
  response.end('second');
  let said = '';
  for await (const piece of await second) said += String(piece);
  expect(said).toBe('second');
  await stopped;
});

test('what is no HTTP at all, and what ends before it is known, is closed', async () => {
  const { server } = await waitingServer();
  const open = async (): Promise<Socket> => {
    const socket = connect(server.address.port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  };
  const nonsense = await open();
  let answer = '';
  nonsense.on('data', (piece) => (answer += String(piece)));
  nonsense.write('\x00\x01\x02\x03\r\n\r\n');
  await once(nonsense, 'close');
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  const half = await open();
  half.end('PR');
  half.resume();
  await once(half, 'close');
  await server.stop(0);
});
