import { expect, test } from 'vitest';
import { namespaceLeaseTable, namespaceTable } from '../../../../core/chainfire/namespace/keys.ts';
import { Machine } from '../machine.ts';
import { countedOf, doing, finishTurns, outcome, usageOf } from './scene.ts';

test('a name is one namespace: other limits are set, another prefix is refused', () => {
  const machine = new Machine();
  expect(outcome(machine, doing.define('a', ''))).toBe(
    'etcdserver: namespace a is not there yet, and needs a prefix of one byte or more',
  );
  expect(outcome(machine, doing.define('a', 'a/', { keys: 1 }))).toBe('ok');
  expect(outcome(machine, doing.define('a', 'a/', { bytes: 5 }))).toBe('ok');
  expect(machine.namespaces.named('a')?.limits).toEqual({ bytes: 5, keys: 0, leases: 0, watches: 0 });
  expect(outcome(machine, doing.define('a', 'b/'))).toBe(
    'etcdserver: namespace a is there, with the prefix "a/": a prefix does not change; remove the namespace and define it anew',
  );
  expect(outcome(machine, doing.remove('b'))).toBe('etcdserver: namespace "b" not found');
});

test.each([
  ['the same prefix', 'a/'],
  ['a longer one', 'a/b'],
  ['a shorter one', 'a'],
])('a key is in one namespace at most: %s is refused', (_, prefix) => {
  const machine = new Machine();
  machine.do(doing.define('first', 'a/'));
  expect(outcome(machine, doing.define('second', prefix))).toBe(
    `etcdserver: the prefix ${JSON.stringify(prefix)} of namespace second overlaps "a/" of namespace first: a key is in one namespace at most`,
  );
  expect(outcome(machine, doing.define('beside', 'a0'))).toBe('ok');
});

test('keys that are there already are counted, a few at once and more in turns, while others come and go', () => {
  const machine = new Machine(undefined, undefined, { rows: 3, bytes: 1_000 });
  machine.do(doing.grant(1n));
  for (let at = 0; at < 8; at += 1)
    machine.do(doing.put(`a/${at}`, 'value', { lease: at % 2 === 0 ? 1n : 0n }));
  machine.do(doing.define('a', 'a/', { keys: 8 }));
  expect(usageOf(machine, 'a')).toEqual({ keys: 3, bytes: 24, leases: 1, countedTo: 'a/3' });
  // On both sides of the place that has been reached.
  machine.doAll([doing.put('a/1', ''), doing.del('a/2'), doing.put('a/6', 'longer value'), doing.del('a/7')]);
  expect(usageOf(machine, 'a')).toEqual({ keys: 2, bytes: 11, leases: 1, countedTo: 'a/3' });
  expect(finishTurns(machine)).toBe(2);
  expect(usageOf(machine, 'a')).toEqual(countedOf(machine, 'a/'));
  machine.doAll([doing.put('a/7', ''), doing.put('a/8', '')]);
  expect(outcome(machine, doing.put('a/9', ''))).toContain('quota of keys exceeded (limit 8, used 8,');
});

test('a turn ends with the bytes that it has looked at, too', () => {
  const machine = new Machine(undefined, undefined, { rows: 100, bytes: 50 });
  for (let at = 0; at < 4; at += 1) machine.do(doing.put(`a/${at}`, 'x'.repeat(60)));
  machine.do(doing.define('a', 'a/'));
  expect(usageOf(machine, 'a')).toMatchObject({ keys: 1, countedTo: 'a/1' });
  expect(finishTurns(machine)).toBe(3);
});

test('a turn that is late, or comes twice, does nothing', () => {
  const machine = new Machine(undefined, undefined, { rows: 1, bytes: 1_000 });
  machine.doAll([doing.put('a/1', ''), doing.put('a/2', ''), doing.put('a/3', ''), doing.define('a', 'a/')]);
  const request = machine.namespaces.nextTurn ?? { id: 0, from: '' };
  machine.doAll([
    { kind: 'namespaceTurn', request },
    { kind: 'namespaceTurn', request },
    { kind: 'namespaceTurn', request: { id: 77, from: '' } },
  ]);
  expect(usageOf(machine, 'a')).toMatchObject({ keys: 2, countedTo: 'a/3' });
});

test('a namespace that is removed leaves nothing behind, in turns where it has many leases', () => {
  const machine = new Machine(undefined, undefined, { rows: 2, bytes: 1_000 });
  machine.do(doing.define('a', 'a/', { keys: 5 }));
  for (let at = 1; at <= 5; at += 1) {
    machine.doAll([doing.grant(BigInt(at)), doing.put(`a/${at}`, '', { lease: BigInt(at) })]);
  }
  expect(outcome(machine, doing.remove('a'))).toBe('ok');
  expect(outcome(machine, doing.put('a/6', ''))).toBe('ok');
  // Before the old one is cleared away; the one has nothing to do with the other.
  machine.doAll([doing.define('a', 'a/1'), doing.del('a/1')]);
  expect(usageOf(machine, 'a')).toEqual({ keys: 0, bytes: 0, leases: 0 });
  expect(finishTurns(machine)).toBe(2);
  expect([machine.rows(namespaceLeaseTable), machine.rows(namespaceTable).length]).toEqual([[], 1]);
});

test('everything is in the store: a restart and a replay behind it find the same', () => {
  const machine = new Machine(undefined, undefined, { rows: 2, bytes: 1_000 });
  for (let at = 0; at < 5; at += 1) machine.do(doing.put(`a/${at}`, 'value'));
  machine.doAll([doing.define('a', 'a/', { keys: 7 }), doing.grant(1n), doing.put('a/0', '', { lease: 1n })]);
  const before = usageOf(machine, 'a');
  machine.restart();
  expect([usageOf(machine, 'a'), machine.namespaces.named('a')?.limits.keys]).toEqual([before, 7]);
  finishTurns(machine);
  machine.restart();
  expect(usageOf(machine, 'a')).toEqual(countedOf(machine, 'a/'));
  expect(machine.namespaces.nextTurn).toBeUndefined();
});
