import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { bufferOf, bytesOf } from '../../adapters/grpc/buffers.ts';
import { memberMethods } from '../../adapters/grpc/member-methods.ts';
import { statusName } from '../../adapters/grpc/status.ts';
import {
  Compare,
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RangeResponse,
  TxnRequest,
} from '../../core/chainfire/api/kv.ts';
import { HashKvRequest } from '../../core/chainfire/api/cluster.ts';
import { Cluster } from './cluster.ts';

type Outcome = { readonly bytes: Uint8Array } | { readonly code: string; readonly details: string };

let cluster: Cluster;
let client: Client;
beforeAll(async () => {
  cluster = await Cluster.start(1);
  client = new Client(cluster.endpoints, credentials.createInsecure(), {
    'grpc.max_send_message_length': -1,
  });
  expect(
    await call(
      memberMethods.put.path,
      PutRequest.encode(PutRequest.create({ key: 'kept', value: bytes('value') })),
    ),
  ).toHaveProperty('bytes');
  expect(
    await call(
      memberMethods.put.path,
      PutRequest.encode(PutRequest.create({ key: 'kept', value: bytes('value') })),
    ),
  ).toHaveProperty('bytes');
});
afterAll(async () => {
  client?.close();
  await cluster?.remove();
});

const bytes = (text: string) => new TextEncoder().encode(text);

function call(path: string, request: Uint8Array): Promise<Outcome> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      bufferOf,
      bytesOf,
      request,
      { deadline: Date.now() + 20_000 },
      (error: ServiceError | null, response) => {
        resolve(
          error === null
            ? { bytes: response ?? new Uint8Array(0) }
            : { code: statusName(error.code), details: error.details },
        );
      },
    );
  });
}

/** Others are served, and nothing has changed: the revision is the one before. */
async function servesOthers(): Promise<void> {
  const outcome = await call(
    memberMethods.range.path,
    RangeRequest.encode(RangeRequest.create({ key: '\0', rangeEnd: '\0' })),
  );
  expect(outcome).toHaveProperty('bytes');
  const response = RangeResponse.decode((outcome as { bytes: Uint8Array }).bytes);
  expect({ revision: response.header?.revision, keys: response.kvs.map((found) => found.key) }).toEqual({
    revision: 3,
    keys: ['kept'],
  });
}

const range = (fields: Parameters<typeof RangeRequest.create>[0]) =>
  RangeRequest.encode(RangeRequest.create(fields));
const txn = (fields: Parameters<typeof TxnRequest.create>[0]) => TxnRequest.encode(TxnRequest.create(fields));
const putOp = (key: string) => ({
  requestRange: undefined,
  requestPut: PutRequest.create({ key, value: bytes('x') }),
  requestDeleteRange: undefined,
  requestTxn: undefined,
});
const nothing = {
  requestRange: undefined,
  requestPut: undefined,
  requestDeleteRange: undefined,
  requestTxn: undefined,
};

const refused: readonly (readonly [string, string, Uint8Array, string, string])[] = [
  [
    'malformed protobuf',
    memberMethods.put.path,
    Uint8Array.from([0x0a, 0x7f, 0x01]),
    'INTERNAL',
    'PutRequest.key',
  ],
  [
    'bytes that are no protobuf at all',
    memberMethods.txn.path,
    bytes('GET / HTTP/1.1'),
    'INTERNAL',
    'TxnRequest',
  ],
  [
    'an empty key to put',
    memberMethods.put.path,
    new Uint8Array(0),
    'INVALID_ARGUMENT',
    'etcdserver: key is not provided',
  ],
  [
    'an empty key to read',
    memberMethods.range.path,
    new Uint8Array(0),
    'INVALID_ARGUMENT',
    'etcdserver: key is not provided',
  ],
  [
    'an empty key to delete',
    memberMethods.deleteRange.path,
    DeleteRangeRequest.encode(DeleteRangeRequest.create()),
    'INVALID_ARGUMENT',
    'etcdserver: key is not provided',
  ],
  [
    'a value of 3 MB',
    memberMethods.put.path,
    PutRequest.encode(PutRequest.create({ key: 'big', value: new Uint8Array(3_000_000) })),
    'RESOURCE_EXHAUSTED',
    'larger than max',
  ],
  [
    'a value of 1.6 MB',
    memberMethods.put.path,
    PutRequest.encode(PutRequest.create({ key: 'big', value: new Uint8Array(1_600_000) })),
    'INVALID_ARGUMENT',
    'etcdserver: request is too large',
  ],
  [
    'an unknown sort order',
    memberMethods.range.path,
    range({ key: 'kept', sortOrder: 77 }),
    'INVALID_ARGUMENT',
    'etcdserver: invalid sort option',
  ],
  [
    'an unknown sort target',
    memberMethods.range.path,
    range({ key: 'kept', sortTarget: 77 }),
    'INVALID_ARGUMENT',
    'etcdserver: invalid sort option',
  ],
  [
    'a future revision',
    memberMethods.range.path,
    range({ key: 'kept', revision: 1_000 }),
    'OUT_OF_RANGE',
    'required revision is a future revision',
  ],
  [
    'a compaction of the future',
    memberMethods.compact.path,
    CompactionRequest.encode(CompactionRequest.create({ revision: 1_000 })),
    'OUT_OF_RANGE',
    'required revision is a future revision',
  ],
  [
    'a hash of the future',
    memberMethods.hashKv.path,
    HashKvRequest.encode(HashKvRequest.create({ revision: 1_000 })),
    'OUT_OF_RANGE',
    'required revision is a future revision',
  ],
  [
    'the same key twice in a txn',
    memberMethods.txn.path,
    txn({ success: [putOp('a'), putOp('a')] }),
    'INVALID_ARGUMENT',
    'duplicate key given in txn request',
  ],
  [
    'too many operations in a txn',
    memberMethods.txn.path,
    txn({ success: Array.from({ length: 129 }, (_, at) => putOp(`k${at}`)) }),
    'INVALID_ARGUMENT',
    'etcdserver: too many operations in txn request',
  ],
  [
    'a lease that does not exist',
    memberMethods.put.path,
    PutRequest.encode(PutRequest.create({ key: 'a', lease: 5n })),
    'NOT_FOUND',
    'etcdserver: requested lease not found',
  ],
];

