import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { bufferOf, bytesOf } from '../../../adapters/grpc/buffers.ts';
import { refusalOfStatus, statusOfRefusal } from '../../../adapters/grpc/errors.ts';
import { memberMethods } from '../../../adapters/grpc/member-methods.ts';
import { GrpcServer } from '../../../adapters/grpc/server.ts';
import { clusterService } from '../../../adapters/grpc/services/cluster.ts';
import {
  Health,
  HealthCheckRequest,
  HealthCheckResponse,
  healthService,
} from '../../../adapters/grpc/services/health.ts';
import { kvService } from '../../../adapters/grpc/services/kv.ts';
import { maintenanceService } from '../../../adapters/grpc/services/maintenance.ts';
import { StatusError, statusName } from '../../../adapters/grpc/status.ts';
import {
  alarmActions,
  AlarmRequest,
  AlarmResponse,
  alarmTypes,
} from '../../../core/chainfire/api/cluster.ts';
import { PutRequest, PutResponse, RangeRequest, RangeResponse } from '../../../core/chainfire/api/kv.ts';
import { type MemberRequest, type MemberResponse } from '../../../core/chainfire/member-protocol.ts';

/** A member that answers what the test says. */
let answer: (request: MemberRequest, signal: AbortSignal) => Promise<MemberResponse>;
let asked: MemberRequest[];
let health: Health;
let defects: unknown[];
let server: GrpcServer;
let client: Client;

beforeEach(async () => {
  asked = [];
  defects = [];
  health = new Health();
  const member = {
    request: (request: MemberRequest, signal: AbortSignal) => {
      asked.push(request);
      return answer(request, signal);
    },
    openWatchStream: () => {
      throw new StatusError('UNAVAILABLE', 'nothing is watched here');
    },
  };
  server = await GrpcServer.listen({
    address: { host: '127.0.0.1', port: 0 },
    purpose: 'clients',
    services: [
      kvService(member),
      clusterService(member),
      maintenanceService(member, {
        openSnapshot: () => {
          throw new StatusError('UNAVAILABLE', 'nothing is kept here');
        },
        defragment: () => Promise.resolve(),
      }),
      healthService(health, ['known']),
    ],
    receiveBytesMax: 2_000_000,
    hooks: { onDefect: (_, error) => defects.push(error) },
  });
  client = new Client(`127.0.0.1:${server.address.port}`, credentials.createInsecure());
});
afterEach(async () => {
  client.close();
  await server.stop(0);
});

type Outcome =
  | { readonly bytes: Uint8Array }
  | { readonly code: string; readonly details: string; readonly trailer: string | undefined };

function callRaw(path: string, bytes: Uint8Array, deadlineMs = 10_000): Promise<Outcome> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      bufferOf,
      bytesOf,
      bytes,
      { deadline: Date.now() + deadlineMs },
      (error: ServiceError | null, response) => {
        if (error === null) resolve({ bytes: response ?? new Uint8Array(0) });
        else {
          const trailer = error.metadata.get('photon-refusal')[0]?.toString();
          resolve({ code: statusName(error.code), details: error.details, trailer });
        }
      },
    );
  });
}

const header = { clusterId: 0xfedcba9876543210n, memberId: 1n, revision: 5, raftTerm: 2 };
const put = PutRequest.create({
  key: 'k\x00\xff',
  value: Uint8Array.from([0, 255]),
  lease: 0xffffffffffffffffn,
});

test('a request reaches the member decoded, its answer the client encoded', async () => {
  answer = () => Promise.resolve({ kind: 'put', response: PutResponse.create({ header }) });
  const outcome = await callRaw(memberMethods.put.path, PutRequest.encode(put));
  expect(asked).toEqual([{ kind: 'put', request: put }]);
  expect(outcome).toHaveProperty('bytes');
  expect(PutResponse.decode((outcome as { bytes: Uint8Array }).bytes)).toEqual(
    PutResponse.create({ header }),
  );
});

test('what the member gets are plain arrays, whose slice is a copy', async () => {
  answer = () => Promise.resolve({ kind: 'put', response: PutResponse.create({ header }) });
  await callRaw(memberMethods.put.path, PutRequest.encode(put));
  const request = asked[0];
  expect(
    request?.kind === 'put' && Object.getPrototypeOf(request.request.value) === Uint8Array.prototype,
  ).toBe(true);
});

describe('refusals', () => {
  test('a refusal has etcd’s code and its text, whatever the machine says, and its own code beside', async () => {
    answer = () =>
      Promise.resolve({ kind: 'refused', code: 'COMPACTED', message: 'revision 3 is compacted' });
    expect(
      await callRaw(
        memberMethods.range.path,
        RangeRequest.encode(RangeRequest.create({ key: 'k', revision: 3 })),
      ),
    ).toEqual({
      code: 'OUT_OF_RANGE',
      details: 'etcdserver: mvcc: required revision has been compacted',
      trailer: 'COMPACTED',
    });
  });

  test('a refusal that etcd does not have keeps the machine’s words', () => {
    const refusal = { kind: 'refused', code: 'KEY_TOO_LONG', message: 'the key has 2000 bytes' } as const;
    const status = statusOfRefusal(refusal);
    expect(status).toMatchObject({ code: 'INVALID_ARGUMENT', message: 'the key has 2000 bytes' });
    expect(refusalOfStatus(status.message, status.trailers['photon-refusal'])).toEqual(refusal);
  });

  test('a client understands etcd’s own refusals by their text alone, and takes nothing else for one', () => {
    expect(refusalOfStatus('etcdserver: no leader', undefined)?.code).toBe('NO_LEADER');
    expect(refusalOfStatus('connection refused', undefined)).toBeUndefined();
    expect(refusalOfStatus('x', 'constructor')).toBeUndefined();
  });
});

