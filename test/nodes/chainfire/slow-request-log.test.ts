import { pino } from 'pino';
import { beforeEach, describe, expect, test } from 'vitest';

import { type CompletedCall } from '../../../adapters/grpc/mount.ts';
import { PutRequest, RequestOp, Compare, TxnRequest } from '../../../core/chainfire/api/kv.ts';
import { LeaseRevokeRequest } from '../../../core/chainfire/api/lease.ts';
import { SlowRequestLog } from '../../../nodes/chainfire/slow-request-log.ts';

let lines: Record<string, unknown>[];
let nowMs: number;
let log: SlowRequestLog;

beforeEach(() => {
  lines = [];
  nowMs = 0;
  log = logging(100);
});

function logging(boundMs: number): SlowRequestLog {
  const sink = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  return new SlowRequestLog(pino({ base: null, timestamp: false }, sink), boundMs, () => nowMs);
}

function call(fields: Partial<CompletedCall> = {}): CompletedCall {
  return {
    path: '/etcdserverpb.KV/Put',
    code: 'OK',
    durationMs: 250.04,
    request: PutRequest.create({ key: 'app/a', value: new TextEncoder().encode('secret') }),
    requestBytes: 300,
    responseBytes: 20,
    peer: () => '127.0.0.1:50000',
    ...fields,
  };
}

test('a request over the bound has a line with what one needs to find it, and no value', () => {
  log.completed(call());
  expect(lines).toEqual([
    {
      level: 40,
      method: '/etcdserverpb.KV/Put',
      status: 'OK',
      durationMs: 250,
      boundMs: 100,
      requestBytes: 300,
      responseBytes: 20,
      peer: '127.0.0.1:50000',
      key: 'app/a',
      msg: 'slow request',
    },
  ]);
});

test('one within the bound has none; nor has any when the bound is 0', () => {
  log.completed(call({ durationMs: 100 }));
  logging(0).completed(call({ durationMs: 100_000 }));
  expect(lines).toEqual([]);
});

test('streams, and calls that wait for somebody else, are not slow', () => {
  log.completed(call({ path: '/etcdserverpb.Watch/Watch', request: undefined }));
  log.completed(call({ path: '/v3lockpb.Lock/Lock' }));
  log.completed(call({ path: '/v3electionpb.Election/Campaign' }));
  expect(lines).toEqual([]);
});

test('ten lines a second; the next one says how many were left out', () => {
  for (let count = 0; count < 25; count += 1) log.completed(call());
  expect(lines.length).toBe(10);
  nowMs = 1_000;
  log.completed(call());
  log.completed(call());
  expect(lines.length).toBe(12);
  expect(lines[10]).toMatchObject({ leftOut: 15 });
  expect(lines[11]).not.toHaveProperty('leftOut');
});

describe('what the request is about', () => {
  test('a long key is cut, bytes that cannot be printed are numbers', () => {
    log.completed(call({ request: PutRequest.create({ key: `\0\xff${'k'.repeat(100_000)}` }) }));
    expect(lines[0]).toMatchObject({ key: `\\x00\\xff${'k'.repeat(62)}… (100002 bytes)` });
  });

  test('a lease is named as everywhere, in hexadecimal', () => {
    log.completed(call({ request: LeaseRevokeRequest.create({ id: 0x694d71dn }) }));
    expect(lines[0]).toMatchObject({ id: '694d71d' });
  });

  test('a transaction by its size and first key', () => {
    const put = RequestOp.create({ requestPut: PutRequest.create({ key: 'written' }) });
    log.completed(call({ request: TxnRequest.create({ success: [put, put], failure: [put] }) }));
    const compare = [Compare.create({ key: 'compared' })];
    log.completed(call({ request: TxnRequest.create({ compare, success: [put] }) }));
    log.completed(call({ request: TxnRequest.create() }));
    expect(lines.map(({ compares, operations, key }) => ({ compares, operations, key }))).toEqual([
      { compares: 0, operations: 3, key: 'written' },
      { compares: 1, operations: 1, key: 'compared' },
      { compares: 0, operations: 0, key: undefined },
    ]);
  });
});
