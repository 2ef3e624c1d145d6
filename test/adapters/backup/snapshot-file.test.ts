import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import {
  snapshotFormatVersion,
  SnapshotFileHeader,
  snapshotFrames,
  snapshotMagic,
} from '../../../adapters/backup/format.ts';
import { SnapshotCheck, SnapshotFile } from '../../../adapters/backup/snapshot-reader.ts';
import { snapshotBytes } from '../../../adapters/backup/snapshot-writer.ts';
import { End, Rows } from '../../../adapters/peer/protocol.ts';
import { MemoryBackend } from '../../../core/storage/memory-backend.ts';
import { framingBytes, writeFraming } from '../../../core/wire/framing.ts';

const tables = ['first', 'second', 'third'];
const header: SnapshotFileHeader = {
  formatVersion: snapshotFormatVersion,
  system: 'test',
  softwareVersion: '1',
  clusterId: 0xfedc_ba98_7654_3210n,
  memberName: 'a',
  appliedIndex: 7,
  appliedTerm: 2,
  revision: 5,
  compactRevision: 0,
  createdMs: 1_000,
  tables,
};
let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'photon-snapshot-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** Table, key and value of every row. */
type Content = readonly (readonly [table: string, key: string, value: string])[];

async function written(content: Content): Promise<Uint8Array> {
  const store = new MemoryBackend(tables);
  store.write(content.map(([table, key, value]) => ({ table, key, value: Buffer.from(value, 'latin1') })));
  const pieces: Uint8Array[] = [];
  for await (const piece of snapshotBytes(header, store.view(store.openView()))) pieces.push(piece);
  return Buffer.concat(pieces);
}

function saved(bytes: Uint8Array): string {
  const file = join(dir, 'file');
  writeFileSync(file, bytes);
  return file;
}

async function read(file: string): Promise<Content> {
  const content: [string, string, string][] = [];
  for await (const { table, rows } of (await SnapshotFile.open(file, 'test')).rows()) {
    for (const [key, value] of rows) content.push([table, key, Buffer.from(value).toString('latin1')]);
  }
  return content;
}

test('whatever a store holds comes back, and the length is one that etcd’s clients take for whole', async () => {
  const row = fc.tuple(
    fc.constantFrom(...tables),
    fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 20 }),
    fc.oneof(
      fc.string({ unit: 'binary-ascii', maxLength: 50 }),
      fc.integer({ min: 0, max: 100_000 }).map((length) => 'x'.repeat(length)),
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(row, { selector: ([table, key]) => `${table} ${key}`, maxLength: 60 }),
      async (rows) => {
        const content = rows.toSorted(
          (left, right) => order(left) - order(right) || compare(left[1], right[1]),
        );
        const bytes = await written(content);
        expect(bytes.length % 512).toBe(32);
        expect(await read(saved(bytes))).toEqual(content);
        const check = new SnapshotCheck();
        for (let at = 0; at < bytes.length; at += 1_000) check.push(bytes.subarray(at, at + 1_000));
        expect(check.finish('it').sizeBytes).toBe(bytes.length);
      },
    ),
    { numRuns: 50 },
  );
});

function order([table]: readonly [string, string, string]): number {
  return tables.indexOf(table);
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

test('a byte that has flipped anywhere, or an end that is missing, is found', async () => {
  const bytes = await written([
    ['first', 'a', 'x'.repeat(500)],
    ['third', 'b', '2'],
  ]);
  expect(bytes.length).toBe(1_056);
  for (let at = 0; at < bytes.length; at += at < 160 ? 1 : 7) {
    const flipped = Uint8Array.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    await expect(SnapshotFile.open(saved(flipped), 'test')).rejects.toThrow(
      at < snapshotMagic.length ? /is not a snapshot of Chainfire/ : /is damaged/,
    );
  }
  for (const length of [0, 1, snapshotMagic.length, 32, 512, 544, bytes.length - 1]) {
    await expect(SnapshotFile.open(saved(bytes.subarray(0, length)), 'test')).rejects.toThrow(
      /is not whole|is damaged|is not a snapshot/,
    );
  }
});

function frame(kind: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(framingBytes + payload.length);
  writeFraming(bytes, kind, payload);
  bytes.set(payload, framingBytes);
  return bytes;
}

/** A file whose digest is right, whatever it says. */
function forged(about: Partial<SnapshotFileHeader>, ...frames: readonly Uint8Array[]): string {
  const begin = frame(snapshotFrames.header, SnapshotFileHeader.encode({ ...header, ...about }));
  const body = Buffer.concat([snapshotMagic, begin, ...frames]);
  const padding = 512 - ((body.length + framingBytes) % 512);
  const whole = Buffer.concat([body, frame(snapshotFrames.padding, new Uint8Array(padding))]);
  return saved(Buffer.concat([whole, createHash('sha256').update(whole).digest()]));
}

function rows(table: string, ...keys: readonly string[]): Uint8Array {
  const value = Uint8Array.of(1);
  return frame(snapshotFrames.rows, Rows.encode({ table, rows: keys.map((key) => ({ key, value })) }));
}

const end = (count: number): Uint8Array => frame(snapshotFrames.end, End.encode({ rows: count }));

test.each([
  ['of another system', { system: 'chronik' }, [end(0)], 'is a snapshot of chronik, not of test'],
  ['of a newer format', { formatVersion: 2 }, [end(0)], 'has format 2, this version reads formats up to 1'],
  ['with too few rows', {}, [rows('first', 'a'), end(2)], 'it has 1 rows of 2'],
  ['without an end', {}, [rows('first', 'a')], 'it has no end'],
  ['with keys out of order', {}, [rows('first', 'b', 'a'), end(2)], 'it has keys of first out of order'],
  ['with a key twice', {}, [rows('first', 'a'), rows('first', 'a'), end(2)], 'keys of first out of order'],
  ['with tables out of order', {}, [rows('second', 'a'), rows('first', 'a'), end(2)], 'table "first" where'],
  ['with a table of its own', {}, [rows('fourth', 'a'), end(1)], 'table "fourth" where it does not belong'],
])('a file that is whole and %s is refused by name', async (_, about, frames, message) => {
  await expect(read(forged(about, ...frames))).rejects.toThrow(message);
});
