import { expect, test } from 'vitest';

import {
  LeaseGrantRequest,
  LeaseRevokeRequest,
  LeaseTimeToLiveRequest,
} from '../../../../core/chainfire/api/lease.ts';
import {
  AuthChange,
  AuthQuery,
  authActions,
  authQuestions,
  processCredential,
} from '../../../../core/chainfire/auth/protocol.ts';
import { type MemberRequest } from '../../../../core/chainfire/member-protocol.ts';
import { present } from '../../../../core/base/assert.ts';
import { usPerSecond } from '../../../../core/base/units.ts';
import { ChainfireMember } from '../../../../core/chainfire/member.ts';
import { seededPrng } from '../../../../sim/prng.ts';
import { compare, del, get, op, put, txn } from '../requests.ts';
import { as, Guarded, withToken, wordOf } from './guarded.ts';

const ann = as('ann');
const root = as('root');
const nobody = undefined;
const authChangeBlank = AuthChange.create();

test('what a caller may not read or write is refused, whoever is asked (etcd: auth/store.go)', () => {
  const guarded = new Guarded();
  guarded.enable();
  const cases: readonly (readonly [string, MemberRequest])[] = [
    ['put', { kind: 'put', request: put('a/1', 'v'), by: ann }],
    ['PERMISSION_DENIED', { kind: 'put', request: put('b', 'v'), by: ann }],
    ['USER_NAME_EMPTY', { kind: 'put', request: put('a/1', 'v') }],
    ['PERMISSION_DENIED', { kind: 'put', request: put('a/1', 'v'), by: as('stranger') }],
    ['range', { kind: 'range', request: get('a/', { rangeEnd: 'a0' }), by: ann }],
    ['PERMISSION_DENIED', { kind: 'range', request: get('a/', { rangeEnd: 'a1' }), by: ann }],
    ['PERMISSION_DENIED', { kind: 'range', request: get('a/', { rangeEnd: '\0' }), by: ann }],
    ['PERMISSION_DENIED', { kind: 'range', request: get('b', { serializable: true }), by: ann }],
    ['PERMISSION_DENIED', { kind: 'range', request: get('b'), consistency: 'local', by: ann }],
    ['PERMISSION_DENIED', { kind: 'deleteRange', request: del('a/', { rangeEnd: '\0' }), by: ann }],
    ['deleteRange', { kind: 'deleteRange', request: del('a/', { rangeEnd: 'a0', prevKv: true }), by: ann }],
    ['put', { kind: 'put', request: put('b', 'v'), by: root }],
    ['put', { kind: 'put', request: put('b', 'v'), by: processCredential }],
  ];
  for (const [expected, request] of cases) {
    for (const member of [1, 2, 3])
      expect([guarded.said(request, member), request]).toEqual([expected, request]);
  }
});

test('a transaction needs what any of its branches does, compares and nested ones too', () => {
  const guarded = new Guarded(1);
  guarded.enable();
  const allowed = op.put(put('a/1', 'v'));
  const forbidden = [op.put(put('b', 'v')), op.range(get('b')), op.del(del('b'))];
  const said = (request: Parameters<typeof txn>[0]): string =>
    guarded.said({ kind: 'txn', request: txn(request), by: ann });
  expect(said({ compare: [compare('a/1', {})], success: [allowed], failure: [allowed] })).toBe('txn');
  expect(said({ compare: [compare('b', {})], success: [allowed] })).toBe('PERMISSION_DENIED');
  for (const bad of forbidden) {
    expect(said({ success: [allowed, bad] })).toBe('PERMISSION_DENIED');
    expect(said({ success: [allowed], failure: [bad] })).toBe('PERMISSION_DENIED');
    expect(said({ success: [op.txn(txn({ failure: [bad] }))] })).toBe('PERMISSION_DENIED');
  }
  // A transaction that only reads does not go through the log.
  expect(said({ success: [op.range(get('a/1'))] })).toBe('txn');
  expect(said({ success: [op.range(get('a/1'))], failure: [op.range(get('b'))] })).toBe('PERMISSION_DENIED');
});

test('whoever cannot write the keys of a lease can neither revoke it nor hang keys on it, nor see them', () => {
  const guarded = new Guarded(1);
  guarded.enable();
  const grant = LeaseGrantRequest.create({ id: 9n, ttlSeconds: 100 });
  guarded.cluster.call(1, { kind: 'leaseGrant', request: grant });
  expect(guarded.said({ kind: 'put', request: put('a/1', 'v', { lease: 9n }), by: ann })).toBe('put');
  expect(guarded.said({ kind: 'put', request: put('secret', 'v', { lease: 9n }), by: root })).toBe('put');
  const hang = put('a/2', 'v', { lease: 9n });
  expect(guarded.said({ kind: 'put', request: hang, by: ann })).toBe('PERMISSION_DENIED');
  expect(guarded.said({ kind: 'txn', request: txn({ success: [op.put(hang)] }), by: ann })).toBe(
    'PERMISSION_DENIED',
  );
  const keys = LeaseTimeToLiveRequest.create({ id: 9n, keys: true });
  expect(guarded.said({ kind: 'leaseTimeToLive', request: keys, by: ann })).toBe('PERMISSION_DENIED');
  expect(guarded.said({ kind: 'leaseTimeToLive', request: { ...keys, keys: false }, by: ann })).toBe(
    'leaseTimeToLive',
  );
  const revoke = LeaseRevokeRequest.create({ id: 9n });
  expect(guarded.said({ kind: 'leaseRevoke', request: revoke, by: ann })).toBe('PERMISSION_DENIED');
  expect(guarded.said({ kind: 'leaseRevoke', request: revoke })).toBe('USER_NAME_EMPTY');
  expect(guarded.said({ kind: 'leaseRevoke', request: revoke, by: root })).toBe('leaseRevoke');
});

