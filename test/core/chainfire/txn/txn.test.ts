import { expect, test } from 'vitest';
import { type Compare, type TxnRequest, type TxnResponse } from '../../../../core/chainfire/api/kv.ts';
import { type MemberResponse } from '../../../../core/chainfire/member-protocol.ts';
import { Machine } from '../machine.ts';
import { all, ask, compare, del, get, line, op, put, txn, value } from '../requests.ts';

type Written = Parameters<Machine['do']>[0];

function machineWith(...keys: readonly string[]): Machine {
  const machine = new Machine();
  for (const key of keys) machine.do(ask.put(key, 'x') as Written);
  return machine;
}

function run(machine: Machine, request: Partial<TxnRequest>): TxnResponse {
  const response = machine.do({ kind: 'txn', request: txn(request) });
  expect(response.kind).toBe('txn');
  return (response as Extract<MemberResponse, { kind: 'txn' }>).response;
}

const results = { equal: 0, greater: 1, less: 2, notEqual: 3 };

test.each<[string, Partial<Compare>, boolean]>([
  ['version 0 means absent', { target: 0, version: 0 }, true],
  ['create_revision 0 means absent', { target: 1, createRevision: 0 }, true],
  ['mod_revision 0 means absent', { target: 2, modRevision: 0 }, true],
  ['an operand that is not given is zero', { target: 0 }, true],
  ['lease 0 means absent', { target: 4, lease: 0n }, true],
  ['an empty value does not equal none', { target: 3, value: value('') }, false],
  ['no value differs from none either', { target: 3, value: value('x'), result: results.notEqual }, false],
  ['an absent key has no version above 0', { target: 0, version: 0, result: results.greater }, false],
  ['an absent key has a version below 1', { target: 0, version: 1, result: results.less }, true],
])('comparing a key that is not there: %s (as in etcd)', (_, fields, succeeded) => {
  expect(run(machineWith('a'), { compare: [compare('nothing', fields)] }).succeeded).toBe(succeeded);
});

test('a compare of a range holds when it holds for every key in it', () => {
  const machine = machineWith('a', 'b', 'c');
  const version = (more: Partial<Compare>): boolean =>
    run(machine, { compare: [compare('a', { rangeEnd: 'd', target: 0, ...more })] }).succeeded;
  expect(version({ version: 1 })).toBe(true);
  machine.do(ask.put('b', 'y') as Written);
  expect(version({ version: 1 })).toBe(false);
  expect(version({ version: 0, result: results.greater })).toBe(true);
});

test('lease ids compare as signed numbers', () => {
  const compared = { target: 4, lease: 0xffff_ffff_ffff_ffffn, result: results.greater };
  expect(run(machineWith('a'), { compare: [compare('a', compared)] }).succeeded).toBe(true);
});

test('a range inside a transaction sees what the transaction has written so far, whatever kind of range', () => {
  const machine = machineWith('a', 'b');
  const { header, responses } = run(machine, {
    success: [
      op.range(all()),
      op.put(put('c', 'new')),
      op.del(del('a')),
      op.range(all()),
      op.range(all({ sortOrder: 2 })),
      op.range(get('a')),
      op.range(all({ revision: 3 })),
    ],
  });
  const ranges = responses.map(({ responseRange }) => responseRange?.kvs.map(line));
  expect(ranges).toEqual([
    ['a=x c2 m2 v1', 'b=x c3 m3 v1'],
    undefined,
    undefined,
    ['b=x c3 m3 v1', 'c=new c4 m4 v1'],
    ['c=new c4 m4 v1', 'b=x c3 m3 v1'],
    [],
    ['a=x c2 m2 v1', 'b=x c3 m3 v1'],
  ]);
  expect(header?.revision).toBe(4);
  expect(responses[0]?.responseRange?.header?.revision).toBe(3);
  expect(responses[3]?.responseRange?.header?.revision).toBe(4);
});

test('every compare is evaluated before anything is written, the nested ones too (etcd: compareToPath)', () => {
  const nested = txn({ compare: [compare('a', { target: 0, version: 0 })], success: [op.range(get('a'))] });
  const { responses } = run(machineWith(), { success: [op.put(put('a', '1')), op.txn(nested)] });
  expect(responses[1]?.responseTxn?.succeeded).toBe(true);
  expect(responses[1]?.responseTxn?.responses[0]?.responseRange?.kvs.map(line)).toEqual(['a=1 c2 m2 v1']);
});

