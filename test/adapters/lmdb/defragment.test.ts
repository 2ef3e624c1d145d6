import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { LmdbBackend } from '../../../adapters/lmdb/lmdb-backend.ts';
import { type Prng } from '../../../core/base/prng.ts';
import { type StoreView, type StoreWrite } from '../../../core/storage/backend.ts';
import { seededPrng } from '../../../sim/prng.ts';

const tables = ['first', 'second', 'third'] as const;
let dir = '';

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'photon-defragment-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function open(): LmdbBackend {
  return LmdbBackend.open({ dir, tables, commitIntervalMs: 0 });
}

function contentOf(store: Pick<StoreView, 'range'>): ReadonlyMap<string, string> {
  const content = new Map<string, string>();
  for (const table of tables) {
    for (const [key, value] of store.range(table, { from: '' })) {
      content.set(`${table}/${key}`, Buffer.from(value).toString('latin1'));
    }
  }
  return content;
}

/** Resolves when everything that was written so far is on the disk. */
function stored(store: LmdbBackend, seq: number): Promise<void> {
  return new Promise((resolve, reject) => {
    store.onFailed = reject;
    store.onStored = (storeSeq) => {
      if (storeSeq >= seq) resolve();
    };
  });
}

function fileBytes(): number {
  const current = readFileSync(join(dir, 'CURRENT'), 'latin1').trimEnd();
  return statSync(join(dir, current, 'data.mdb')).size;
}

/** Puts and deletes anywhere, in every table: before the copy, behind it, and what it is about to meet. */
class Writer {
  readonly model = new Map<string, string>();
  readonly #store: LmdbBackend;
  readonly #prng: Prng;
  #count = 0;

  constructor(store: LmdbBackend, prng: Prng) {
    this.#store = store;
    this.#prng = prng;
  }

  /** @returns the batch's number */
  write(rows: number, deletesOf10: number): number {
    const batch: StoreWrite[] = [];
    for (let at = 0; at < rows; at += 1) {
      const table = tables[this.#prng.below(tables.length)] ?? 'first';
      const key = `key ${String(this.#prng.below(20_000)).padStart(5, '0')}`;
      this.#count += 1;
      const isDeleted = this.#prng.below(10) < deletesOf10;
      const text = `${String(this.#count)} ${'x'.repeat(this.#prng.below(200))}`;
      batch.push({ table, key, value: isDeleted ? undefined : Buffer.from(text, 'latin1') });
      if (isDeleted) this.model.delete(`${table}/${key}`);
      else this.model.set(`${table}/${key}`, text);
    }
    return this.#store.write(batch);
  }
}

function sorted(model: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...model].sort(([left], [right]) => (left < right ? -1 : 1)));
}

test('a store that is defragmented while it is written holds what was written, then and after it is opened again', async () => {
  const store = open();
  const writer = new Writer(store, seededPrng('defragment'));
  let seq = 0;
  for (let batch = 0; batch < 40; batch += 1) seq = writer.write(1_000, 1);
  await stored(store, seq);
  const viewId = store.openView();
  const atView = sorted(writer.model);
  let isDone = false;
  const done = store.defragment().then(() => (isDone = true));
  let batches = 0;
  while (!isDone) {
    writer.write(20, 4);
    batches += 1;
    // Whatever the copy is doing: a read sees the last write.
    if (batches % 200 === 0) expect(contentOf(store)).toEqual(sorted(writer.model));
    await turn();
  }
  await done;
  expect(batches).toBeGreaterThan(50);
  expect(readFileSync(join(dir, 'CURRENT'), 'latin1')).toBe('000002\n');
  expect(contentOf(store)).toEqual(sorted(writer.model));
  // What was opened before shows what it showed.
  expect(contentOf(store.view(viewId))).toEqual(atView);
  store.view(viewId).close();
  seq = writer.write(20, 4);
  await stored(store, seq);
  await store.close();
  expect(readdirSync(dir).sort()).toEqual(['000002', 'CURRENT']);
  const again = open();
  expect(contentOf(again)).toEqual(sorted(writer.model));
  await again.close();
});

test('the file gives back what was deleted', async () => {
  const store = open();
  const writer = new Writer(store, seededPrng('deleted'));
  let seq = 0;
  for (let batch = 0; batch < 40; batch += 1) seq = writer.write(1_000, 0);
  await stored(store, seq);
  const full = fileBytes();
  seq = store.write([...writer.model.keys()].map((name) => deletionOf(name)));
  await stored(store, seq);
  expect(fileBytes()).toBeGreaterThanOrEqual(full);
  // Twice at once is once.
  await Promise.all([store.defragment(), store.defragment()]);
  expect(fileBytes()).toBeLessThan(full / 20);
  expect(contentOf(store).size).toBe(0);
  await store.close();
});

function deletionOf(name: string): StoreWrite {
  const [table = '', key = ''] = name.split('/');
  return { table, key, value: undefined };
}

test('a snapshot that is installed meanwhile wins', async () => {
  const store = open();
  const writer = new Writer(store, seededPrng('installed'));
  await stored(store, writer.write(20_000, 0));
  const stage = store.openStage();
  store.stageRows(stage, 'second', [['staged', Uint8Array.of(1)]]);
  const done = store.defragment();
  await turn();
  store.installStage(stage);
  store.write([{ table: 'first', key: 'behind it', value: Uint8Array.of(2) }]);
  await done;
  expect([...contentOf(store).keys()]).toEqual(['first/behind it', 'second/staged']);
  await store.close();
  const again = open();
  expect([...contentOf(again).keys()]).toEqual(['first/behind it', 'second/staged']);
  await again.close();
});

test('a store that is closed meanwhile is as it was, and says that it was not defragmented', async () => {
  const store = open();
  const writer = new Writer(store, seededPrng('closed'));
  await stored(store, writer.write(20_000, 0));
  const done = store.defragment();
  const refused = expect(done).rejects.toMatchObject({ code: 'STOPPED' });
  await store.close();
  await refused;
  expect(readdirSync(dir).sort()).toEqual(['000001', 'CURRENT']);
  const again = open();
  expect(contentOf(again)).toEqual(sorted(writer.model));
  await again.close();
});