test('what was asked for under an earlier auth revision is refused on every member alike (etcd issue 14571)', () => {
  const guarded = new Guarded();
  const leader = guarded.cluster.elect();
  const follower = leader === 1 ? 2 : 1;
  guarded.change({ action: authActions.userAdd, user: 'root' }, undefined);
  guarded.change({ action: authActions.userGrantRole, user: 'root', role: 'root' }, undefined);
  guarded.cluster.quiesce();
  // The follower has not heard that authentication is enabled when it takes these in.
  const enabled = guarded.cluster.send(leader, {
    kind: 'authChange',
    request: { ...authChangeBlank, action: authActions.enable },
  });
  const late = guarded.cluster.send(follower, { kind: 'put', request: put('k', 'nobody') });
  const early = guarded.cluster.send(follower, { kind: 'put', request: put('k', 'root'), by: root });
  guarded.cluster.runUntil(() => [enabled, late, early].every((id) => guarded.cluster.replies.has(id)));
  const wordsOf = (id: number): string => wordOf(present(guarded.cluster.replies.get(id), 'answered'));
  expect([wordsOf(enabled), wordsOf(late), wordsOf(early)]).toEqual([
    'authChange',
    'USER_NAME_EMPTY',
    'AUTH_REVISION_OLD',
  ]);
  guarded.cluster.quiesce();
  const views = [1, 2, 3].map((id) => guarded.cluster.member(id).view);
  expect(new Set(views.map(({ appliedHash }) => appliedHash)).size).toBe(1);
  expect(views.map(({ revision }) => revision)).toEqual([1, 1, 1]);
});

test('a token is known to every member, lives from use to use, and ends with its password or its user', () => {
  const guarded = new Guarded(3, { authTokenTtlUs: 10 * usPerSecond });
  guarded.enable();
  expect(guarded.assignToken('ann', 'digest')).toBe('authChange');
  guarded.cluster.quiesce();
  const read = (member: number): string =>
    guarded.said({ kind: 'range', request: get('a/1'), by: withToken('digest') }, member);
  expect([read(1), read(2), read(3)]).toEqual(['range', 'range', 'range']);
  guarded.cluster.run(6 * usPerSecond);
  expect(read(1)).toBe('range');
  guarded.cluster.run(6 * usPerSecond);
  // Used at one member, and nowhere else meanwhile.
  expect([read(1), read(2)]).toEqual(['range', 'INVALID_AUTH_TOKEN']);
  guarded.change({ action: authActions.userChangePassword, user: 'ann', passwordHash: 'other' });
  expect(read(1)).toBe('INVALID_AUTH_TOKEN');
  const keepAlive = { kind: 'leaseKeepAlive', request: { id: 5n }, by: withToken('digest') } as const;
  expect(guarded.said(keepAlive)).toBe('leaseKeepAlive');
  guarded.assignToken('ann', 'another');
  guarded.change({ action: authActions.userDelete, user: 'ann' });
  expect(guarded.said({ kind: 'range', request: get('a/1'), by: withToken('another') })).toBe(
    'INVALID_AUTH_TOKEN',
  );
});

test('no token is assigned by clients, nor for a password that was looked at under another revision', () => {
  const guarded = new Guarded(1);
  guarded.enable();
  const { revision } = guarded.cluster.member(1).view.auth;
  const assign = { action: authActions.tokenAssign, user: 'ann', tokenDigest: 'd', authRevision: revision };
  expect(guarded.change(assign, root)).toBe('PERMISSION_DENIED');
  expect(guarded.change({ ...assign, authRevision: revision - 1 }, processCredential)).toBe(
    'AUTH_REVISION_OLD',
  );
  const password = AuthQuery.create({ question: authQuestions.password, user: 'ann' });
  expect(guarded.said({ kind: 'authQuery', request: password, by: root })).toBe('PERMISSION_DENIED');
});

test('a proof that names an earlier auth revision is worth nothing any more', () => {
  const guarded = new Guarded(1);
  guarded.enable();
  const { revision } = guarded.cluster.member(1).view.auth;
  const request = get('a/1');
  expect(guarded.said({ kind: 'range', request, by: as('ann', revision) })).toBe('range');
  guarded.change({ action: authActions.roleAdd, role: 'anything' });
  expect(guarded.said({ kind: 'range', request, by: as('ann', revision) })).toBe('AUTH_REVISION_OLD');
});

