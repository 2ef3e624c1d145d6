import { expect, test } from 'vitest';
import { type RequestOp } from '../../../../core/chainfire/api/kv.ts';
import { KeySet } from '../../../../core/chainfire/txn/key-set.ts';
import { changesKeyTwice } from '../../../../core/chainfire/txn/overlap.ts';
import { del, get, op, put, txn } from '../requests.ts';

const both = (success: readonly RequestOp[], failure: readonly RequestOp[] = []): RequestOp =>
  op.txn(txn({ success, failure }));

test.each<[string, readonly RequestOp[], boolean]>([
  ['two puts of a key', [op.put(put('a', '1')), op.put(put('a', '2'))], true],
  ['puts of two keys', [op.put(put('a', '1')), op.put(put('b', '2'))], false],
  ['a put, and a delete of it', [op.put(put('a', '1')), op.del(del('a'))], true],
  [
    'a delete of a range, and a put inside',
    [op.del(del('a', { rangeEnd: 'c' })), op.put(put('b', '1'))],
    true,
  ],
  [
    'a delete of a range, and a put at its end',
    [op.del(del('a', { rangeEnd: 'c' })), op.put(put('c', '1'))],
    false,
  ],
  [
    'a delete without an end, and a put behind',
    [op.del(del('a', { rangeEnd: '\x00' })), op.put(put('z', '1'))],
    true,
  ],
  [
    'a delete without an end, and a put before',
    [op.del(del('b', { rangeEnd: '\x00' })), op.put(put('a', '1'))],
    false,
  ],
  ['two deletes of a key', [op.del(del('a')), op.del(del('a', { rangeEnd: 'b' }))], false],
  ['a put, and a read of it', [op.put(put('a', '1')), op.range(get('a'))], false],
  [
    'a put here and in a nested transaction',
    [op.put(put('a', '1')), both([], [op.put(put('a', '1'))])],
    true,
  ],
  [
    'a put in the two branches of a nested transaction',
    [both([op.put(put('a', '1'))], [op.put(put('a', '2'))])],
    false,
  ],
  ['a put and a delete in the two branches', [both([op.put(put('a', '1'))], [op.del(del('a'))])], false],
  [
    'puts in two nested transactions',
    [both([op.put(put('a', '1'))]), both([], [op.put(put('a', '2'))])],
    true,
  ],
  [
    'a put in a nested transaction, then a delete in another',
    [both([op.put(put('a', '1'))]), both([op.del(del('a'))])],
    true,
  ],
  [
    'a delete in a nested transaction, then a put in another',
    [both([op.del(del('a'))]), both([op.put(put('a', '1'))])],
    true,
  ],
  ['a put here, a delete in a nested transaction', [op.put(put('a', '1')), both([op.del(del('a'))])], true],
  ['a delete here, a put two levels down', [op.del(del('a')), both([both([op.put(put('a', '1'))])])], true],
])('a key changes at most once in a transaction: %s', (_, operations, refused) => {
  expect(changesKeyTwice(operations)).toBe(refused);
});

test('thousands of puts and deletes are compared in a moment', () => {
  const puts = Array.from({ length: 100 }, (_, at) =>
    both(Array.from({ length: 100 }, (__, sub) => op.put(put(`p${at}-${sub}`, '')))),
  );
  const dels = Array.from({ length: 20 }, (_, at) =>
    both(Array.from({ length: 100 }, (__, sub) => op.del(del(`d${at}-${sub}`)))),
  );
  // Of this thread alone: how busy the machine is has no say in it.
  const before = process.threadCpuUsage();
  expect(changesKeyTwice([...puts, ...dels])).toBe(false);
  const { user, system } = process.threadCpuUsage(before);
  expect(user + system).toBeLessThan(2_000_000);
});

test('ranges join where they overlap or touch', () => {
  const set = new KeySet([
    { from: 'm', to: undefined },
    { from: 'a', to: 'c' },
    { from: 'c', to: 'd' },
    { from: 'x', to: 'y' },
    { from: 'f', to: 'f' },
  ]);
  expect(set.ranges).toEqual([
    { from: 'a', to: 'd' },
    { from: 'm', to: undefined },
  ]);
  expect(['a', 'cz', 'd', 'f', 'm', 'zz'].map((key) => set.has(key))).toEqual([
    true,
    true,
    false,
    false,
    true,
    true,
  ]);
});