describe('bad input gets its refusal, changes nothing, and the process serves others', () => {
  test.each(refused)('%s', async (_, path, request, code, words) => {
    cluster.showLogsOnFailure();
    const outcome = await call(path, request);
    expect(outcome).toMatchObject({ code });
    expect((outcome as { details: string }).details).toContain(words);
    await servesOthers();
  });

  /** No refusal is prescribed where etcd answers; what counts is that there is an answer and that nothing changes. */
  const harmless: readonly (readonly [string, string, Uint8Array])[] = [
    ['a range that ends before it begins', memberMethods.range.path, range({ key: 'z', rangeEnd: 'a' })],
    [
      'a delete that ends before it begins',
      memberMethods.deleteRange.path,
      DeleteRangeRequest.encode(DeleteRangeRequest.create({ key: 'z', rangeEnd: 'a' })),
    ],
    ['a negative revision', memberMethods.range.path, range({ key: 'kept', revision: -5 })],
    ['a negative limit', memberMethods.range.path, range({ key: 'kept', limit: -5 })],
    [
      'an unknown compare target',
      memberMethods.txn.path,
      txn({ compare: [Compare.create({ key: 'kept', target: 99 })] }),
    ],
    [
      'an unknown compare result',
      memberMethods.txn.path,
      txn({ compare: [Compare.create({ key: 'kept', result: 99, version: 1 })] }),
    ],
    ['an operation that is none', memberMethods.txn.path, txn({ success: [nothing] })],
    ['a key of 100 kB', memberMethods.range.path, range({ key: 'k'.repeat(100_000) })],
    [
      'unknown fields',
      memberMethods.range.path,
      Uint8Array.from([...range({ key: 'kept' }), 0xf8, 0x07, 0x01]),
    ],
  ];
  test.each(harmless)('%s', async (_, path, request) => {
    cluster.showLogsOnFailure();
    const outcome = await call(path, request);
    if ('code' in outcome) expect(['INVALID_ARGUMENT', 'OUT_OF_RANGE', 'INTERNAL']).toContain(outcome.code);
    if ('code' in outcome) expect(outcome.details).not.toContain('internal error');
    await servesOthers();
  });
});

const garbage: readonly (readonly [string, string | Uint8Array])[] = [
  ['HTTP/1.1', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['random bytes', Uint8Array.from({ length: 4_096 }, (_, at) => (at * 7_919) & 0xff)],
  ['an HTTP/2 preface and then nonsense', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'x'.repeat(1_000)}`],
];
test.each(garbage)(
  '%s on the client and peer ports ends that connection and nothing else',
  async (_, data) => {
    for (const address of [cluster.place('a').client, cluster.place('a').peer]) {
      const [host = '', port = '0'] = address.split(':');
      const socket = connect({ host, port: Number(port) });
      socket.on('error', () => undefined);
      socket.on('connect', () => socket.write(data));
      socket.resume();
      const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
      // Some garbage is the beginning of something longer: the server may wait for the rest, which never comes.
      const served = servesOthers();
      await served;
      socket.destroy();
      await closed;
      await servesOthers();
    }
  },
);
