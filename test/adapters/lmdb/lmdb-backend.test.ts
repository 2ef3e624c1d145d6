import { execFile } from 'node:child_process';
import fs, {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { LmdbBackendError } from '../../../adapters/lmdb/lmdb-backend-error.ts';
import { LmdbBackend } from '../../../adapters/lmdb/lmdb-backend.ts';
import { type StoreWrite } from '../../../core/storage/backend.ts';
import { killContent, killTables, lastBatch } from './kill-content.ts';

const tables = ['rows'] as const;
let parent = '';
let dir = '';

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'photon-lmdb-'));
  // A dot, which lmdb takes for a file's extension when it is not told otherwise.
  dir = join(parent, 'state.d');
});

afterEach(() => {
  rmSync(parent, { recursive: true, force: true });
});

function put(key: string, value: Uint8Array = Uint8Array.of(1)): StoreWrite {
  return { table: 'rows', key, value };
}

function keysOf(store: LmdbBackend): readonly string[] {
  return Array.from(store.range('rows', { from: '' }), ([key]) => key);
}

function generations(of: string): readonly string[] {
  return readdirSync(of).filter((name) => name !== 'CURRENT');
}

function stored(store: LmdbBackend, seq: number): Promise<readonly number[]> {
  const reports: number[] = [];
  return new Promise((resolve, reject) => {
    store.onFailed = reject;
    store.onStored = (storeSeq) => {
      reports.push(storeSeq);
      if (storeSeq >= seq) resolve(reports);
    };
  });
}

test('what is found is made durable before anybody reads it', async () => {
  await LmdbBackend.open({ dir, tables }).close();
  const synced: string[] = [];
  const { fsyncSync } = fs;
  fs.fsyncSync = (descriptor) => {
    synced.push(readlinkSync(`/proc/self/fd/${descriptor}`));
    fsyncSync(descriptor);
  };
  syncBuiltinESMExports();
  try {
    const store = LmdbBackend.open({ dir, tables });
    expect(synced.some((path) => path.endsWith('/data.mdb'))).toBe(true);
    await store.close();
  } finally {
    fs.fsyncSync = fsyncSync;
    syncBuiltinESMExports();
  }
});

test('closing at once stores what is pending', async () => {
  const store = LmdbBackend.open({ dir, tables });
  for (let at = 0; at < 10; at += 1) store.write([put(`k${at}`)]);
  await store.close();
  const again = LmdbBackend.open({ dir, tables });
  expect(keysOf(again).length).toBe(10);
  await again.close();
});

test('transactions keep their distance, however often something is written; many bytes need not wait', async () => {
  const store = LmdbBackend.open({ dir, tables, commitIntervalMs: 60_000 });
  store.write([put('first')]);
  await expect.poll(() => keysOf(store)).toEqual(['first']);
  const reports: number[] = [];
  store.onStored = (storeSeq) => reports.push(storeSeq);
  await expect.poll(() => reports).toEqual([1]);
  for (let at = 0; at < 5; at += 1) {
    store.write([put(`k${at}`)]);
    await sleep(2);
  }
  expect(reports).toEqual([1]);
  store.write([put('large', new Uint8Array(5_000_000))]);
  await expect.poll(() => reports).toEqual([1, 7]);
  store.write([put('last')]);
  await store.close();
  expect(reports).toEqual([1, 7, 8]);
});

test('a stage that is installed while a transaction keeps its distance leaves it nothing to write', async () => {
  const store = LmdbBackend.open({ dir, tables, commitIntervalMs: 60_000 });
  const reports = stored(store, 2);
  store.write([put('first')]);
  await sleep(20);
  store.write([put('second')]);
  const stage = store.openStage();
  store.stageRows(stage, 'rows', [['staged', Uint8Array.of(1)]]);
  store.installStage(stage);
  expect((await reports).at(-1)).toBe(2);
  await store.close();
  const again = LmdbBackend.open({ dir, tables });
  expect(keysOf(again)).toEqual(['staged']);
  await again.close();
});

test('batches of one turn share a transaction, and those that come meanwhile share the next', async () => {
  const store = LmdbBackend.open({ dir, tables, commitIntervalMs: 0 });
  const reports = stored(store, 60);
  for (let at = 0; at < 20; at += 1) store.write([put('a')]);
  await new Promise((resolve) => setImmediate(resolve));
  for (let at = 0; at < 40; at += 1) store.write([put('b')]);
  expect(await reports).toEqual([20, 60]);
  await store.close();
});

test('nothing is reported from inside a call: the caller is in the middle of a step', async () => {
  const store = LmdbBackend.open({ dir, tables });
  let reported = 0;
  const done = new Promise<void>((resolve) => {
    store.onStored = (storeSeq) => {
      reported = storeSeq;
      resolve();
    };
  });
  store.write([put('a')]);
  store.installStage(store.openStage());
  expect(reported).toBe(0);
  await done;
  expect(reported).toBe(1);
  await store.close();
});

