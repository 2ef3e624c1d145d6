import { expect, test } from 'vitest';
import { type RangeRequest, type RangeResponse } from '../../../../core/chainfire/api/kv.ts';
import { checkRevision, evaluateRange } from '../../../../core/chainfire/mvcc/range.ts';
import { Machine } from '../machine.ts';
import { all, ask, del, get, line, op, put, txn } from '../requests.ts';

type Written = Parameters<Machine['do']>[0];
const write = (machine: Machine, request: unknown): ReturnType<Machine['do']> =>
  machine.do(request as Written);

function read(machine: Machine, request: RangeRequest): RangeResponse {
  expect(checkRevision(machine.mvcc, request.revision)).toBeUndefined();
  return evaluateRange(machine.mvcc, request);
}

const lines = (machine: Machine, request: RangeRequest): readonly string[] =>
  read(machine, request).kvs.map(line);

test('a new store is at revision 1, and its first change is revision 2 (as in etcd)', () => {
  const machine = new Machine();
  expect(read(machine, get('a')).header?.revision).toBe(1);
  expect(write(machine, ask.put('a', 'x'))).toEqual({
    kind: 'put',
    response: { header: { clusterId: 0n, memberId: 0n, revision: 2, raftTerm: 0 }, prevKv: undefined },
  });
  expect(lines(machine, get('a'))).toEqual(['a=x c2 m2 v1']);
});

test('a version counts the changes of a key since it was created, and begins again after its deletion', () => {
  const machine = new Machine();
  write(machine, ask.put('a', '1'));
  write(machine, ask.put('a', '2'));
  expect(lines(machine, get('a'))).toEqual(['a=2 c2 m3 v2']);
  write(machine, ask.del('a'));
  expect(lines(machine, get('a'))).toEqual([]);
  write(machine, ask.put('a', '3'));
  expect(lines(machine, get('a'))).toEqual(['a=3 c5 m5 v1']);
});

test('a deletion that finds nothing is no revision', () => {
  const machine = new Machine();
  expect(write(machine, ask.del('a'))).toMatchObject({ response: { deleted: 0, header: { revision: 1 } } });
  expect(machine.mvcc.revision).toBe(1);
});

test('every earlier revision can be read until it is compacted; the compacted one itself still can', () => {
  const machine = new Machine();
  for (const text of ['1', '2', '3']) write(machine, ask.put('a', text));
  write(machine, ask.del('a'));
  const seen = [2, 3, 4, 5].map((revision) => lines(machine, get('a', { revision })));
  expect(seen).toEqual([['a=1 c2 m2 v1'], ['a=2 c2 m3 v2'], ['a=3 c2 m4 v3'], []]);
  expect(checkRevision(machine.mvcc, 6)).toBe('FUTURE_REVISION');
  write(machine, ask.compact(4));
  while (machine.free(100));
  expect(checkRevision(machine.mvcc, 3)).toBe('COMPACTED');
  expect(lines(machine, get('a', { revision: 4 }))).toEqual(['a=3 c2 m4 v3']);
  expect(read(machine, get('a', { revision: 4 })).header?.revision).toBe(5);
});

test('compaction goes forward and into the past only', () => {
  const machine = new Machine();
  write(machine, ask.put('a', '1'));
  expect(write(machine, ask.compact(0))).toMatchObject({ code: 'COMPACTED' });
  expect(write(machine, ask.compact(3))).toMatchObject({
    code: 'FUTURE_REVISION',
    message: 'etcdserver: mvcc: required revision is a future revision',
  });
  expect(write(machine, ask.compact(2))).toMatchObject({
    kind: 'compact',
    response: { header: { revision: 2 } },
  });
  expect(write(machine, ask.compact(2))).toMatchObject({
    code: 'COMPACTED',
    message: 'etcdserver: mvcc: required revision has been compacted',
  });
});

test('a tombstone at the compacted revision stays for a watch that begins there, and goes with the next compaction (etcd 18089, 19179)', () => {
  const machine = new Machine();
  write(machine, ask.put('a', '1'));
  write(machine, ask.del('a'));
  write(machine, ask.put('b', '1'));
  write(machine, ask.compact(3));
  while (machine.free(100));
  expect(machine.rows('history').length).toBe(2);
  write(machine, ask.compact(4));
  while (machine.free(100));
  expect(machine.rows('history').length).toBe(1);
  expect(machine.rows('index').length).toBe(1);
});

test('freeing goes on where it was when the process stops between two turns', () => {
  const machine = new Machine();
  for (let at = 0; at < 20; at += 1) write(machine, ask.put(`k${at % 3}`, `${at}`));
  write(machine, ask.compact(15));
  machine.free(4);
  const rows = machine.rows('history').length;
  machine.restart();
  expect(machine.rows('history').length).toBe(rows);
  while (machine.free(4));
  // Revisions 15 to 21, and what the two other keys were before.
  expect(machine.rows('history').length).toBe(9);
});

test('a turn of freeing looks at no more records than it is told', () => {
  const machine = new Machine();
  for (let at = 0; at < 20; at += 1) write(machine, ask.put('k', `${at}`));
  write(machine, ask.compact(21));
  machine.free(5);
  // The first of the five has no predecessor.
  expect(machine.rows('history').length).toBe(16);
});

