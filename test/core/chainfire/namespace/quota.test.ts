import { expect, test } from 'vitest';
import { Machine } from '../machine.ts';
import { compare, del, op, put, txn } from '../requests.ts';
import { doing, outcome, usageOf } from './scene.ts';

function exceeded(name: string, measure: string, limit: number, used: number, added: number): string {
  return `etcdserver: namespace ${name}: quota of ${measure} exceeded (limit ${limit}, used ${used}, the request adds ${added})`;
}

function withNamespaces(...definitions: Parameters<typeof doing.define>[]): Machine {
  const machine = new Machine();
  for (const definition of definitions) expect(outcome(machine, doing.define(...definition))).toBe('ok');
  return machine;
}

test('the limit of keys is reached in one namespace; the others go on, and what is deleted makes room', () => {
  const machine = withNamespaces(['a', 'a/', { keys: 2 }], ['b', 'b/', { keys: 2 }]);
  machine.doAll([doing.put('a/1', ''), doing.put('a/2', ''), doing.put('b/1', '')]);
  const { revision } = machine.mvcc;
  expect(outcome(machine, doing.put('a/3', ''))).toBe(exceeded('a', 'keys', 2, 2, 1));
  expect(machine.mvcc.revision).toBe(revision);
  expect(outcome(machine, doing.put('a/2', 'overwritten'))).toBe('ok');
  expect(outcome(machine, doing.put('b/2', ''))).toBe('ok');
  expect(outcome(machine, doing.put('elsewhere', ''))).toBe('ok');
  expect(outcome(machine, doing.del('a/1'))).toBe('ok');
  expect(outcome(machine, doing.put('a/3', ''))).toBe('ok');
  expect(usageOf(machine, 'a')).toEqual({ keys: 2, bytes: 3 + 3 + 'overwritten'.length, leases: 0 });
});

test('bytes are those of live keys and values: neither versions nor records count', () => {
  const machine = withNamespaces(['a', 'a/', { bytes: 10 }]);
  for (let times = 0; times < 5; times += 1) expect(outcome(machine, doing.put('a/1', '1234567'))).toBe('ok');
  expect(usageOf(machine, 'a')).toEqual({ keys: 1, bytes: 10, leases: 0 });
  expect(outcome(machine, doing.put('a/1', '12345678'))).toBe(exceeded('a', 'bytes', 10, 10, 1));
  expect(outcome(machine, doing.put('a/2', ''))).toBe(exceeded('a', 'bytes', 10, 10, 3));
});

test('a limit set below what there is refuses growth alone: shrinking and deleting go on', () => {
  const machine = withNamespaces(['a', 'a/', {}]);
  machine.doAll([doing.put('a/1', '12345'), doing.put('a/2', '12345'), doing.put('a/3', '12345')]);
  expect(outcome(machine, doing.define('a', '', { keys: 1, bytes: 5 }))).toBe('ok');
  expect(outcome(machine, doing.put('a/1', '123456'))).toBe(exceeded('a', 'bytes', 5, 24, 1));
  expect(outcome(machine, doing.put('a/1', '54321'))).toBe('ok');
  expect(outcome(machine, doing.put('a/1', '1'))).toBe('ok');
  expect(outcome(machine, doing.del('a/', { rangeEnd: 'a0' }))).toBe('ok');
  expect(usageOf(machine, 'a')).toEqual({ keys: 0, bytes: 0, leases: 0 });
});

test('a transaction is judged by the difference that it makes, and nothing of a refused one is done', () => {
  const machine = withNamespaces(['a', 'a/', { keys: 2 }], ['b', 'b/', { keys: 1 }]);
  machine.doAll([doing.put('a/1', ''), doing.put('a/2', '')]);
  const { revision } = machine.mvcc;
  const both = doing.txn(op.put(put('b/1', '')), op.put(put('a/3', '')));
  expect(outcome(machine, both)).toBe(exceeded('a', 'keys', 2, 2, 1));
  expect([machine.mvcc.revision, machine.mvcc.row('b/1')]).toEqual([revision, undefined]);
  expect(outcome(machine, doing.txn(op.del(del('a/1')), op.put(put('a/3', ''))))).toBe('ok');
  expect(usageOf(machine, 'a')?.['keys']).toBe(2);
  // Twice deleted is gone once; what goes elsewhere makes no room here.
  const overlapping = [op.del(del('a/2')), op.del(del('a/', { rangeEnd: 'a/3' }))];
  expect(outcome(machine, doing.txn(...overlapping, op.put(put('a/4', '')), op.put(put('a/5', ''))))).toBe(
    exceeded('a', 'keys', 2, 2, 1),
  );
  machine.do(doing.put('b/1', ''));
  expect(outcome(machine, doing.txn(op.del(del('b/1')), op.put(put('a/4', ''))))).toBe(
    exceeded('a', 'keys', 2, 2, 1),
  );
});