describe('bad input, with the connection still good afterwards', () => {
  const malformed: readonly (readonly [string, string, number[], string])[] = [
    [
      'a field cut short',
      memberMethods.put.path,
      [0x0a, 0x05, 0x61],
      'PutRequest.key: a length reaches past the end of the input',
    ],
    [
      'a wire type that does not fit',
      memberMethods.range.path,
      [0x08, 0x01],
      'RangeRequest.key: wire type 0 where 2 belongs',
    ],
    [
      'an integer beyond 2^53',
      memberMethods.range.path,
      [0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
      'RangeRequest.limit: an integer is out of the range',
    ],
    [
      'a nested message that is broken',
      memberMethods.txn.path,
      [0x12, 0x03, 0x12, 0x01, 0x0a],
      'TxnRequest.success: RequestOp.requestPut: PutRequest.key',
    ],
  ];
  test.each(malformed)('%s is named by message and field', async (_, path, bytes, words) => {
    answer = () => Promise.resolve({ kind: 'range', response: RangeResponse.create({ header }) });
    const outcome = await callRaw(path, Uint8Array.from(bytes));
    expect(outcome).toMatchObject({ code: 'INTERNAL' });
    expect((outcome as { details: string }).details).toContain(words);
    expect(asked).toEqual([]);
    expect(
      await callRaw(memberMethods.range.path, RangeRequest.encode(RangeRequest.create({ key: 'k' }))),
    ).toHaveProperty('bytes');
    expect(defects).toEqual([]);
  });

  test('a message beyond the transport’s bound is refused without being read', async () => {
    answer = () => Promise.resolve({ kind: 'put', response: PutResponse.create({ header }) });
    expect(await callRaw(memberMethods.put.path, new Uint8Array(3_000_000))).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
    });
    expect(asked).toEqual([]);
    expect(await callRaw(memberMethods.put.path, PutRequest.encode(put))).toHaveProperty('bytes');
  });

  test('a method that is not served says so by name, and so does one that nobody knows', async () => {
    expect(await callRaw('/etcdserverpb.Maintenance/Downgrade', new Uint8Array(0))).toMatchObject({
      code: 'UNIMPLEMENTED',
      details: 'etcdserverpb.Maintenance.Downgrade is not served by this version of Chainfire',
    });
    expect(await callRaw('/etcdserverpb.Lease/LeaseGrant', new Uint8Array(0))).toMatchObject({
      code: 'UNIMPLEMENTED',
      details: 'The server does not implement the method /etcdserverpb.Lease/LeaseGrant',
    });
  });
});

test('a defect behind a handler is INTERNAL to the client and told to the hook, not lost', async () => {
  answer = () => Promise.reject(new Error('secret details'));
  expect(await callRaw(memberMethods.put.path, PutRequest.encode(put))).toMatchObject({
    code: 'INTERNAL',
    details: '/etcdserverpb.KV/Put: internal error',
  });
  expect(defects).toEqual([new Error('secret details')]);
});

test('a client that gives up aborts what it had asked for', async () => {
  let aborted: () => void = () => undefined;
  const seen = new Promise<void>((resolve) => (aborted = resolve));
  answer = (_, signal) =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        aborted();
        reject(new Error('aborted'));
      });
    });
  expect(await callRaw(memberMethods.put.path, PutRequest.encode(put), 50)).toMatchObject({
    code: 'DEADLINE_EXCEEDED',
  });
  await seen;
});

test('alarms are the machine’s to list, to raise and to disarm', async () => {
  const alarms = [{ memberId: 3n, alarm: alarmTypes.nospace }];
  answer = () => Promise.resolve({ kind: 'alarm', response: { header, alarms } });
  const request = { action: alarmActions.activate, memberId: 3n, alarm: alarmTypes.nospace };
  const outcome = await callRaw('/etcdserverpb.Maintenance/Alarm', AlarmRequest.encode(request));
  expect(AlarmResponse.decode((outcome as { bytes: Uint8Array }).bytes)).toEqual({ header, alarms });
  expect(asked).toEqual([{ kind: 'alarm', request }]);
});

describe('the standard health service', () => {
  const check = '/grpc.health.v1.Health/Check';
  const statusOf = async (service: string) => {
    const outcome = await callRaw(check, HealthCheckRequest.encode({ service }));
    return 'bytes' in outcome ? HealthCheckResponse.decode(outcome.bytes).status : outcome.code;
  };

  test('a check says whether it serves now, and does not know other services', async () => {
    expect(await statusOf('')).toBe(2);
    health.set(true);
    expect([await statusOf(''), await statusOf('known'), await statusOf('other')]).toEqual([
      1,
      1,
      'NOT_FOUND',
    ]);
  });

  test('a watch says how it is, then every change', async () => {
    const stream = client.makeServerStreamRequest(
      '/grpc.health.v1.Health/Watch',
      bufferOf,
      bytesOf,
      HealthCheckRequest.encode({ service: 'known' }),
      new Metadata(),
    );
    stream.on('error', () => undefined);
    const items = stream[Symbol.asyncIterator]();
    const next = async () => HealthCheckResponse.decode((await items.next()).value as Uint8Array).status;
    expect(await next()).toBe(2);
    health.set(true);
    expect(await next()).toBe(1);
    health.set(false);
    expect(await next()).toBe(2);
    stream.cancel();
  });
});
