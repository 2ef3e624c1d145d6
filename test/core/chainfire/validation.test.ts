import { expect, test } from 'vitest';
import { RequestOp, type TxnRequest } from '../../../core/chainfire/api/kv.ts';
import { type MemberRequest } from '../../../core/chainfire/member-protocol.ts';
import { keyBytesMax } from '../../../core/chainfire/mvcc/keys.ts';
import { validate } from '../../../core/chainfire/validation.ts';
import { ask, compare, del, get, op, put, txn, value } from './requests.ts';

const limits = { txnOperationsMax: 128 };
const inTxn = (...success: readonly RequestOp[]): MemberRequest => ask.txn({ success });
const puts = (count: number): readonly RequestOp[] =>
  Array.from({ length: count }, (_, at) => op.put(put(`k${at}`, '')));
const nest = (depth: number): TxnRequest =>
  depth === 0 ? txn({}) : txn({ success: [op.txn(nest(depth - 1))] });

test.each<[string, MemberRequest, string, string | RegExp]>([
  ['no key in a range', ask.get(''), 'EMPTY_KEY', 'etcdserver: key is not provided'],
  ['no key in a put', ask.put('', 'x'), 'EMPTY_KEY', 'etcdserver: key is not provided'],
  ['no key in a delete', ask.del(''), 'EMPTY_KEY', 'etcdserver: key is not provided'],
  [
    'no key in a compare',
    ask.txn({ compare: [compare('', {})] }),
    'EMPTY_KEY',
    'etcdserver: key is not provided',
  ],
  [
    'no key, nested',
    inTxn(op.txn(txn({ failure: [op.put(put('', ''))] }))),
    'EMPTY_KEY',
    'etcdserver: key is not provided',
  ],
  [
    'a value that is to be ignored',
    ask.put('a', 'x', { ignoreValue: true }),
    'VALUE_PROVIDED',
    'etcdserver: value is provided',
  ],
  [
    'a lease that is to be ignored',
    ask.put('a', 'x', { ignoreLease: true, lease: 1n }),
    'LEASE_PROVIDED',
    'etcdserver: lease is provided',
  ],
  [
    'an unknown sort order',
    ask.get('a', { sortOrder: 3 }),
    'INVALID_SORT_OPTION',
    'etcdserver: invalid sort option',
  ],
  [
    'an unknown sort target',
    ask.get('a', { sortTarget: -1 }),
    'INVALID_SORT_OPTION',
    'etcdserver: invalid sort option',
  ],
  [
    'too many operations',
    inTxn(...puts(129)),
    'TOO_MANY_OPERATIONS',
    'etcdserver: too many operations in txn request',
  ],
  [
    'too many compares',
    ask.txn({ compare: Array.from({ length: 129 }, () => compare('a', {})) }),
    'TOO_MANY_OPERATIONS',
    /too many/,
  ],
  [
    'too many operations, nested ones with them',
    inTxn(...puts(127), op.txn(txn({ success: [op.range(get('a'))] }))),
    'TOO_MANY_OPERATIONS',
    /too many/,
  ],
  ['nesting without an end', ask.txn(nest(2_000)), 'TOO_MANY_OPERATIONS', /too many/],
  [
    'a key put twice',
    inTxn(op.put(put('a', '1')), op.put(put('a', '2'))),
    'DUPLICATE_KEY',
    'etcdserver: duplicate key given in txn request',
  ],
  [
    'a key put and deleted on the other branch',
    ask.txn({ failure: [op.put(put('a', '1')), op.del(del('a'))] }),
    'DUPLICATE_KEY',
    /duplicate key/,
  ],
  [
    'a negative revision',
    ask.get('a', { revision: -1 }),
    'NEGATIVE_REVISION',
    /^RangeRequest\.revision is -1; .*not below 0/,
  ],
  [
    'a negative filter',
    ask.get('a', { minCreateRevision: -2 }),
    'NEGATIVE_REVISION',
    /min_create_revision is -2/,
  ],
  ['a negative revision to compact', ask.compact(-1), 'NEGATIVE_REVISION', /^CompactionRequest\.revision/],
  ['a negative revision to hash', ask.hashKv(-1), 'NEGATIVE_REVISION', /^HashKVRequest\.revision/],
  [
    'a negative revision, nested',
    inTxn(op.range(get('a', { revision: -1 }))),
    'NEGATIVE_REVISION',
    /^TxnRequest\.success\[0\]\.revision is -1/,
  ],
  ['a negative limit', ask.get('a', { limit: -5 }), 'NEGATIVE_LIMIT', /^RangeRequest\.limit is -5/],
  [
    'a range that ends before it begins',
    ask.get('b', { rangeEnd: 'a' }),
    'RANGE_BACKWARDS',
    /^RangeRequest\.range_end lies before/,
  ],
  [
    'a delete that ends before it begins',
    ask.del('b', { rangeEnd: 'a' }),
    'RANGE_BACKWARDS',
    /^DeleteRangeRequest\.range_end/,
  ],
  [
    'a compare that ends before it begins',
    ask.txn({ compare: [compare('b', { rangeEnd: 'a' })] }),
    'RANGE_BACKWARDS',
    /compare\[0\]/,
  ],
  [
    'an unknown compare result',
    ask.txn({ compare: [compare('a', { result: 4 })] }),
    'INVALID_COMPARE',
    'TxnRequest.compare[0].result is 4; it is one of 0 (equal), 1 (greater), 2 (less), 3 (notEqual)',
  ],
  [
    'an unknown compare target',
    ask.txn({ compare: [compare('a', { target: 9 })] }),
    'INVALID_COMPARE',
    /target is 9; it is one of 0 \(version\)/,
  ],
  [
    'an operation that is none',
    inTxn(RequestOp.create({})),
    'INVALID_OPERATION',
    /^TxnRequest\.success\[0\] sets 0 of .*exactly one$/,
  ],
  [
    'an operation that is two',
    inTxn({ ...op.put(put('a', '')), requestRange: get('a') }),
    'INVALID_OPERATION',
    /sets 2 of/,
  ],
  [
    'a key that is too long',
    ask.put('k'.repeat(keyBytesMax + 1), ''),
    'KEY_TOO_LONG',
    `PutRequest.key takes 1901 bytes, zero bytes counted twice; at most ${keyBytesMax} are allowed`,
  ],
  ['a key with too many zero bytes', ask.put('\x00'.repeat(951), ''), 'KEY_TOO_LONG', /takes 1902 bytes/],
])('refused: %s', (_, request, code, message) => {
  const refusal = validate(request, limits);
  expect(refusal).toMatchObject({ kind: 'refused', code });
  if (typeof message === 'string') expect(refusal?.message).toBe(message);
  else expect(refusal?.message).toMatch(message);
});

test.each<[string, MemberRequest]>([
  ['everything', ask.all()],
  ['a prefix', ask.get('a', { rangeEnd: 'b' })],
  ['a range that ends where it begins', ask.get('a', { rangeEnd: 'a' })],
  ['everything from a key on', ask.get('b', { rangeEnd: '\x00' })],
  ['a lookup of a key that is too long to be there', ask.get('k'.repeat(5_000))],
  ['the longest key', ask.put('k'.repeat(keyBytesMax), '')],
  ['an empty value', ask.put('a', '')],
  ['a put that keeps what is there', ask.put('a', '', { ignoreValue: true, ignoreLease: true })],
  ['as many operations as may be', ask.txn({ success: puts(128), failure: puts(128) })],
  ['as deep as may be', ask.txn(nest(128))],
  [
    'a compare of every kind',
    ask.txn({ compare: [0, 1, 2, 3, 4].map((target) => compare('a', { target, value: value('x') })) }),
  ],
  ['status', ask.status],
  ['hash', ask.hash],
])('let through: %s', (_, request) => {
  expect(validate(request, limits)).toBeUndefined();
});
