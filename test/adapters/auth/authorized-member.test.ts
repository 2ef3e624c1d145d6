import { beforeEach, expect, test } from 'vitest';

import { AuthorizedMember } from '../../../adapters/auth/authorized-member.ts';
import { type AuthorizationQuestion } from '../../../adapters/auth/authorizer.ts';
import {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../../core/chainfire/api/kv.ts';
import { LeaseKeepAliveRequest, LeaseRevokeRequest } from '../../../core/chainfire/api/lease.ts';
import { WatchCreateRequest, WatchRequest } from '../../../core/chainfire/api/watch.ts';
import {
  type Credential,
  credentialKinds,
  processCredential,
} from '../../../core/chainfire/auth/protocol.ts';
import { type MemberRequest } from '../../../core/chainfire/member-protocol.ts';
import { etcdRefusal } from '../../../core/chainfire/refusals.ts';
import { ScriptedMember } from '../grpc/scripted-member.ts';

let member: ScriptedMember;
let failures: unknown[];
let questions: AuthorizationQuestion[];
const signal = new AbortController().signal;

const user = (name: string): Credential => ({ kind: credentialKinds.user, name, authRevision: 1 });
const put = (key: string, by?: Credential): MemberRequest => ({
  kind: 'put',
  request: PutRequest.create({ key }),
  ...(by === undefined ? {} : { by }),
});

beforeEach(() => {
  member = new ScriptedMember();
  member.answer = () => Promise.resolve(etcdRefusal('NO_LEADER'));
  failures = [];
  questions = [];
});

function behind(
  permits: (question: AuthorizationQuestion) => boolean | Promise<boolean>,
  options: { readonly pendingMax?: number; readonly timeoutMs?: number } = {},
): AuthorizedMember {
  return new AuthorizedMember(member, {
    authorizer: {
      permits: (question) => {
        questions.push(question);
        return permits(question);
      },
    },
    acquaintance: {
      identify: (by) => {
        if (by?.kind === credentialKinds.invalid) return etcdRefusal('INVALID_AUTH_TOKEN');
        return { user: by?.kind === credentialKinds.user ? by.name : '' };
      },
      leaseKeys: (lease) => (lease === 7n ? ['leased/1', 'leased/2'] : []),
    },
    timeoutMs: options.timeoutMs ?? 60_000,
    pendingMax: options.pendingMax ?? 2,
    onFailed: (error) => failures.push(error),
  });
}

test('who is denied by name is refused, and the member hears nothing of it', async () => {
  const authorized = behind((question) => question.user !== 'mallory');
  expect(await authorized.request(put('a', user('mallory')), signal)).toEqual(
    etcdRefusal('PERMISSION_DENIED'),
  );
  expect(member.asked).toEqual([]);
  expect(await authorized.request(put('a', user('ann')), signal)).toEqual(etcdRefusal('NO_LEADER'));
  expect(await authorized.request(put('a'), signal)).toEqual(etcdRefusal('NO_LEADER'));
  expect(member.asked.map(({ request }) => request)).toEqual([put('a', user('ann')), put('a')]);
  expect(failures).toEqual([]);
});

test('it is told of every key that could be read or written, whichever way a transaction goes', async () => {
  const authorized = behind(() => true);
  const key = (name: string) => ({ from: name, to: `${name}\0`, single: true });
  const deep = RequestOp.create({ requestRange: RangeRequest.create({ key: 'deep' }) });
  const request = TxnRequest.create({
    compare: [Compare.create({ key: 'compared' })],
    success: [RequestOp.create({ requestPut: PutRequest.create({ key: 'put', prevKv: true, lease: 7n }) })],
    failure: [
      RequestOp.create({ requestDeleteRange: DeleteRangeRequest.create({ key: 'from', rangeEnd: 'to' }) }),
      RequestOp.create({ requestTxn: TxnRequest.create({ success: [deep] }) }),
    ],
  });
  await authorized.request({ kind: 'txn', request }, signal);
  expect(questions[0]?.accesses).toEqual([
    { kind: 'read', range: key('compared') },
    { kind: 'write', range: key('put') },
    { kind: 'write', range: key('leased/1') },
    { kind: 'write', range: key('leased/2') },
    { kind: 'read', range: key('put') },
    { kind: 'write', range: { from: 'from', to: 'to', single: false } },
    { kind: 'read', range: key('deep') },
  ]);
  await authorized.request({ kind: 'leaseRevoke', request: LeaseRevokeRequest.create({ id: 7n }) }, signal);
  expect(questions[1]).toMatchObject({
    action: 'leaseRevoke',
    accesses: [{ kind: 'write' }, { kind: 'write' }],
  });
});

test('the process itself, and whoever keeps a lease alive, are not asked about', async () => {
  const authorized = behind(() => false);
  const keepAlive = { kind: 'leaseKeepAlive', request: LeaseKeepAliveRequest.create({ id: 1n }) } as const;
  for (const request of [put('a', processCredential), keepAlive])
    expect(await authorized.request(request, signal)).toEqual(etcdRefusal('NO_LEADER'));
  expect(questions).toEqual([]);
});

test('what proves nothing is refused before anybody is asked', async () => {
  const authorized = behind(() => true);
  const by = { kind: credentialKinds.invalid, name: '', authRevision: 0 };
  expect(await authorized.request(put('a', by), signal)).toEqual(etcdRefusal('INVALID_AUTH_TOKEN'));
  expect([questions, member.asked]).toEqual([[], []]);
});

test('one that throws, rejects or does not answer refuses', async () => {
  const throwing = behind(() => {
    throw new Error('broken');
  });
  const rejecting = behind(() => Promise.reject(new Error('unreachable')));
  const silent = behind(() => new Promise(() => undefined), { timeoutMs: 1 });
  for (const authorized of [throwing, rejecting, silent])
    expect(await authorized.request(put('a'), signal)).toEqual(etcdRefusal('PERMISSION_DENIED'));
  expect(failures.map((error) => (error as Error).message)).toEqual([
    'broken',
    'unreachable',
    'the authorizer does not answer for 1 ms',
  ]);
  expect(member.asked).toEqual([]);
});

test('no more than so many questions wait; what comes on top is refused', async () => {
  let answer: (permits: boolean) => void = () => undefined;
  const permits = new Promise<boolean>((done) => (answer = done));
  const authorized = behind(() => permits, { pendingMax: 2 });
  const waiting = [put('a'), put('b')].map((request) => authorized.request(request, signal));
  expect(await authorized.request(put('c'), signal)).toEqual(etcdRefusal('TOO_MANY_REQUESTS'));
  answer(true);
  expect(await Promise.all(waiting)).toEqual([etcdRefusal('NO_LEADER'), etcdRefusal('NO_LEADER')]);
  expect(await authorized.request(put('d'), signal)).toEqual(etcdRefusal('NO_LEADER'));
});

test('of two watches of a stream the one that is denied is cancelled, and the other goes on', async () => {
  const said: unknown[] = [];
  const authorized = behind(({ accesses }) => accesses[0]?.range.from !== 'secret');
  const stream = authorized.openWatchStream(
    { kind: 'watch', requireLeader: false, by: user('ann') },
    { item: (response, bytes) => said.push([response, bytes]), ended: () => undefined },
  );
  const create = (key: string) => WatchRequest.create({ create: WatchCreateRequest.create({ key }) });
  await stream.send(create('secret'));
  await stream.send(create('open'));
  expect(member.streams[0]?.received).toEqual([create('open')]);
  expect(said).toMatchObject([
    [
      {
        watchId: -1,
        created: true,
        canceled: true,
        cancelReason: 'rpc error: code = PermissionDenied desc = etcdserver: permission denied',
      },
      0,
    ],
  ]);
  // What the member never said does not count in the bound of its stream.
  stream.drained(0);
  expect(member.streams[0]?.drainedBytes).toBe(0);
  stream.close();
  await stream.send(create('secret'));
  expect(said).toHaveLength(1);
});