test('members agree on hashKv whatever they have freed, and disagree when a record differs', () => {
  const machines = [new Machine(), new Machine(), new Machine()];
  for (const [at, machine] of machines.entries()) {
    write(machine, ask.put('a', '1'));
    write(machine, ask.put('b', '1'));
    write(machine, ask.put('a', '2'));
    write(machine, ask.del('b'));
    write(machine, ask.put('c', at === 2 ? 'other' : '1'));
    write(machine, ask.compact(4));
    machine.free(at === 0 ? 1 : 100);
  }
  const [first, second, third] = machines.map((machine) => machine.hashKv());
  expect(first).toBe(second);
  expect(third).not.toBe(second);
  expect(machines.map((machine) => machine.hashKv(5))).toEqual(machines.map(() => machines[0]?.hashKv(5)));
});

test('count is that of the whole range, whatever limit and filters leave (as in etcd)', () => {
  const machine = new Machine();
  for (const key of ['a', 'b', 'c', 'd']) write(machine, ask.put(key, key));
  expect(read(machine, all({ limit: 2 }))).toMatchObject({ count: 4, more: true });
  expect(read(machine, all({ limit: 4 }))).toMatchObject({ count: 4, more: false });
  const filtered = read(machine, all({ minModRevision: 3, limit: 2 }));
  expect(filtered.kvs.map(line)).toEqual(['b=b c3 m3 v1', 'c=c c4 m4 v1']);
  expect(filtered).toMatchObject({ count: 4, more: true });
  expect(read(machine, all({ countOnly: true, limit: 1 }))).toMatchObject({ kvs: [], count: 4, more: false });
});

test('what a limit cuts off is counted, both ways, in the store and in what a transaction has just written', () => {
  const machine = new Machine();
  for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) write(machine, ask.put(key, 'x'));
  const ranges = [0, 1, 2].flatMap((sortOrder) =>
    [0, 1, 2, 3, 5, 6, 7].flatMap((limit) => [
      get('b', { rangeEnd: 'g', sortOrder, limit }),
      get('b', { rangeEnd: 'g', sortOrder, limit, minModRevision: 4 }),
      get('b', { rangeEnd: 'g', sortOrder, limit, countOnly: true }),
    ]),
  );
  for (const range of ranges) expect(read(machine, range).count).toBe(5);
  // Of b … f: c and e are gone, dd and ff have come, d was there and is there again.
  const writes = [
    op.del(del('c')),
    op.del(del('e')),
    op.put(put('d', 'y')),
    op.put(put('dd', 'y')),
    op.put(put('ff', 'y')),
  ];
  const response = write(machine, ask.txn({ success: [...writes, ...ranges.map(op.range)] }));
  const responses = response.kind === 'txn' ? response.response.responses.slice(writes.length) : [];
  expect(responses.map(({ responseRange }) => responseRange?.count)).toEqual(ranges.map(() => 5));
  expect(read(machine, get('b', { rangeEnd: 'g', countOnly: true })).count).toBe(5);
  write(machine, ask.del('b'));
  for (const range of ranges) expect(read(machine, range).count).toBe(4);
});

test('a sort target without an order sorts ascending, and sorting comes before the limit', () => {
  const machine = new Machine();
  for (const key of ['c', 'a', 'b']) write(machine, ask.put(key, key));
  const keys = (more: Partial<RangeRequest>): string =>
    read(machine, all(more))
      .kvs.map(({ key }) => key)
      .join('');
  expect(keys({ sortTarget: 3 })).toBe('cab');
  expect(keys({ sortTarget: 3, sortOrder: 2, limit: 2 })).toBe('ba');
  expect(keys({ sortTarget: 0, sortOrder: 2, limit: 2 })).toBe('cb');
});

test('a sorted range with a limit gives the same as without, cut, also where it is far larger than the limit', () => {
  const machine = new Machine();
  const requests = Array.from({ length: 3_000 }, (_, at) =>
    ask.put(`k${(at * 7_919) % 3_000}`, `${at % 50}`),
  );
  machine.doAll(requests as Written[]);
  const whole = lines(machine, all({ sortTarget: 4, sortOrder: 2 }));
  const cut = read(machine, all({ sortTarget: 4, sortOrder: 2, limit: 5 }));
  expect(cut.kvs.map(line)).toEqual(whole.slice(0, 5));
  expect(cut).toMatchObject({ more: true, count: 3_000 });
});

test('a key or bound longer than any that can be stored finds what lies on its side', () => {
  const machine = new Machine();
  write(machine, ask.put('k', '1'));
  write(machine, ask.put('l', '1'));
  const long = 'k'.repeat(3_000);
  expect(lines(machine, get(long))).toEqual([]);
  expect(lines(machine, get(long, { rangeEnd: '\x00' }))).toEqual(['l=1 c3 m3 v1']);
  expect(lines(machine, get('a', { rangeEnd: long }))).toEqual(['k=1 c2 m2 v1']);
  expect(lines(machine, get('a', { rangeEnd: long, revision: 2 }))).toEqual(['k=1 c2 m2 v1']);
});

test('the changes of a transaction share a revision and lie in the history in their order', () => {
  const machine = new Machine();
  write(machine, ask.put('b', '1'));
  write(machine, {
    kind: 'txn',
    request: txn({ success: [op.put(put('a', '1')), op.del(del('b')), op.put(put('c', '1'))] }),
  });
  expect(machine.mvcc.revision).toBe(3);
  expect(
    machine.rows('history').map(([revision]) => [...revision].map((char) => char.charCodeAt(0)).slice(7)),
  ).toEqual([
    [2, 0, 0, 0, 0],
    [3, 0, 0, 0, 0],
    [3, 0, 0, 0, 1],
    [3, 0, 0, 0, 2],
  ]);
});
