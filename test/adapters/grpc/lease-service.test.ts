import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { memberMethods } from '../../../adapters/grpc/member-methods.ts';
import { leaseService } from '../../../adapters/grpc/services/lease.ts';
import { StatusError } from '../../../adapters/grpc/status.ts';
import { type LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '../../../core/chainfire/api/lease.ts';
import { type MemberResponse } from '../../../core/chainfire/member-protocol.ts';
import { ClientCall, ScriptedMember, serve, type Served } from './scripted-member.ts';

/** Of one stream, as the service says. */
const underWayMax = 1_024;

let member: ScriptedMember;
let served: Served;
/** Answers are given by the test, in whatever order. */
let answers: {
  readonly resolve: (response: MemberResponse) => void;
  readonly reject: (error: Error) => void;
}[];

beforeEach(async () => {
  member = new ScriptedMember();
  answers = [];
  member.answer = () => new Promise((resolve, reject) => answers.push({ resolve, reject }));
  served = await serve(member, [leaseService(member)]);
});
afterEach(() => served.stop());

const { path, ...codecs } = memberMethods.leaseKeepAlive;
const open = () => new ClientCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse>(served.client, path, codecs);
const alive = (id: bigint, ttlSeconds = 10): MemberResponse => ({
  kind: 'leaseKeepAlive',
  response: LeaseKeepAliveResponse.create({ id, ttlSeconds }),
});
const ids = (responses: readonly LeaseKeepAliveResponse[]) => responses.map(({ id }) => id);

test('every method has the name that etcd gives it', () => {
  expect(leaseService(member).methods.map((method) => method.path)).toEqual(
    ['LeaseGrant', 'LeaseRevoke', 'LeaseTimeToLive', 'LeaseLeases', 'LeaseKeepAlive'].map(
      (name) => `/etcdserverpb.Lease/${name}`,
    ),
  );
});

describe('keepalives', () => {
  test('are under way together, and answered in the order in which they came', async () => {
    const call = open();
    for (const id of [1n, 2n, 3n]) call.send({ id });
    await member.until(() => member.asked.length === 3);
    expect(member.asked.map(({ request }) => request)).toEqual(
      [1n, 2n, 3n].map((id) => ({ kind: 'leaseKeepAlive', request: { id } })),
    );
    answers[2]?.resolve(alive(3n));
    answers[1]?.resolve(alive(2n, 0));
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    answers[0]?.resolve(alive(1n));
    expect((await call.read(3)).map(({ id, ttlSeconds }) => [id, ttlSeconds])).toEqual([
      [1n, 10],
      [2n, 0],
      [3n, 10],
    ]);
    call.cancel();
  });

  test('are read only up to a bound; each that is answered lets in the next', async () => {
    const call = open();
    const count = underWayMax + 10;
    for (let id = 1; id <= count; id += 1) call.send({ id: BigInt(id) });
    call.readAll();
    await member.until(() => member.asked.length === underWayMax);
    for (let turn = 0; turn < 50; turn += 1) await setImmediate();
    expect(member.asked.length).toBe(underWayMax);
    answers[0]?.resolve(alive(1n));
    await member.until(() => member.asked.length === underWayMax + 1);
    answers[1]?.resolve(alive(2n));
    await member.until(() => member.asked.length === underWayMax + 2);
    call.cancel();
  });

  test('that were asked are all answered before a client that asks no more has its end', async () => {
    const call = open();
    for (const id of [1n, 2n]) call.send({ id });
    call.halfClose();
    await member.until(() => member.asked.length === 2);
    answers[1]?.resolve(alive(2n));
    answers[0]?.resolve(alive(1n));
    call.readAll();
    expect(await call.ended).toMatchObject({ code: 'OK' });
    expect(ids(call.received)).toEqual([1n, 2n]);
  });

  test('end at the first refusal, behind the answers before it', async () => {
    const call = open();
    for (const id of [1n, 2n, 3n]) call.send({ id });
    await member.until(() => member.asked.length === 3);
    answers[2]?.resolve(alive(3n));
    answers[1]?.resolve({ kind: 'refused', code: 'NO_LEADER', message: '' });
    answers[0]?.resolve(alive(1n));
    call.readAll();
    expect(await call.ended).toEqual({ code: 'UNAVAILABLE', details: 'etcdserver: no leader' });
    expect(ids(call.received)).toEqual([1n]);
    expect(member.defects).toEqual([]);
  });

  test('end when there is no member', async () => {
    const call = open();
    call.send({ id: 1n });
    await member.until(() => member.asked.length === 1);
    answers[0]?.reject(new StatusError('UNAVAILABLE', 'etcdserver: server stopped'));
    call.readAll();
    expect(await call.ended).toEqual({ code: 'UNAVAILABLE', details: 'etcdserver: server stopped' });
  });

  test('of a client that leaves are aborted', async () => {
    const call = open();
    call.send({ id: 1n });
    await member.until(() => member.asked.length === 1);
    const aborted = new Promise<void>((resolve) => {
      member.asked[0]?.signal.addEventListener('abort', () => resolve());
    });
    call.cancel();
    await aborted;
    expect(member.defects).toEqual([]);
  });

  test('that cannot be decoded end the stream by name', async () => {
    const call = open();
    call.sendBytes(Uint8Array.from([0x0a, 0x01, 0x61]));
    call.readAll();
    expect(await call.ended).toMatchObject({
      code: 'INTERNAL',
      details: expect.stringContaining('LeaseKeepAliveRequest.id') as unknown,
    });
    expect(member.asked).toEqual([]);
  });
});
