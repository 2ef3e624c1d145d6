import { afterEach, beforeEach, expect, test } from 'vitest';

import { PlasmaClient, type PlasmaStream } from '../../../adapters/grpc/plasma-client.ts';
import { GrpcServer } from '../../../adapters/grpc/server.ts';
import { nodeConsoleService } from '../../../adapters/grpc/services/plasma-node-console.ts';
import { ConsoleBehindError, ConsoleFullError, type ConsoleStream } from '../../../adapters/qemu/consoles.ts';
import { type Caller } from '../../../core/plasma/api.ts';
import { ConsoleResponse, nodeConsolePath, NodeConsoleRequest } from '../../../core/plasma/wire/console.ts';
import { type Infer } from '../../../core/wire/protobuf.ts';

type Typed = Infer<typeof NodeConsoleRequest>;
type Said = Infer<typeof ConsoleResponse>;

const vm = `vm-${'0'.repeat(32)}`;
const nothing = new Uint8Array(0);

let server: GrpcServer;
let client: PlasmaClient;
let open: (vm: string, fenceToken: number) => Promise<ConsoleStream>;
let refuses: (caller: Caller) => string | undefined;
let defects: unknown[];

beforeEach(async () => {
  defects = [];
  refuses = () => undefined;
  open = () => Promise.reject(new Error('nobody expects it'));
  server = await GrpcServer.listen({
    address: { host: '127.0.0.1', port: 0 },
    purpose: 'a test',
    services: [
      nodeConsoleService({
        authorizer: { refuses: (caller) => refuses(caller) },
        secured: false,
        open: (one, fenceToken) => open(one, fenceToken),
      }),
    ],
    receiveBytesMax: 1_048_576,
    hooks: { onDefect: (_, error) => defects.push(error) },
  });
  client = new PlasmaClient({ address: server.address });
});

afterEach(async () => {
  client.close();
  await server.stop(0);
  expect(defects).toEqual([]);
});

async function asked(request: Partial<Typed> = {}): Promise<PlasmaStream<Typed, Said>> {
  const stream = client.stream(nodeConsolePath, NodeConsoleRequest, ConsoleResponse);
  await stream.write({ vm, fenceToken: 3, input: nothing, ...request });
  return stream;
}

async function readAll({ responses }: PlasmaStream<Typed, Said>): Promise<string> {
  let text = '';
  for await (const { output } of responses) text += Buffer.from(output).toString();
  return text;
}

async function* saying(...texts: readonly (string | Error)[]): AsyncIterable<Uint8Array> {
  for (const text of texts) {
    if (text instanceof Error) throw text;
    yield Buffer.from(text);
    await Promise.resolve();
  }
}

test('what the console says comes, and what is typed goes there, the first message’s input too', async () => {
  let typed = '';
  let heard: () => void = () => undefined;
  const enough = new Promise<void>((resolve) => (heard = resolve));
  open = (one, fenceToken) => {
    expect([one, fenceToken]).toEqual([vm, 3]);
    return Promise.resolve({
      said: (async function* () {
        yield Buffer.from('hello');
        await enough;
        yield Buffer.from(' bye');
      })(),
      type: (bytes) => {
        typed += Buffer.from(bytes).toString();
        if (typed === 'abc') heard();
        return Promise.resolve();
      },
      close: () => undefined,
    });
  };
  const stream = await asked({ input: Buffer.from('a') });
  await stream.write({ vm: '', fenceToken: 0, input: Buffer.from('bc') });
  expect(await readAll(stream)).toBe('hello bye');
});

test('a viewer who goes away is let go of', async () => {
  let closed: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => (closed = resolve));
  open = () =>
    Promise.resolve({
      said: (async function* () {
        yield Buffer.from('hello');
        await gone;
      })(),
      type: () => Promise.resolve(),
      close: () => {
        closed();
      },
    });
  const stream = await asked();
  for await (const { output } of stream.responses) {
    expect(Buffer.from(output).toString()).toBe('hello');
    stream.cancel();
    break;
  }
  await gone;
});

const behind = new ConsoleBehindError('too slow');
const streamOf = (said: AsyncIterable<Uint8Array>): ConsoleStream => ({
  ...{ said, type: () => Promise.resolve(), close: () => undefined },
});

test.each<[string, Partial<Typed>, () => Promise<ConsoleStream>, string]>([
  [
    'a name that is none',
    { vm: '../../etc' },
    () => Promise.reject(new Error()),
    'INVALID_ARGUMENT: vm is vm-',
  ],
  [
    'a console that nobody serves',
    {},
    () => Promise.reject(new Error('ENOENT')),
    'FAILED_PRECONDITION: it does not run here: ENOENT',
  ],
  [
    'a console that many look at',
    {},
    () => Promise.reject(new ConsoleFullError('16 others')),
    'RESOURCE_EXHAUSTED: 16 others',
  ],
  [
    'a viewer who is too slow',
    {},
    () => Promise.resolve(streamOf(saying('x', behind))),
    'RESOURCE_EXHAUSTED: too slow',
  ],
])('%s is refused by name', async (_, request, opens, message) => {
  open = opens;
  await expect(readAll(await asked(request))).rejects.toThrow(message);
});

test('whoever may not is refused before anything is opened; whoever names nothing, too', async () => {
  refuses = ({ identity }) => `${identity} may not`;
  await expect(readAll(await asked())).rejects.toThrow('PERMISSION_DENIED: photon://local/anonymous may not');
  const stream = client.stream(nodeConsolePath, NodeConsoleRequest, ConsoleResponse);
  stream.end();
  await expect(readAll(stream)).rejects.toThrow('INVALID_ARGUMENT: the first message says which console');
});
