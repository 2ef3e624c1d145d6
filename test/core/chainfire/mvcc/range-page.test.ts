import { expect, test } from 'vitest';

import { evaluateRange } from '../../../../core/chainfire/mvcc/range.ts';
import { evaluatePage } from '../../../../core/chainfire/mvcc/range-page.ts';
import { sortOrders } from '../../../../core/chainfire/api/kv.ts';
import { Machine } from '../machine.ts';
import { all, del, get, put } from '../requests.ts';
import { joinedPages } from './joined-pages.ts';

const putting = (key: string, text: string) => ({ kind: 'put', request: put(key, text) }) as const;

/** Keys of few and of many versions, some of them deleted for a time, one with zero bytes in it. */
function history(): Machine {
  const machine = new Machine();
  for (let round = 0; round < 60; round += 1) {
    machine.do(putting('hot', `${round}`));
    if (round % 7 === 0) machine.do(putting('a\x00b', `${round}`));
    if (round % 5 === 0) machine.do(putting(`k${round}`, `${round}`));
    if (round % 9 === 0) machine.do({ kind: 'deleteRange', request: del('hot') });
    if (round % 11 === 0) machine.do(putting('a\x00', 'x'));
    if (round % 13 === 0) machine.do(putting('zz', `${round}`));
  }
  return machine;
}

test('pages of any size, forwards and backwards, are together the whole range, at every revision', () => {
  const { mvcc } = history();
  for (let revision = 1; revision <= mvcc.revision; revision += 1) {
    for (const sortOrder of [sortOrders.none, sortOrders.descend]) {
      for (const more of [
        {},
        { limit: 3 },
        { countOnly: true },
        { keysOnly: true },
        { minModRevision: 30 },
      ]) {
        const request = all({ revision, sortOrder, ...more });
        const whole = evaluateRange(mvcc, request);
        for (const bytesMax of [1, 400, 1_000_000]) {
          expect(joinedPages(mvcc, request, bytesMax)).toEqual(whole);
        }
      }
    }
    const one = get('hot', { revision });
    expect(joinedPages(mvcc, one)).toEqual(evaluateRange(mvcc, one));
  }
});

test('a page looks at about as many bytes as it may, and at one record at least', () => {
  const machine = new Machine();
  for (let at = 0; at < 100; at += 1) machine.do(putting(`k${100 + at}`, 'v'.repeat(1_000)));
  const { response, next } = evaluatePage(machine.mvcc, all(), { bytesMax: 10_000, at: undefined });
  expect(response.kvs).toHaveLength(9);
  expect(next).toEqual({ revision: 101, next: 'k109', found: 9, more: false });
  const tiny = evaluatePage(machine.mvcc, all(), { bytesMax: 1, at: next });
  expect(tiny.response.kvs.map(({ key }) => key)).toEqual(['k109']);
});

test('what a filter leaves out is looked at in pages too', () => {
  const machine = new Machine();
  for (let at = 0; at < 100; at += 1) machine.do(putting(`k${100 + at}`, 'v'.repeat(1_000)));
  const request = all({ minModRevision: 101 });
  const { response, next } = evaluatePage(machine.mvcc, request, { bytesMax: 10_000, at: undefined });
  expect([response.kvs.length, response.count, next?.next]).toEqual([0, 9, 'k109']);
});

test('pages go on showing the revision of the first, whatever is written and deleted meanwhile', () => {
  const machine = history();
  const whole = evaluateRange(machine.mvcc, all());
  const first = evaluatePage(machine.mvcc, all(), { bytesMax: 300, at: undefined });
  machine.do({ kind: 'deleteRange', request: del('zz') });
  machine.do(putting('k0', 'another'));
  machine.do(putting('new', 'x'));
  const rest = [];
  for (let at = first.next; at !== undefined;) {
    const page = evaluatePage(machine.mvcc, all(), { bytesMax: 300, at });
    rest.push(...page.response.kvs);
    at = page.next;
  }
  expect([...first.response.kvs, ...rest]).toEqual(whole.kvs);
});

test('how many there were is counted the same whether little or much has changed since', () => {
  const machine = history();
  const { revision } = machine.mvcc;
  const before = [1, 10, 30, revision].map(
    (at) => evaluateRange(machine.mvcc, all({ revision: at })).kvs.length,
  );
  const counts = (): readonly number[] =>
    [1, 10, 30, revision].map(
      (at) => joinedPages(machine.mvcc, all({ revision: at, countOnly: true })).count,
    );
  expect(counts()).toEqual(before);
  // More than is looked at to tell the past from the present.
  for (let at = 0; at < 1_100; at += 1) machine.do(putting(`later ${at % 50}`, `${at}`));
  expect(counts()).toEqual(before);
  const limited = joinedPages(machine.mvcc, all({ revision, limit: 2 }));
  expect([limited.kvs.length, limited.more, limited.count]).toEqual([2, true, before[3]]);
});