test('nested transactions choose each for themselves, at one revision', () => {
  const machine = machineWith('a');
  const branch = (key: string, exists: boolean): TxnRequest =>
    txn({
      compare: [compare(key, { target: 0, version: 0, result: exists ? results.greater : results.equal })],
      success: [op.put(put(`${key}-yes`, '1'))],
      failure: [op.put(put(`${key}-no`, '1'))],
    });
  const { responses, header } = run(machine, {
    success: [op.txn(branch('a', false)), op.txn(branch('b', false)), op.txn(branch('a2', true))],
  });
  expect(responses.map(({ responseTxn }) => responseTxn?.succeeded)).toEqual([false, true, false]);
  expect(header?.revision).toBe(3);
  expect(
    run(machine, { success: [op.range(all({ keysOnly: true }))] }).responses[0]?.responseRange?.kvs.map(line),
  ).toEqual(['a= c2 m2 v1', 'a-no= c3 m3 v1', 'a2-no= c3 m3 v1', 'b-yes= c3 m3 v1']);
});

test('a transaction that writes nothing is no revision', () => {
  const machine = machineWith('a');
  expect(run(machine, { success: [op.del(del('nothing')), op.range(all())] }).header?.revision).toBe(2);
  expect(machine.mvcc.revision).toBe(2);
});

test('prev_kv is what the transaction replaced', () => {
  const { responses } = run(machineWith('a', 'b'), {
    success: [op.put(put('a', 'y', { prevKv: true })), op.del(del('b', { prevKv: true }))],
  });
  expect(line(responses[0]?.responsePut?.prevKv as never)).toBe('a=x c2 m2 v1');
  expect(responses[1]?.responseDeleteRange).toMatchObject({
    deleted: 1,
    prevKvs: [{ key: 'b', modRevision: 3 }],
  });
});

test('a put that keeps the value changes everything else', () => {
  const machine = machineWith('a');
  machine.do(ask.put('a', '', { ignoreValue: true, ignoreLease: true }) as Written);
  expect(line(machine.mvcc.get('a') as never)).toBe('a=x c2 m3 v2');
});

test.each<[string, Partial<TxnRequest>, string]>([
  [
    'a compacted range',
    { success: [op.put(put('z', '1')), op.range(get('a', { revision: 2 }))] },
    'COMPACTED',
  ],
  [
    'a future range',
    { success: [op.put(put('z', '1')), op.range(get('a', { revision: 9 }))] },
    'FUTURE_REVISION',
  ],
  [
    'its own revision to be',
    { success: [op.put(put('z', '1')), op.range(get('a', { revision: 5 }))] },
    'FUTURE_REVISION',
  ],
  [
    'a missing key to keep',
    { success: [op.put(put('z', '1')), op.put(put('y', '', { ignoreValue: true }))] },
    'KEY_NOT_FOUND',
  ],
  [
    'a lease that does not exist',
    { success: [op.put(put('z', '1')), op.put(put('a', '1', { lease: 3n }))] },
    'LEASE_NOT_FOUND',
  ],
  [
    'any of it in a nested transaction',
    { success: [op.put(put('z', '1')), op.txn(txn({ success: [op.range(get('a', { revision: 2 }))] }))] },
    'COMPACTED',
  ],
])('a transaction that is refused for %s has changed nothing (etcd 18667)', (_, request, code) => {
  const machine = machineWith('a', 'b', 'c');
  machine.do(ask.compact(3) as Written);
  const rows = ['current', 'history', 'index'].map((table) => machine.rows(table));
  expect(machine.do({ kind: 'txn', request: txn(request) })).toMatchObject({ kind: 'refused', code });
  expect(['current', 'history', 'index'].map((table) => machine.rows(table))).toEqual(rows);
  expect(machine.mvcc.revision).toBe(4);
});

test('what would be refused on the branch not taken does not matter', () => {
  const failure = [op.range(get('a', { revision: 99 }))];
  expect(run(machineWith('a'), { success: [], failure }).succeeded).toBe(true);
});
