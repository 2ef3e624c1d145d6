import { expect, test } from 'vitest';

import { bytesFromLatin1, latin1FromBytes } from '../../../core/base/bytes.ts';
import { historyTable } from '../../../core/chainfire/mvcc/keys.ts';
import { SimulatedStore } from '../../../sim/disk/store.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { World } from '../../../sim/world.ts';

function open(seed: string): { world: World; store: SimulatedStore; reported: number[] } {
  const world = new World();
  const store = new SimulatedStore({
    world,
    prng: seededPrng(seed),
    tables: ['t', 'u'],
    flushMedianUs: 1_000,
  });
  const reported: number[] = [];
  store.onStored = (storeSeq) => reported.push(storeSeq);
  return { world, store, reported };
}

/** Batch n writes its number to both tables, so that a batch that was torn would show. */
function write(store: SimulatedStore, number: number): void {
  const value = bytesFromLatin1(String(number));
  store.write([
    { table: 't', key: 'n', value },
    { table: 'u', key: `row ${number}`, value },
  ]);
}

function newest(store: SimulatedStore): number {
  return Number(latin1FromBytes(store.get('t', 'n') ?? new Uint8Array()));
}

function rows(store: SimulatedStore, table: string): number {
  return [...store.range(table, { from: '' })].length;
}

test('a write shows at once and is stored later, in rounds that cover what came before them', () => {
  const { world, store, reported } = open('rounds');
  for (let number = 1; number <= 5; number += 1) write(store, number);
  expect(newest(store)).toBe(5);
  expect(reported).toEqual([]);
  world.runUntil(1_000_000);
  expect(reported).toEqual([1, 5]);
  expect(store.storedSeq).toBe(5);
});

test('a crash keeps whole batches from the first on, and all that were reported as stored', () => {
  const kept = new Set<number>();
  for (let seed = 0; seed < 200; seed += 1) {
    const { world, store, reported } = open(`crash ${seed}`);
    write(store, 1);
    write(store, 2);
    world.runUntil(1_000_000);
    for (let number = 3; number <= 6; number += 1) write(store, number);
    store.crash();
    const survivor = newest(store);
    expect(survivor).toBeGreaterThanOrEqual(reported.at(-1) ?? 0);
    expect(rows(store, 'u')).toBe(survivor);
    kept.add(survivor);
    world.runUntil(2_000_000);
    expect(reported).toEqual([1, 2]);
    write(store, survivor + 1);
    world.runUntil(3_000_000);
    expect(reported).toEqual([1, 2, 1]);
  }
  expect([...kept].sort()).toEqual([2, 3, 4, 5, 6]);
});

test('what a crash kept stays, whatever crashes follow', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const { store } = open(`again ${seed}`);
    for (let number = 1; number <= 4; number += 1) write(store, number);
    store.crash();
    const survivor = rows(store, 'u');
    store.crash();
    store.crash();
    expect(rows(store, 'u')).toBe(survivor);
  }
});

test('a stage is lost by a crash before its installation, and durable after it', () => {
  const { world, store, reported } = open('stage');
  write(store, 1);
  world.runUntil(1_000_000);
  const lost = store.openStage();
  store.stageRows(lost, 't', [['n', bytesFromLatin1('70')]]);
  store.crash();
  expect(store.openStages).toBe(0);
  expect(newest(store)).toBe(1);
  expect(() => {
    store.installStage(lost);
  }).toThrow('while it is open');

  const stage = store.openStage();
  store.stageRows(stage, 't', [['n', bytesFromLatin1('80')]]);
  write(store, 2);
  store.installStage(stage);
  store.crash();
  expect(newest(store)).toBe(80);
  expect(rows(store, 'u')).toBe(0);
  expect(reported).toEqual([1]);
});

test('batches before an installation count as stored, and those after it take their time', () => {
  const { world, store, reported } = open('order');
  write(store, 1);
  write(store, 2);
  store.installStage(store.openStage());
  world.runUntil(10);
  expect(reported).toEqual([2]);
  write(store, 3);
  world.runUntil(1_000_000);
  expect(reported).toEqual([2, 3]);
  expect(rows(store, 'u')).toBe(1);
});

test('a view keeps what it shows, through writes and installations, until it is closed or the process dies', () => {
  const { store } = open('view');
  write(store, 1);
  const viewId = store.openView();
  const view = store.view(viewId);
  write(store, 2);
  store.installStage(store.openStage());
  expect(latin1FromBytes(view.get('t', 'n') ?? new Uint8Array())).toBe('1');
  expect([...view.range('u', { from: '' })]).toHaveLength(1);
  view.close();
  expect(() => store.view(viewId)).toThrow('while it is open');
  const other = store.openView();
  store.crash();
  expect(() => store.view(other)).toThrow('while it is open');
});

test('a slow disk stores as many times as late', () => {
  const times = (factor: number): number => {
    const { world, store } = open('slow');
    let storedUs = 0;
    store.onStored = () => {
      storedUs = world.nowUs;
    };
    store.slow(factor);
    write(store, 1);
    world.runUntil(10_000_000);
    return storedUs;
  };
  expect(times(40)).toBe(40 * times(1));
});

test('a full disk fails the next flush, and a start finds a prefix of what it would have written', () => {
  const found = new Set<number>();
  for (let seed = 0; seed < 40; seed += 1) {
    const { world, store, reported } = open(`full ${seed}`);
    write(store, 1);
    world.runUntil(1_000_000);
    store.fill(true);
    let failures = 0;
    store.onFailed = () => {
      failures += 1;
      store.crash();
    };
    for (let number = 2; number <= 5; number += 1) write(store, number);
    world.runUntil(2_000_000);
    expect(failures).toBe(1);
    expect(reported).toEqual([1]);
    found.add(newest(store));
    expect(rows(store, 'u')).toBe(newest(store));
    store.fill(false);
    write(store, 9);
    world.runUntil(3_000_000);
    expect(reported).toEqual([1, 1]);
  }
  expect([...found].sort()).toEqual([1, 2, 3, 4, 5]);
});

test('a full disk takes over no snapshot: the content is as it was', () => {
  const { world, store } = open('full install');
  write(store, 1);
  world.runUntil(1_000_000);
  const stage = store.openStage();
  store.stageRows(stage, 't', [['n', bytesFromLatin1('7')]]);
  store.fill(true);
  expect(() => {
    store.installStage(stage);
  }).toThrow('ENOSPC');
  expect([newest(store), store.installed]).toEqual([1, 0]);
});

test('a row that rots is another for the process and on the disk, whatever comes later', () => {
  const world = new World();
  const store = new SimulatedStore({
    world,
    prng: seededPrng('rot'),
    tables: [historyTable],
    flushMedianUs: 1_000,
  });
  expect(store.rot(seededPrng('too early'))).toBe(false);
  for (const key of ['a', 'b', 'c']) store.write([{ table: historyTable, key, value: bytesFromLatin1(key) }]);
  world.runUntil(1_000_000);
  const values = (): readonly string[] =>
    [...store.range(historyTable, { from: '' })].map(([, value]) => latin1FromBytes(value));
  expect(store.rot(seededPrng('rot'))).toBe(true);
  const rotten = values();
  expect(rotten.filter((value, position) => value !== 'abc'[position])).toHaveLength(1);
  store.crash();
  expect(values()).toEqual(rotten);
});