test('a generation is removed when it is replaced and its last view is closed', async () => {
  const store = LmdbBackend.open({ dir, tables });
  store.write([put('a')]);
  await stored(store, 1);
  const view = store.view(store.openView());
  store.installStage(store.openStage());
  await sleep(20);
  expect(generations(dir)).toEqual(['000001', '000002']);
  view.close();
  await sleep(20);
  expect(generations(dir)).toEqual(['000002']);
  store.discardStage(store.openStage());
  await store.close();
  expect(generations(dir)).toEqual(['000002']);
});

test('what a crash leaves of stages and replaced generations is removed at the next open', async () => {
  const store = LmdbBackend.open({ dir, tables });
  store.write([put('a')]);
  await stored(store, 1);
  const stage = store.openStage();
  store.stageRows(stage, 'rows', [['b', Uint8Array.of(2)]]);
  // Nothing is in flight: a copy of the files is what a killed process would have left.
  cpSync(dir, join(parent, 'before'), { recursive: true });
  const view = store.view(store.openView());
  store.installStage(stage);
  cpSync(dir, join(parent, 'after'), { recursive: true });
  view.close();
  await store.close();
  for (const [name, expected, generation] of [
    ['before', 'a', '000001'],
    ['after', 'b', '000002'],
  ] as const) {
    const left = join(parent, name);
    expect(generations(left)).toEqual(['000001', '000002']);
    const again = LmdbBackend.open({ dir: left, tables });
    expect(keysOf(again)).toEqual([expected]);
    expect(generations(left)).toEqual([generation]);
    // Never a name that was used before.
    again.installStage(again.openStage());
    await again.close();
    expect(generations(left)).toEqual(['000003']);
  }
});

test('a first open that did not finish is begun again', async () => {
  mkdirSync(join(dir, '000001'), { recursive: true });
  writeFileSync(join(dir, 'CURRENT.new'), '000001\n');
  writeFileSync(join(dir, '000001', 'data.mdb'), 'half a page');
  const store = LmdbBackend.open({ dir, tables });
  expect(keysOf(store)).toEqual([]);
  await store.close();
  expect(readdirSync(dir).length).toBe(2);
});

test('a directory that does not name its content is refused, and nothing in it is touched', async () => {
  const store = LmdbBackend.open({ dir, tables });
  store.write([put('a')]);
  await store.close();
  const current = join(dir, 'CURRENT');
  const data = join(dir, '000001', 'data.mdb');

  const refusal = () => {
    try {
      LmdbBackend.open({ dir, tables });
    } catch (error) {
      if (error instanceof LmdbBackendError) return error.code;
      throw error;
    }
    return undefined;
  };
  rmSync(current);
  expect(refusal()).toBe('CURRENT_MISSING');
  for (const content of ['', 'state\n', '../000001\n', '000001 000002\n']) {
    writeFileSync(current, content);
    expect(refusal()).toBe('CURRENT_DAMAGED');
  }
  writeFileSync(current, '000007\n');
  expect(refusal()).toBe('GENERATION_MISSING');
  expect(existsSync(data)).toBe(true);

  writeFileSync(current, '000001\n');
  const again = LmdbBackend.open({ dir, tables });
  expect(keysOf(again)).toEqual(['a']);
  await again.close();
});

test('a full disk is reported once, stores none of the failed batches, and leaves a readable store', async () => {
  const writer = fileURLToPath(new URL('./full-disk-writer.ts', import.meta.url));
  // A file may have 4 MiB (dash counts in 512 bytes): the next write fails as it does on a full disk.
  const { stdout } = await promisify(execFile)('sh', [
    '-c',
    'ulimit -f 8192; exec "$0" "$@"',
    process.execPath,
    writer,
    dir,
  ]);
  const told = JSON.parse(stdout) as {
    reports: number[];
    failures: string[];
    number: number;
    stageRefused: string;
    readable: boolean;
  };
  expect(told.failures).toEqual(['COMMIT_FAILED']);
  expect(told.stageRefused).toBe('COMMIT_FAILED');
  expect(told.readable).toBe(true);
  const last = told.reports.at(-1) ?? 0;
  expect(last).toBeGreaterThan(0);
  expect(last).toBeLessThan(told.number);

  const store = LmdbBackend.open({ dir, tables: killTables });
  expect(lastBatch(store)).toBe(last);
  expect([...store.range('rows', { from: '', to: 'zz' })]).toEqual(killContent('rows', last));
  expect(Array.from(store.range('rows', { from: 'zz' })).length).toBe(last);
  await store.close();
});

test('a closed store is refused', async () => {
  const store = LmdbBackend.open({ dir, tables });
  const view = store.view(store.openView());
  await store.close();
  expect(() => store.get('rows', 'a')).toThrow(/open/);
  expect(() => store.write([put('a')])).toThrow(/open/);
  expect(() => view.get('rows', 'a')).toThrow(/open/);
  await expect(store.close()).rejects.toThrow(/open/);
});
