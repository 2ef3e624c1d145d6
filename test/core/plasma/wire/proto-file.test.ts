import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import fc from 'fast-check';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

import { type AgentRequest } from '../../../../core/plasma/agent-protocol.ts';
import { type StorageRequest, type StorageResponse } from '../../../../core/plasma/storage-protocol.ts';
import {
  agentMethods,
  fetchImagePath,
  FetchImageRequest,
  FetchImageResponse,
} from '../../../../core/plasma/wire/agent.ts';
import {
  consolePath,
  ConsoleRequest,
  ConsoleResponse,
  nodeConsolePath,
  NodeConsoleRequest,
  uploadPath,
  UploadRequest,
  UploadResponse,
} from '../../../../core/plasma/wire/console.ts';
import { storageMethods } from '../../../../core/plasma/wire/storage.ts';
import { userMethods } from '../../../../core/plasma/wire/user.ts';
import { type Message } from '../../../../core/wire/protobuf.ts';
import { agentRequest, agentResponses, userRequest, userResponse } from './arbitrary.ts';

/**
 * The published description of the protocol, read by a library that others would use: what the tables of core/plasma/wire write,
 * it reads whole and writes again byte for byte; and nothing is described that they do not write.
 */
const file = fileURLToPath(new URL('../../../../docs/reference/photon.plasma.v1.proto', import.meta.url));
const definition = loadSync(file, { longs: String, enums: String });
const packagePrefix = 'photon.plasma.v1.';

type Described = MethodDefinition<object, object>;

interface Descriptor {
  readonly name: string;
  readonly field: readonly { readonly name: string; readonly typeName: string; readonly type: string }[];
  readonly nestedType: readonly Descriptor[];
}

const described = new Map<string, Described>();
for (const [name, service] of Object.entries(definition)) {
  if (!name.endsWith('Service')) continue;
  for (const method of Object.values(service) as Described[]) described.set(method.path, method);
}

function describedBy(path: string): Described {
  const method = described.get(path);
  if (method === undefined) throw new Error(`${path} is not described`);
  return method;
}

/** Fields of messages that have had a value, by the message's name and theirs. */
const seen = new Set<string>();

/** @param source what was written; undefined: its shape is another one, and it has no choices */
function note(scopes: readonly Descriptor[], value: object, source: unknown): void {
  const place = scopes.map(({ name }) => name).join('.');
  for (const [name, own] of Object.entries(value) as [string, unknown][]) {
    const field = scopes.at(-1)?.field.find((one) => one.name === name);
    if (field === undefined) throw new Error(`${place} has no ${name}`);
    seen.add(`${place}.${name}`);
    const written = partOf(source, name);
    if (field.type === 'TYPE_ENUM') expect(own).toBe(`${upper(field.typeName)}_${upper(String(written))}`);
    if (field.type !== 'TYPE_MESSAGE') continue;
    const inner = scopesOf(field.typeName, scopes);
    if (!Array.isArray(own)) note(inner, own as object, written);
    else
      for (const [at, item] of own.entries())
        note(inner, item as object, (written as readonly unknown[] | undefined)?.[at]);
  }
}

/** What is one of several kinds lies a level deeper on the wire. */
function partOf(source: unknown, name: string): unknown {
  const record = source as Readonly<Record<string, unknown>> | undefined;
  return record?.[name] ?? (record?.['kind'] === name ? record : undefined);
}

/** `handing-over` and `HandingOver`: `HANDING_OVER`. */
function upper(name: string): string {
  return name
    .replaceAll('-', '_')
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_')
    .toUpperCase();
}

/** A name is looked for from the inside out. */
function scopesOf(typeName: string, scopes: readonly Descriptor[]): readonly Descriptor[] {
  for (let depth = scopes.length; depth > 0; depth -= 1) {
    const nested = scopes[depth - 1]?.nestedType.find(({ name }) => name === typeName);
    if (nested !== undefined) return [...scopes.slice(0, depth), nested];
  }
  return [descriptorOf(typeName)];
}

function descriptorOf(name: string): Descriptor {
  const entry = definition[packagePrefix + name] as unknown as { readonly type: Descriptor } | undefined;
  if (entry === undefined) throw new Error(`${name} is not described`);
  return entry.type;
}

function readsRequest(path: string, bytes: Uint8Array, source: object): void {
  const { requestDeserialize, requestSerialize, requestType } = describedBy(path);
  const value = requestDeserialize(Buffer.from(bytes));
  note([requestType.type as Descriptor], value, source);
  expect(requestSerialize(value)).toEqual(Buffer.from(bytes));
}

function readsResponse(path: string, bytes: Uint8Array, source: object): void {
  const { responseDeserialize, responseSerialize, responseType } = describedBy(path);
  const value = responseDeserialize(Buffer.from(bytes));
  note([responseType.type as Descriptor], value, source);
  expect(responseSerialize(value)).toEqual(Buffer.from(bytes));
}

