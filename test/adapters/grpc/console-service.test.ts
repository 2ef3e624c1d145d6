import { afterEach, beforeEach, expect, test } from 'vitest';

import { formatAddress } from '../../../adapters/config/address.ts';
import { PlasmaClient, type PlasmaStream } from '../../../adapters/grpc/plasma-client.ts';
import { GrpcServer } from '../../../adapters/grpc/server.ts';
import { duplex, type Service } from '../../../adapters/grpc/service.ts';
import { consoleMethod } from '../../../adapters/grpc/services/plasma-console.ts';
import { StatusError } from '../../../adapters/grpc/status.ts';
import { type NodeShown, type PlasmaResponse, type VmShown } from '../../../core/plasma/api.ts';
import {
  consolePath,
  ConsoleRequest,
  ConsoleResponse,
  nodeConsolePath,
  NodeConsoleRequest,
  nodeConsoleServiceName,
} from '../../../core/plasma/wire/console.ts';
import { vmServiceName } from '../../../core/plasma/wire/user.ts';
import { type Infer } from '../../../core/wire/protobuf.ts';
import { freePorts } from '../../interop/ports.ts';

type Asked = Infer<typeof ConsoleRequest>;
type Said = Infer<typeof ConsoleResponse>;

const id = `vm-${'0'.repeat(32)}`;
const loopback = { host: '127.0.0.1', port: 0 };

let agent: GrpcServer;
let server: GrpcServer;
let client: PlasmaClient;
/** What the server knows. */
let vm: Partial<VmShown> | undefined;
let nodes: readonly Partial<NodeShown>[];
let refusal: string | undefined;
/** What the agent was asked for first. */
let opened: { readonly vm: string; readonly fenceToken: number }[];
let agentRefuses: StatusError | undefined;

function listen(service: Service): Promise<GrpcServer> {
  return GrpcServer.listen({
    ...{ address: loopback, purpose: 'a test', services: [service], receiveBytesMax: 1_048_576 },
    hooks: {
      onDefect: (path, error) => {
        throw new Error(`${path} has failed`, { cause: error });
      },
    },
  });
}

beforeEach(async () => {
  opened = [];
  agentRefuses = undefined;
  refusal = undefined;
  agent = await listen({
    name: nodeConsoleServiceName,
    methods: [
      duplex(nodeConsolePath, NodeConsoleRequest, ConsoleResponse, async function* (requests) {
        for await (const asked of requests) {
          if (agentRefuses !== undefined) throw agentRefuses;
          if (asked.vm !== '') opened.push({ vm: asked.vm, fenceToken: asked.fenceToken });
          yield { output: Buffer.from(`heard ${Buffer.from(asked.input).toString()}\n`) };
        }
      }),
    ],
  });
  vm = { id, spec: { name: 'web' } as VmShown['spec'], node: 'n1', fenceToken: 3 };
  nodes = [{ name: 'n1', address: formatAddress(agent.address) }];
  server = await listen({
    name: vmServiceName,
    methods: [
      consoleMethod({
        port: {
          request: ({ call }) =>
            Promise.resolve(
              (call.request.kind === 'vmGet'
                ? { kind: 'vms', revision: 1, vms: vm === undefined ? [] : [vm] }
                : { kind: 'nodes', revision: 1, nodes }) as PlasmaResponse,
            ),
        },
        authorizer: { refuses: () => refusal },
        ...{ secured: false, servers: [], dial: undefined },
      }),
    ],
  });
  client = new PlasmaClient({ address: server.address });
});

afterEach(async () => {
  client.close();
  await server.stop(0);
  await agent.stop(0);
});

async function asked(): Promise<PlasmaStream<Asked, Said>> {
  const stream = client.stream(consolePath, ConsoleRequest, ConsoleResponse);
  await stream.write({ project: 'blue', vm: 'web', input: Buffer.from('one') });
  return stream;
}

async function readAll({ responses }: PlasmaStream<Asked, Said>): Promise<string> {
  let text = '';
  for await (const { output } of responses) text += Buffer.from(output).toString();
  return text;
}

test('a console is that of the virtual machine’s node, under its token; what is typed is passed on', async () => {
  const stream = await asked();
  await stream.write({ project: '', vm: '', input: Buffer.from('two') });
  stream.end();
  expect(await readAll(stream)).toBe('heard one\nheard two\n');
  expect(opened).toEqual([{ vm: id, fenceToken: 3 }]);
});

test('what the agent refuses is told with its reason', async () => {
  agentRefuses = new StatusError('RESOURCE_EXHAUSTED', '16 others look at it');
  await expect(readAll(await asked())).rejects.toThrow(
    'UNAVAILABLE: the console of web: RESOURCE_EXHAUSTED: 16 others look at it',
  );
});

test('an agent that is not there is told of', async () => {
  const [port = 0] = await freePorts(1);
  nodes = [{ name: 'n1', address: `127.0.0.1:${port}` }];
  await expect(readAll(await asked())).rejects.toThrow('UNAVAILABLE: the console of web: UNAVAILABLE: ');
});

test.each<[string, () => void, string]>([
  [
    'somebody who may not',
    () => {
      refusal = 'alice may not';
    },
    'PERMISSION_DENIED: alice may not',
  ],
  [
    'a virtual machine that is not there',
    () => {
      vm = undefined;
    },
    'NOT_FOUND: there is no virtual machine web in blue',
  ],
  [
    'one that has no place',
    () => {
      vm = { ...vm, node: undefined };
    },
    'FAILED_PRECONDITION: web is on no node',
  ],
  [
    'a node that nobody knows',
    () => {
      nodes = [{ name: 'n2', address: '127.0.0.1:1' }];
    },
    'UNAVAILABLE: nobody knows where n1 is asked for consoles',
  ],
])('%s is refused by name, and no agent is asked', async (_, arrange, message) => {
  arrange();
  await expect(readAll(await asked())).rejects.toThrow(message);
  expect(opened).toEqual([]);
});

test('whoever says nothing is told that the first message says which console', async () => {
  const stream = client.stream(consolePath, ConsoleRequest, ConsoleResponse);
  stream.end();
  await expect(readAll(stream)).rejects.toThrow('INVALID_ARGUMENT: the first message says which console');
});
