import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';

import { InvariantError } from '../../core/base/assert.ts';
import { bytesFromLatin1 } from '../../core/base/bytes.ts';
import {
  stagesMax,
  type StorageBackend,
  storeKeyBytesMax,
  type StoreRow,
} from '../../core/storage/backend.ts';
import { runActions, storeAction } from './storage-backend-actions.ts';
import {
  contractTables,
  expectIncreasing,
  keyOf,
  keysOf,
  type OpenedStore,
  put,
  remove,
  rowsOf,
  textOf,
} from './storage-backend-subject.ts';

/** The contract of `StorageBackend`, run against every implementation, the simulated one included. */
export function storageBackendContract(name: string, open: () => Promise<OpenedStore>): void {
  let opened: OpenedStore | undefined;

  async function openStore(): Promise<StorageBackend> {
    opened = await open();
    return opened.store;
  }

  afterEach(async () => {
    await opened?.close();
    opened = undefined;
  });

  const pause = async () => opened?.pause?.();

  describe(`${name}: reads and writes`, () => {
    test('a write is seen by the very next read, and the last one of a batch wins', async () => {
      const store = await openStore();
      store.write([put('a', '1'), put('b', '2'), put('a', '3'), put('c', '4'), remove('c')]);
      expect(rowsOf(store)).toEqual(['a=3', 'b=2']);
      expect(store.get('rows', 'a')).toEqual(bytesFromLatin1('3'));
      expect(store.get('rows', 'c')).toBe(undefined);
      store.write([remove('a'), put('c', '5'), remove('never')]);
      expect(rowsOf(store)).toEqual(['b=2', 'c=5']);
    });

    test('values are plain byte arrays of any length, and are given back as they were', async () => {
      const store = await openStore();
      const lengths = [0, 1, 8, 63, 64, 65, 4_095, 4_096, 40_000, 1_000_000];
      const valueOf = (length: number) => Uint8Array.from({ length }, (_, at) => (at * 31 + length) & 0xff);
      store.write(lengths.map((length) => ({ table: 'rows', key: keyOf(length), value: valueOf(length) })));
      for (const settled of [false, true]) {
        if (settled) await opened?.settle?.();
        for (const length of lengths) expect(store.get('rows', keyOf(length))).toEqual(valueOf(length));
        const read = [...store.range('rows', { from: '' })];
        expect(read).toEqual(lengths.map((length) => [keyOf(length), valueOf(length)]));
        for (const [, value] of read) expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype);
      }
    });

    test('what a read gave does not change under its reader', async () => {
      const store = await openStore();
      store.write([put('a', 'first'), put('b', 'second')]);
      await opened?.settle?.();
      const one = store.get('rows', 'a');
      const rows = [...store.range('rows', { from: '' })];
      store.write([put('a', 'FIRST'), put('b', 'SECOND')]);
      await opened?.settle?.();
      store.get('rows', 'b');
      expect(one).toEqual(bytesFromLatin1('first'));
      expect(rows).toEqual([
        ['a', bytesFromLatin1('first')],
        ['b', bytesFromLatin1('second')],
      ]);
    });

    test('tables are apart', async () => {
      const store = await openStore();
      store.write([put('a', 'row'), { table: 'meta', key: 'a', value: bytesFromLatin1('meta') }]);
      store.write([remove('a')]);
      expect(rowsOf(store)).toEqual([]);
      expect(rowsOf(store, 'meta')).toEqual(['a=meta']);
    });

    test('a table that the store was not opened with is refused by every method', async () => {
      const store = await openStore();
      const stage = store.openStage();
      const view = store.view(store.openView());
      expect(store.tables).toEqual(contractTables);
      expect(() => store.get('others', 'a')).toThrow(InvariantError);
      expect(() => [...store.range('others', { from: '' })]).toThrow(InvariantError);
      expect(() => store.write([{ table: 'others', key: 'a', value: undefined }])).toThrow(InvariantError);
      expect(() => store.stageRows(stage, 'others', [])).toThrow(InvariantError);
      expect(() => view.get('others', 'a')).toThrow(InvariantError);
      expect(() => [...view.range('others', { from: '' })]).toThrow(InvariantError);
      view.close();
    });

    test('keys have 1 to storeKeyBytesMax bytes, and a refused batch leaves nothing behind', async () => {
      const store = await openStore();
      const longest = '\xff'.repeat(storeKeyBytesMax);
      store.write([put('\x00', 'shortest'), put(longest, 'longest')]);
      for (const key of ['', `${longest}\x00`, 'snow\u2603man']) {
        expect(() => store.write([put('b', '2'), put(key, '3')])).toThrow(InvariantError);
      }
      for (const settled of [false, true]) {
        if (settled) await opened?.settle?.();
        expect(rowsOf(store)).toEqual(['\x00=shortest', `${longest}=longest`]);
        expect(store.get('rows', longest)).toEqual(bytesFromLatin1('longest'));
      }
    });
  });

  describe(`${name}: ranges`, () => {
    test('order is byte order, 0x00 and 0xff included', async () => {
      const store = await openStore();
      const keys = [
        '\x00',
        '\x00\x00',
        '\x00\xff',
        '\x01',
        'A',
        'a',
        'a\x00',
        'ab',
        '\x7f',
        '\x80',
        '\xff',
        '\xff\xff',
      ];
      store.write(keys.toReversed().map((key) => put(key, '')));
      for (const settled of [false, true]) {
        if (settled) await opened?.settle?.();
        expect(keysOf(store, { from: '' })).toEqual(keys);
        expect(keysOf(store, { from: '', reverse: true })).toEqual(keys.toReversed());
        expect(keysOf(store, { from: 'a', to: 'a\x00' })).toEqual(['a']);
        expect(keysOf(store, { from: '\xff' })).toEqual(['\xff', '\xff\xff']);
        expect(keysOf(store, { from: '\x80', to: '\xff\xff', reverse: true })).toEqual(['\xff', '\x80']);
      }
    });

    test('what is pending and what is stored are one range, deletes included', async () => {
      const store = await openStore();
      store.write(['a', 'b', 'c', 'd', 'e', 'f'].map((key) => put(key, 'old')));
      await opened?.settle?.();
      store.write([
        remove('a'),
        put('c', 'new'),
        remove('d'),
        put('dd', 'new'),
        remove('f'),
        put('g', 'new'),
      ]);
      const merged = ['b=old', 'c=new', 'dd=new', 'e=old', 'g=new'];
      expect(rowsOf(store)).toEqual(merged);
      expect(rowsOf(store, 'rows', { from: '', reverse: true })).toEqual(merged.toReversed());
      expect(rowsOf(store, 'rows', { from: 'c', to: 'g', limit: 2 })).toEqual(['c=new', 'dd=new']);
      expect(rowsOf(store, 'rows', { from: 'a', to: 'f', limit: 2, reverse: true })).toEqual([
        'e=old',
        'dd=new',
      ]);
      await opened?.settle?.();
      expect(rowsOf(store)).toEqual(merged);
    });

    test('a limit counts rows that are given, and 0 gives none', async () => {
      const store = await openStore();
      store.write(Array.from({ length: 50 }, (_, at) => put(keyOf(at), '')));
      await opened?.settle?.();
      store.write(Array.from({ length: 40 }, (_, at) => remove(keyOf(at))));
      expect(keysOf(store, { from: '', limit: 3 })).toEqual([keyOf(40), keyOf(41), keyOf(42)]);
      expect(keysOf(store, { from: '', limit: 100 }).length).toBe(10);
      expect(keysOf(store, { from: '', limit: 0 })).toEqual([]);
      expect(keysOf(store, { from: '', limit: 2, reverse: true })).toEqual([keyOf(49), keyOf(48)]);
    });

    test('bounds that hold nothing between them give nothing', async () => {
      const store = await openStore();
      store.write([put('a', ''), put('b', '')]);
      for (const settled of [false, true]) {
        if (settled) await opened?.settle?.();
        for (const reverse of [false, true]) {
          expect(keysOf(store, { from: 'b', to: 'b', reverse })).toEqual([]);
          expect(keysOf(store, { from: 'b', to: 'a', reverse })).toEqual([]);
          expect(keysOf(store, { from: '', to: '', reverse })).toEqual([]);
          expect(keysOf(store, { from: 'c', reverse })).toEqual([]);
          expect(keysOf(store, { from: '', to: 'a', reverse })).toEqual([]);
        }
      }
    });

    test('rows are counted within their bounds, pending and stored alike, whatever lies over what', async () => {
      const store = await openStore();
      store.write(Array.from({ length: 2_000 }, (_, at) => put(keyOf(at), 'old')));
      await opened?.settle?.();
      store.write([remove(keyOf(0)), put(keyOf(1), 'new'), put(keyOf(5_000), 'new'), remove(keyOf(6_000))]);
      await pause();
      store.write([put(keyOf(0), 'again'), remove(keyOf(1)), remove(keyOf(2)), put(keyOf(5_001), 'new')]);
      for (const settled of [false, true]) {
        if (settled) await opened?.settle?.();
        expect(store.count('rows', { from: '' })).toBe(2_000);
        expect(store.count('rows', { from: keyOf(0), to: keyOf(4) })).toBe(2);
        expect(store.count('rows', { from: keyOf(1_999), to: keyOf(5_001) })).toBe(2);
        expect(store.count('rows', { from: keyOf(10), to: keyOf(10) })).toBe(0);
        expect(store.count('rows', { from: keyOf(11), to: keyOf(10) })).toBe(0);
        expect(store.count('rows', { from: keyOf(9_000) })).toBe(0);
        expect(store.count('meta', { from: '' })).toBe(0);
      }
      expect(() => store.count('others', { from: '' })).toThrow(InvariantError);
    });

    test('a reader may stop early, write, and read again', async () => {
      const store = await openStore();
      store.write(Array.from({ length: 2_000 }, (_, at) => put(keyOf(at), 'x')));
      await opened?.settle?.();
      for (const reverse of [false, true]) {
        for (let round = 0; round < 300; round += 1) {
          // One that stops by leaving its loop, one that just never asks again.
          for (const [key] of store.range('rows', { from: keyOf(round), reverse })) {
            expect(key).toBe(reverse ? keyOf(1_999) : keyOf(round));
            break;
          }
          expect(store.range('rows', { from: '', reverse })[Symbol.iterator]().next().done).toBe(false);
        }
        store.write([put(keyOf(0), 'y')]);
        await pause();
      }
      await opened?.settle?.();
      expect(keysOf(store, { from: '' }).length).toBe(2_000);
    });

    test('a range of the store itself does not go on after a write to its table', async () => {
      const store = await openStore();
      store.write(Array.from({ length: 10 }, (_, at) => put(keyOf(at), 'x')));
      const cursor = store.range('rows', { from: '' })[Symbol.iterator]();
      cursor.next();
      store.write([{ table: 'meta', key: 'other', value: bytesFromLatin1('x') }]);
      expect(cursor.next().done).toBe(false);
      store.write([put(keyOf(20), 'x')]);
      expect(() => cursor.next()).toThrow(InvariantError);
    });

    test('long ranges of large values come whole', async () => {
      const store = await openStore();
      const large = new Uint8Array(70_000).fill(7);
      for (let at = 0; at < 40; at += 1) store.write([{ table: 'rows', key: keyOf(at), value: large }]);
      await opened?.settle?.();
      const expected = Array.from({ length: 40 }, (_, at) => keyOf(at));
      expect(keysOf(store, { from: '' })).toEqual(expected);
      expect(keysOf(store, { from: '', reverse: true })).toEqual(expected.toReversed());
    });
  });

  describe(`${name}: views`, () => {
    test('a view keeps what it shows, while later writes are made and stored', async () => {
      const store = await openStore();
      store.write([put('a', '1'), put('b', '1')]);
      await opened?.settle?.();
      store.write([put('b', '2'), put('c', '2')]);
      const early = store.view(store.openView());
      store.write([remove('a'), put('b', '3'), put('d', '3')]);
      const late = store.view(store.openView());
      store.write([remove('b'), remove('c'), remove('d')]);
      for (const settled of [false, true, true]) {
        if (settled) await opened?.settle?.();
        expect(rowsOf(early)).toEqual(['a=1', 'b=2', 'c=2']);
        expect(rowsOf(early, 'rows', { from: '', reverse: true })).toEqual(['c=2', 'b=2', 'a=1']);
        expect(rowsOf(late)).toEqual(['b=3', 'c=2', 'd=3']);
        expect(early.get('rows', 'b')).toEqual(bytesFromLatin1('2'));
        expect(late.get('rows', 'a')).toBe(undefined);
        expect(rowsOf(store)).toEqual([]);
        store.write([put('z', '1'), remove('z')]);
      }
      early.close();
      expect(rowsOf(late)).toEqual(['b=3', 'c=2', 'd=3']);
      late.close();
    });

    test('a range of a view goes on while the store is written and the disk catches up', async () => {
      const store = await openStore();
      store.write(Array.from({ length: 600 }, (_, at) => put(keyOf(at), 'x')));
      const view = store.view(store.openView());
      const seen: string[] = [];
      for (const [key] of view.range('rows', { from: '' })) {
        seen.push(key);
        if (seen.length % 40 !== 0) continue;
        store.write([remove(keyOf(seen.length)), put(keyOf(seen.length + 1_000), 'y')]);
        await pause();
      }
      expect(seen).toEqual(Array.from({ length: 600 }, (_, at) => keyOf(at)));
      view.close();
    });

    test('a view that is closed, or never was, is refused', async () => {
      const store = await openStore();
      store.write(Array.from({ length: 100 }, (_, at) => put(keyOf(at), 'x')));
      await opened?.settle?.();
      const id = store.openView();
      const view = store.view(id);
      const cursor = view.range('rows', { from: '' })[Symbol.iterator]();
      cursor.next();
      view.close();
      expect(() => view.get('rows', 'a')).toThrow(InvariantError);
      expect(() => [...view.range('rows', { from: '' })]).toThrow(InvariantError);
      expect(() => cursor.next()).toThrow(InvariantError);
      expect(() => store.view(id)).toThrow(InvariantError);
      expect(() => store.view(id + 1)).toThrow(InvariantError);
      expect(store.openView()).not.toBe(id);
    });
  });

  describe(`${name}: stages`, () => {
    test('a stage replaces the whole content at once, and not before', async () => {
      const store = await openStore();
      store.write([
        put('a', 'old'),
        put('z', 'old'),
        { table: 'meta', key: 'm', value: bytesFromLatin1('old') },
      ]);
      await opened?.settle?.();
      store.write([put('b', 'pending')]);
      const stage = store.openStage();
      store.stageRows(stage, 'rows', [['b', bytesFromLatin1('new')]]);
      store.stageRows(stage, 'rows', []);
      store.stageRows(stage, 'rows', [['c', bytesFromLatin1('new')]]);
      expect(rowsOf(store)).toEqual(['a=old', 'b=pending', 'z=old']);
      store.installStage(stage);
      expect(rowsOf(store)).toEqual(['b=new', 'c=new']);
      expect(rowsOf(store, 'meta')).toEqual([]);
      store.write([put('d', 'later'), remove('b')]);
      expect(rowsOf(store)).toEqual(['c=new', 'd=later']);
      await opened?.settle?.();
      expect(rowsOf(store)).toEqual(['c=new', 'd=later']);
      expect(() => store.installStage(stage)).toThrow(InvariantError);
    });

    test('open views keep what they show across an installation, however long they stay', async () => {
      const store = await openStore();
      store.write(Array.from({ length: 300 }, (_, at) => put(keyOf(at), 'old')));
      await opened?.settle?.();
      store.write([put(keyOf(0), 'pending'), remove(keyOf(1))]);
      const view = store.view(store.openView());
      const cursor = view.range('rows', { from: '' })[Symbol.iterator]();
      expect(cursor.next().value).toEqual([keyOf(0), bytesFromLatin1('pending')]);
      for (let round = 0; round < 3; round += 1) {
        const stage = store.openStage();
        store.stageRows(stage, 'rows', [['new', bytesFromLatin1(`${round}`)]]);
        store.installStage(stage);
        store.write([put('later', `${round}`)]);
        await pause();
        expect(rowsOf(store)).toEqual([`later=${round}`, `new=${round}`]);
      }
      await opened?.settle?.();
      expect(cursor.next().value).toEqual([keyOf(2), bytesFromLatin1('old')]);
      expect(keysOf(view, { from: '' }).length).toBe(299);
      view.close();
      await opened?.settle?.();
      expect(rowsOf(store)).toEqual(['later=2', 'new=2']);
    });

    test('stages are apart, may be discarded, and are bounded in number', async () => {
      const store = await openStore();
      store.write([put('a', 'old')]);
      const stages = Array.from({ length: stagesMax }, () => store.openStage());
      expect(() => store.openStage()).toThrow(InvariantError);
      stages.forEach((stage, at) => store.stageRows(stage, 'rows', [[`s${at}`, bytesFromLatin1('')]]));
      const discarded = stages[0] as number;
      store.discardStage(discarded);
      expect(() => store.stageRows(discarded, 'rows', [])).toThrow(InvariantError);
      expect(() => store.discardStage(discarded)).toThrow(InvariantError);
      const fresh = store.openStage();
      expect(stages).not.toContain(fresh);
      store.installStage(stages[2] as number);
      expect(rowsOf(store)).toEqual(['s2=']);
      store.installStage(fresh);
      expect(rowsOf(store)).toEqual([]);
    });

    test('rows of a stage come in ascending order, within a call and from one to the next', async () => {
      const store = await openStore();
      const row = (key: string): StoreRow => [key, bytesFromLatin1('')];
      for (const wrong of [[row('c')], [row('a')], [row('e'), row('d')], [row('')]]) {
        const refused = store.openStage();
        store.stageRows(refused, 'rows', [row('b'), row('c')]);
        expect(() => store.stageRows(refused, 'rows', wrong)).toThrow(InvariantError);
        store.discardStage(refused);
      }
      const stage = store.openStage();
      store.stageRows(stage, 'rows', [row('b'), row('c')]);
      store.stageRows(stage, 'meta', [row('a')]);
      store.stageRows(stage, 'rows', [row('d')]);
      store.installStage(stage);
      expect(keysOf(store, { from: '' })).toEqual(['b', 'c', 'd']);
    });

    test('a large stage comes whole', async () => {
      const store = await openStore();
      const stage = store.openStage();
      for (let part = 0; part < 10; part += 1) {
        const rows = Array.from({ length: 500 }, (_, at): StoreRow => [
          keyOf(part * 500 + at),
          bytesFromLatin1(`${part}`),
        ]);
        store.stageRows(stage, 'rows', rows);
      }
      store.installStage(stage);
      expect(keysOf(store, { from: '' })).toEqual(Array.from({ length: 5_000 }, (_, at) => keyOf(at)));
    });
  });

  describe(`${name}: numbers and durability`, () => {
    test('batches are numbered 1, 2, 3 …, empty ones and installations notwithstanding', async () => {
      const store = await openStore();
      expect([store.write([put('a', '1')]), store.write([]), store.write([remove('x')])]).toEqual([1, 2, 3]);
      store.installStage(store.openStage());
      expect(store.write([put('a', '1')])).toBe(4);
      expect(() => store.write([put('', '')])).toThrow(InvariantError);
      expect(store.write([])).toBe(5);
    });

    test('reports of what is stored increase, never repeat, and reach the last batch', async () => {
      const store = await openStore();
      if (opened?.settle === undefined) return;
      for (let at = 0; at < 200; at += 1) {
        store.write([put(keyOf(at), 'x')]);
        if (at % 7 === 0) await pause();
      }
      store.write([]);
      const reports = await opened.settle();
      expectIncreasing(reports);
      expect(reports.at(-1)).toBe(201);
      await pause();
      expect(await opened.settle()).toEqual(reports);
    });

    test('an installation counts every batch before it as stored', async () => {
      const store = await openStore();
      if (opened?.settle === undefined) return;
      for (let round = 0; round < 5; round += 1) {
        for (let at = 0; at < 10; at += 1) store.write([put(keyOf(at), 'x')]);
        if (round % 2 === 0) await pause();
        store.installStage(store.openStage());
      }
      const reports = await opened.settle();
      expectIncreasing(reports);
      expect(reports.at(-1)).toBe(50);
    });

    test('everything that was reported as stored is there after a crash, and nothing but whole batches', async () => {
      let subject = (opened = await open());
      let number = 0;
      for (let life = 0; life < 6; life += 1) {
        const { store, settle, reopen } = subject;
        if (settle === undefined || reopen === undefined) return;
        for (let batch = 0; batch < 30; batch += 1) {
          number += 1;
          store.write([
            put('even', `${number}`),
            put('odd', `${number}`),
            put(keyOf(number), 'x'),
            remove(keyOf(number - 3)),
          ]);
          if (batch % 11 === life) await pause();
        }
        if (life % 2 === 0) await settle();
        const stored = life % 2 === 0 ? number : number - 30;
        subject = opened = await reopen();
        const [even, odd] = [textOf(subject.store, 'even'), textOf(subject.store, 'odd')];
        expect(even).toBe(odd);
        const last = Number(even);
        expect(last).toBeGreaterThanOrEqual(stored);
        expect(last).toBeLessThanOrEqual(number);
        const present = [last - 2, last - 1, last].filter((at) => at > 0).map(keyOf);
        expect(keysOf(subject.store, { from: '0', to: 'a' })).toEqual(present);
        number = last;
      }
    });

    test('an installation survives a crash at once, and a stage that was not installed leaves nothing', async () => {
      const { store } = (opened = await open());
      if (opened.reopen === undefined) return;
      store.write([put('a', 'old')]);
      const stage = store.openStage();
      const other = store.openStage();
      store.stageRows(stage, 'rows', [['b', bytesFromLatin1('new')]]);
      store.stageRows(stage, 'meta', [['applied', bytesFromLatin1('9')]]);
      store.stageRows(other, 'rows', [['c', bytesFromLatin1('never')]]);
      store.installStage(stage);
      opened = await opened.reopen();
      expect(rowsOf(opened.store)).toEqual(['b=new']);
      expect(rowsOf(opened.store, 'meta')).toEqual(['applied=9']);
      expect(opened.store.write([put('d', '1')])).toBe(1);
      expect(rowsOf(opened.store)).toEqual(['b=new', 'd=1']);
    });
  });

  describe(`${name}: properties`, () => {
    test('the store and its views are what a sorted list is', { timeout: 60_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(storeAction, { maxLength: 60, size: 'max' }), async (actions) => {
          const subject = (opened = await open());
          try {
            await runActions(subject, actions);
          } finally {
            await subject.close();
            opened = undefined;
          }
        }),
        { numRuns: 25 },
      );
    });
  });
}