test('every method is described, and no other', () => {
  const methods = [userMethods, agentMethods, storageMethods].flatMap((all) => Object.values(all));
  const streams = [consolePath, nodeConsolePath, uploadPath];
  const paths = [...methods.map(({ path }) => path), fetchImagePath, ...streams];
  expect([...described.keys()].sort()).toEqual(paths.sort());
  for (const { path, requestStream, responseStream } of described.values())
    expect([path, requestStream, responseStream]).toEqual([
      path,
      streams.includes(path),
      streams.includes(path),
    ]);
});

test('what users ask and are told', () => {
  const askedBy = {
    committed: 'vmCreate',
    vms: 'vmList',
    nodes: 'nodeList',
    images: 'imageList',
    sharedDisks: 'sharedDiskList',
    quota: 'quotaGet',
    operation: 'operationGet',
    events: 'events',
  } as const;
  fc.assert(
    fc.property(userRequest, userResponse, (request, response) => {
      const asked = userMethods[request.kind];
      readsRequest(asked.path, asked.request.encode(request), request);
      const told = userMethods[askedBy[response.kind]];
      readsResponse(told.path, told.response.encode(response), response);
    }),
    { numRuns: 600 },
  );
});

test('what agents ask and are told', () => {
  fc.assert(
    fc.property(agentRequest, (request) => {
      const { path, request: codec } = agentMethods[request.kind];
      readsRequest(path, codec.encode(request), request);
    }),
    { numRuns: 300 },
  );
  for (const kind of Object.keys(agentMethods) as AgentRequest['kind'][]) {
    const { path, response: codec } = agentMethods[kind];
    fc.assert(
      fc.property(agentResponses[kind], (response) => readsResponse(path, codec.encode(response), response)),
      { numRuns: 300 },
    );
  }
});

test('what storage nodes are asked, and tell', () => {
  const owner = { disk: 'p/d.7', vm: 'vm-1', fenceToken: 3 };
  const asked: readonly (readonly [StorageRequest, StorageResponse])[] = [
    [{ kind: 'createDisk', disk: 'p/d.7', sizeBytes: 2 ** 40 }, { kind: 'created' }],
    [
      { kind: 'openExport', ...owner, activate: true },
      { kind: 'opened', uri: 'nbd://127.0.0.1:10809/e', sizeBytes: 512 },
    ],
    [{ kind: 'fence', ...owner }, { kind: 'fenced' }],
    [{ kind: 'closeExport', ...owner }, { kind: 'closed' }],
    [{ kind: 'deleteDisk', ...owner }, { kind: 'deleted' }],
  ];
  for (const [request, response] of asked) {
    const { path, ...codecs } = storageMethods[request.kind];
    readsRequest(path, codecs.request.encode(request), request);
    readsResponse(path, codecs.response.encode(response), response);
  }
});

test('streams, and pieces of images', () => {
  const bytes = Uint8Array.of(1, 0, 255);
  const about = { digest: 'sha256:0', format: 'qcow2' } as const;
  const asks = <Shape extends object>(path: string, type: Message<Shape>, value: Shape): void =>
    readsRequest(path, type.encode(value), value);
  const tells = <Shape extends object>(path: string, type: Message<Shape>, value: Shape): void =>
    readsResponse(path, type.encode(value), value);
  asks(consolePath, ConsoleRequest, { project: 'p', vm: 'v', input: bytes });
  tells(consolePath, ConsoleResponse, { output: bytes });
  asks(nodeConsolePath, NodeConsoleRequest, { vm: 'v', fenceToken: 1, input: bytes });
  tells(nodeConsolePath, ConsoleResponse, { output: bytes });
  asks(uploadPath, UploadRequest, { ...about, bytes });
  tells(uploadPath, UploadResponse, { ...about, fileBytes: 1, virtualBytes: 2 });
  asks(fetchImagePath, FetchImageRequest, { digest: 'sha256:0', fromByte: 1, bytesMax: 2 });
  tells(fetchImagePath, FetchImageResponse, { bytes, totalBytes: 4 });
});

test('nothing is described that nobody writes', () => {
  const all: string[] = [];
  const list = (scopes: readonly Descriptor[]): void => {
    const place = scopes.map(({ name }) => name).join('.');
    for (const field of scopes.at(-1)?.field ?? []) all.push(`${place}.${field.name}`);
    for (const nested of scopes.at(-1)?.nestedType ?? []) list([...scopes, nested]);
  };
  for (const [name, entry] of Object.entries(definition)) {
    if ('type' in entry && 'field' in (entry.type as object))
      list([descriptorOf(name.slice(packagePrefix.length))]);
  }
  expect(all.length).toBeGreaterThan(200);
  expect(all.filter((field) => !seen.has(field))).toEqual([]);
});
