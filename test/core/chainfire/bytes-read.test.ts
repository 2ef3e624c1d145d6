import { expect, test } from 'vitest';
import { type RangeRequest } from '../../../core/chainfire/api/kv.ts';
import { bytesRead } from '../../../core/chainfire/bytes-read.ts';
import { type MemberRequest, type MemberResponse } from '../../../core/chainfire/member-protocol.ts';
import { all, ask, compare, op } from './requests.ts';

const header = { clusterId: 0n, memberId: 0n, revision: 9, raftTerm: 1 };
const kv = (bytes: number) => ({
  key: 'a',
  createRevision: 1,
  modRevision: 1,
  version: 1,
  value: new Uint8Array(bytes),
  lease: 0n,
});

/** A range of 1,000 keys of which one of 50 bytes is returned. */
function ofRange(more: Partial<RangeRequest>): number {
  const response = { header, kvs: [kv(50)], more: true, count: 1_000 };
  return bytesRead(ask.all(more), { kind: 'range', response });
}

test('records that are counted by the store weigh little, those that are looked at weigh something each', () => {
  const counted = 2 * 128 + 50 + 999 * 16;
  const lookedAt = 2 * 128 + 50 + 999 * 128;
  expect(ofRange({ limit: 1 })).toBe(counted);
  expect(ofRange({ countOnly: true, minModRevision: 3 })).toBe(counted);
  expect(ofRange({ limit: 1, minModRevision: 3 })).toBe(lookedAt);
  expect(ofRange({ limit: 1, sortTarget: 2 })).toBe(lookedAt);
  expect(ofRange({ limit: 1, revision: 4 })).toBe(lookedAt);
});

test('a transaction weighs what its branch has read', () => {
  const responseRange = { header, kvs: [], more: false, count: 100 };
  const nothing = { responseRange: undefined, responsePut: undefined, responseDeleteRange: undefined };
  const inner = {
    header,
    succeeded: true,
    responses: [{ ...nothing, responseRange, responseTxn: undefined }],
  };
  const response = { header, succeeded: false, responses: [{ ...nothing, responseTxn: inner }] };
  const request: MemberRequest = ask.txn({
    compare: [compare('a', { target: 0, version: 1 })],
    failure: [op.txn({ compare: [], success: [op.range(all({ countOnly: true }))], failure: [] })],
  });
  expect(bytesRead(request, { kind: 'txn', response })).toBe(128 + 128 + 128 + 100 * 16);
});

test('lists of leases and of their keys weigh as much as they are long, anything else a record', () => {
  const leases: MemberResponse = {
    kind: 'leaseLeases',
    response: { header, leases: [{ id: 1n }, { id: 2n }] },
  };
  expect(bytesRead(ask.leases, leases)).toBe(3 * 128);
  const keys: MemberResponse = {
    kind: 'leaseTimeToLive',
    response: { header, id: 1n, ttlSeconds: 1, grantedTtlSeconds: 2, keys: ['a'] },
  };
  expect(bytesRead(ask.timeToLive(1n, true), keys)).toBe(2 * 128);
  expect(bytesRead(ask.status, { kind: 'refused', code: 'TIMEOUT', message: '' })).toBe(128);
});