test('only the branches that a transaction takes are judged', () => {
  const machine = withNamespaces(['a', 'a/', { keys: 1 }]);
  machine.do(doing.put('a/1', ''));
  const nested = op.txn(
    txn({ compare: [compare('a/1', { target: 0, version: 7 })], success: [op.put(put('a/2', ''))] }),
  );
  expect(outcome(machine, doing.txn(nested))).toBe('ok');
  const taken = op.txn(txn({ success: [op.put(put('a/2', ''))] }));
  expect(outcome(machine, doing.txn(taken))).toBe(exceeded('a', 'keys', 1, 1, 1));
});

test('what a put keeps of its key adds nothing', () => {
  const machine = withNamespaces(['a', 'a/', { bytes: 8, leases: 1 }]);
  machine.doAll([doing.grant(5n), doing.put('a/1', '12345', { lease: 5n })]);
  expect(outcome(machine, doing.put('a/1', '', { ignoreValue: true, lease: 5n }))).toBe('ok');
  expect(outcome(machine, doing.put('a/1', '54321', { ignoreLease: true }))).toBe('ok');
  expect(usageOf(machine, 'a')).toEqual({ bytes: 8, keys: 1, leases: 1 });
  expect(outcome(machine, doing.put('a/2', '', { ignoreValue: true }))).toBe('etcdserver: key not found');
});

test('a lease counts wherever it has keys, once, however many they are', () => {
  const machine = withNamespaces(['a', 'a/', { leases: 1 }], ['b', 'b/', { leases: 1 }]);
  machine.doAll([doing.grant(1n), doing.grant(2n)]);
  expect(outcome(machine, doing.put('a/1', '', { lease: 1n }))).toBe('ok');
  expect(outcome(machine, doing.put('a/2', '', { lease: 1n }))).toBe('ok');
  expect(outcome(machine, doing.put('b/1', '', { lease: 1n }))).toBe('ok');
  expect(outcome(machine, doing.put('a/3', '', { lease: 2n }))).toBe(exceeded('a', 'leases', 1, 1, 1));
  // The last key that leaves one lease for another makes room for it.
  expect(outcome(machine, doing.del('a/2'))).toBe('ok');
  expect(outcome(machine, doing.put('a/1', '', { lease: 2n }))).toBe('ok');
  expect([usageOf(machine, 'a')?.['leases'], usageOf(machine, 'b')?.['leases']]).toEqual([1, 1]);
  expect(outcome(machine, doing.revoke(2n))).toBe('ok');
  expect(usageOf(machine, 'a')).toEqual({ bytes: 0, keys: 0, leases: 0 });
  expect(outcome(machine, doing.put('a/1', '', { lease: 1n }))).toBe('ok');
});

test('leases that end give back what their keys took', () => {
  const machine = withNamespaces(['a', 'a/', { keys: 2 }]);
  machine.doAll([
    doing.grant(1n),
    doing.put('a/1', 'x', { lease: 1n }),
    doing.put('a/2', 'x', { lease: 1n }),
  ]);
  machine.doAll([{ kind: 'leaseExpire', request: { ids: [1n], term: 1, appliedIndex: machine.log.length } }]);
  expect(usageOf(machine, 'a')).toEqual({ bytes: 0, keys: 0, leases: 0 });
});

test('what is wrong with a request itself is said before what it would exceed', () => {
  const machine = withNamespaces(['a', 'a/', { keys: 1 }]);
  machine.do(doing.put('a/1', ''));
  expect(outcome(machine, doing.put('a/2', '', { lease: 9n }))).toBe('etcdserver: requested lease not found');
});
