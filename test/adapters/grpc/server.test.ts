import { expect, test } from 'vitest';

import { GrpcServer } from '../../../adapters/grpc/server.ts';
import { push, type ResponseSink, unary } from '../../../adapters/grpc/service.ts';
import { StatusError } from '../../../adapters/grpc/status.ts';
import { HealthCheckRequest, HealthCheckResponse } from '../../../adapters/grpc/services/health.ts';
import { RawClient } from '../../interop/raw-client.ts';

const wait = { path: '/test.Test/Wait', request: HealthCheckRequest, response: HealthCheckResponse };
const listen = { path: '/test.Test/Listen', request: HealthCheckRequest, response: HealthCheckResponse };

/** A server whose calls end when the test says so. */
async function waitingServer() {
  let answer: (status: number) => void = () => undefined;
  let begun: () => void = () => undefined;
  const began = new Promise<void>((resolve) => (begun = resolve));
  let end: (status: StatusError) => void = () => undefined;
  let sink: ResponseSink<{ readonly status: number }> | undefined;
  const server = await GrpcServer.listen({
    address: { host: '127.0.0.1', port: 0 },
    purpose: 'clients',
    services: [
      {
        name: 'test.Test',
        methods: [
          unary(wait.path, wait.request, wait.response, () => {
            begun();
            return new Promise((resolve) => (answer = (status) => resolve({ status })));
          }),
          push(listen.path, listen.request, listen.response, (_, given) => {
            sink = given;
            begun();
            return new Promise((_, reject) => (end = reject));
          }),
        ],
      },
    ],
    receiveBytesMax: 1_000_000,
    hooks: { onDefect: () => undefined },
  });
  const client = new RawClient(`127.0.0.1:${server.address.port}`);
  return {
    server,
    client,
    began,
    answer: (status: number) => answer(status),
    end: (status: StatusError) => {
      sink?.write({ status: 1 }, () => undefined);
      end(status);
    },
  };
}

test('a call under way gets its answer although the server is stopping', async () => {
  const { server, client, began, answer } = await waitingServer();
  const outcome = client.unary(wait, { service: 'x' });
  await began;
  const stopped = server.stop(20_000);
  answer(7);
  expect(await outcome).toEqual({ status: 7 });
  await stopped;
  client.close();
});

test('a stream that is ended while the server is stopping hears what was said last, and why', async () => {
  const { server, client, began, end } = await waitingServer();
  const stream = client.stream(listen);
  await began;
  const stopped = server.stop(20_000);
  end(new StatusError('UNAVAILABLE', 'etcdserver: server stopped'));
  expect(await stream.until(() => false)).toEqual({
    code: 'UNAVAILABLE',
    details: 'etcdserver: server stopped',
  });
  expect(stream.received).toEqual([{ status: 1 }]);
  await stopped;
  client.close();
});

test('what has not ended in its time is cut, and so is an idle connection at once', async () => {
  const { server, client, began } = await waitingServer();
  const outcome = client.unary(wait, { service: 'x' });
  await began;
  await server.stop(50);
  expect(await outcome).toMatchObject({ code: expect.stringMatching('UNAVAILABLE|CANCELLED') as unknown });
  client.close();
});
