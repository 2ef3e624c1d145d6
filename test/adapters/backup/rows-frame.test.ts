import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { rowsFrame, type RowsView } from '../../../adapters/backup/rows-frame.ts';
import { LmdbBackend } from '../../../adapters/lmdb/lmdb-backend.ts';
import { Rows } from '../../../adapters/peer/protocol.ts';
import { type StoreWrite } from '../../../core/storage/backend.ts';
import { framingBytes } from '../../../core/wire/framing.ts';

const table = 'first';
const kind = 2;
let dir = '';
let store: LmdbBackend;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'photon-rows-'));
  // So late that what is written behind the first batch is pending for as long as a test lasts.
  store = LmdbBackend.open({ dir, tables: [table, 'second'], commitIntervalMs: 60_000 });
});

afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Written, and committed. */
function committed(batch: readonly StoreWrite[]): Promise<void> {
  return new Promise((resolve) => {
    const seq = store.write(batch);
    store.onStored = (storedSeq) => {
      if (storedSeq >= seq) resolve();
    };
  });
}

function frames(view: RowsView, bytesMax: number): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let from: string | undefined = ''; from !== undefined;) {
    const { frame, count, next } = rowsFrame(view, table, { kind, from, bytesMax });
    if (count > 0) found.push(frame);
    from = next;
  }
  return found;
}

const keys = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((char) => String.fromCharCode(char)),
  minLength: 1,
  maxLength: 4,
});
const writes = fc.array(
  fc.record({
    key: keys,
    value: fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined, freq: 3 }),
  }),
  { maxLength: 60 },
);

test('rows as bytes make the same frames as rows one by one, whatever of them is pending', async () => {
  await fc.assert(
    fc.asyncProperty(writes, writes, fc.integer({ min: 50, max: 2_000 }), async (first, second, bytesMax) => {
      const all = [...store.range(table, { from: '' })].map(([key]) => ({ table, key, value: undefined }));
      const closed = store;
      await closed.close();
      store = LmdbBackend.open({ dir, tables: [table, 'second'], commitIntervalMs: 60_000 });
      await committed([...all, ...first.map((write) => ({ table, ...write }))]);
      store.write(second.map((write) => ({ table, ...write })));
      const view = store.openReadView();
      const slow = { range: view.range.bind(view) };
      expect(frames(view, bytesMax)).toEqual(frames(slow, bytesMax));
      view.close();
    }),
    { numRuns: 40 },
  );
});

test('a row larger than a frame makes a larger frame', async () => {
  const value = new Uint8Array(100_000).fill(7);
  await committed([
    { table, key: 'a', value },
    { table, key: 'b', value: Uint8Array.of(1) },
  ]);
  const view = store.openReadView();
  const found = frames(view, 1_000).map((frame) => Rows.decode(frame.subarray(framingBytes)).rows);
  expect(found.map((rows) => rows.map(({ key, value: { length } }) => [key, length]))).toEqual([
    [['a', 100_000]],
    [['b', 1]],
  ]);
  view.close();
});

test('a view that is closed shows nothing any more', () => {
  const view = store.openReadView();
  view.close();
  expect(() => rowsFrame(view, table, { kind, from: '', bytesMax: 1_000 })).toThrow(
    'a view is used while it is open',
  );
});