test('a watch ends when its user may no longer read what it watches, before the next event', () => {
  const guarded = new Guarded();
  guarded.enable();
  const own = guarded.watch({ key: 'a/', rangeEnd: 'a0' }, ann);
  const foreign = guarded.watch({ key: 'b' }, ann);
  const unnamed = guarded.watch({ key: 'a/1' }, nobody);
  const denied = 'cancelled: rpc error: code = PermissionDenied desc = etcdserver: permission denied';
  expect(guarded.heard.get(foreign)).toEqual([denied]);
  expect(guarded.heard.get(unnamed)).toEqual([
    'cancelled: rpc error: code = InvalidArgument desc = etcdserver: user name is empty',
  ]);
  guarded.said({ kind: 'put', request: put('a/1', 'seen'), by: root });
  const seen = guarded.heard.get(own)?.length;
  // All of it in one batch of the log: revoked first, then written.
  const sent = [
    guarded.cluster.send(1, {
      kind: 'authChange',
      request: { ...authChangeBlank, action: authActions.userRevokeRole, user: 'ann', role: 'of a' },
      by: root,
    }),
    guarded.cluster.send(1, { kind: 'put', request: put('a/1', 'secret'), by: processCredential }),
  ];
  guarded.cluster.runUntil(() => sent.every((id) => guarded.cluster.replies.has(id)));
  expect(guarded.heard.get(own)?.slice(seen)).toEqual([denied]);
  expect(guarded.cluster.member(1).view.watches.watches).toBe(0);
});

test('a watch of nobody ends when authentication is enabled', () => {
  const guarded = new Guarded(1);
  const unnamed = guarded.watch({ key: 'a/1' }, nobody);
  guarded.enable();
  guarded.said({ kind: 'put', request: put('a/1', 'secret'), by: root });
  expect(guarded.heard.get(unnamed)?.at(-1)).toMatch(/^cancelled: .*user name is empty$/);
});

test('root stays root while authentication is enabled, and only root enables it', () => {
  const guarded = new Guarded(1);
  expect(guarded.change({ action: authActions.enable }, undefined)).toBe('ROOT_USER_NOT_FOUND');
  guarded.change({ action: authActions.userAdd, user: 'root' }, undefined);
  expect(guarded.change({ action: authActions.enable }, undefined)).toBe('ROOT_ROLE_NOT_GRANTED');
  const other = new Guarded(1);
  other.enable();
  expect(other.change({ action: authActions.userDelete, user: 'root' })).toBe('INVALID_AUTH_MANAGEMENT');
  const revoke = { action: authActions.userRevokeRole, user: 'root', role: 'root' };
  expect(other.change(revoke)).toBe('INVALID_AUTH_MANAGEMENT');
  expect(other.change({ action: authActions.roleDelete, role: 'root' })).toBe('INVALID_AUTH_MANAGEMENT');
  expect(other.change({ action: authActions.disable }, ann)).toBe('PERMISSION_DENIED');
  expect(other.change({ action: authActions.disable })).toBe('authChange');
  expect(other.said({ kind: 'put', request: put('k', 'v') })).toBe('put');
});

test('users, roles and permissions survive a restart, and a snapshot brings them', () => {
  const guarded = new Guarded(3, { trailingEntries: 0 });
  const leader = guarded.cluster.elect();
  const away = leader === 3 ? 2 : 3;
  guarded.cluster.crash(away);
  guarded.enable();
  for (let at = 0; at < 20; at += 1) {
    guarded.said({ kind: 'put', request: put(`a/${at}`, 'v'), by: ann }, leader);
  }
  guarded.cluster.restart(away);
  guarded.cluster.quiesce();
  expect(guarded.cluster.snapshots).toBeGreaterThan(0);
  const { auth, appliedHash } = guarded.cluster.member(leader).view;
  const { view } = guarded.cluster.member(away);
  expect([view.auth.enabled, view.auth.revision, view.appliedHash]).toEqual([
    true,
    auth.revision,
    appliedHash,
  ]);
  expect(guarded.said({ kind: 'put', request: put('b', 'v'), by: ann }, away)).toBe('PERMISSION_DENIED');
  guarded.cluster.crash(leader);
  guarded.cluster.restart(leader);
  expect(guarded.cluster.member(leader).view.auth.enabled).toBe(true);
});

test('a member that was captured knows the same tokens when it is restored', () => {
  const guarded = new Guarded(1);
  guarded.enable();
  guarded.assignToken('ann', 'digest');
  const node = guarded.cluster.node(1);
  const captured = node.member.capture();
  const ports = { store: node.store, segments: node.segments };
  node.member = ChainfireMember.restore(
    ports,
    guarded.cluster.memberConfigOf(1),
    seededPrng('any'),
    captured,
    guarded.cluster.nowUs,
  );
  const request = { kind: 'range', request: get('a/1'), by: withToken('digest') } as const;
  expect(guarded.said(request)).toBe('range');
});
