import { createHash } from 'node:crypto';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchImage, type AskChunk } from '../../../adapters/images/fetch-image.ts';
import { ImageStore } from '../../../adapters/images/image-store.ts';
import { defaultImageLimits } from '../../../core/plasma/images/image-header.ts';

const mib = 1_048_576;
const content = Buffer.alloc(3 * mib + 512);
for (let at = 0; at < content.length; at += 4) content.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
const digest = digestOf(content);

let dir = '';
let store: ImageStore;

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function openStore(name: string): Promise<ImageStore> {
  return ImageStore.open({
    directory: join(dir, name),
    limits: defaultImageLimits,
    fileBytesMax: 8 * mib,
  });
}

async function* pieces(bytes: Uint8Array, pieceBytes = 100_000): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    await Promise.resolve();
    yield bytes.subarray(at, at + pieceBytes);
  }
}

function leftovers(name: string): readonly string[] {
  return readdirSync(join(dir, name, 'partial'));
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'photon-images-'));
  store = await openStore('a');
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

test('an image is taken in under the digest of its bytes, and told how far it is', async () => {
  const told: number[] = [];
  const stored = await store.import(pieces(content), {
    format: 'raw',
    progress: (bytes) => told.push(bytes),
  });
  expect(stored).toEqual({
    digest,
    format: 'raw',
    fileBytes: content.length,
    virtualBytes: content.length,
  });
  expect(told.at(-1)).toBe(content.length);
  expect(told).toHaveLength(Math.ceil(content.length / 100_000));
  expect(readFileSync(store.pathOf(digest)).equals(content)).toBe(true);
  expect(statSync(store.pathOf(digest)).mode & 0o222).toBe(0);
  expect(await store.find(digest)).toEqual(stored);
  expect(await store.list()).toEqual([digest]);
  expect(await store.import(pieces(content), { format: 'raw' })).toEqual(stored);
  expect(leftovers('a')).toEqual([]);
});

test('what is not taken leaves nothing behind', async () => {
  const backed = Buffer.alloc(mib);
  backed.write('QFI\xfb', 'latin1');
  backed.writeUInt32BE(3, 4);
  backed.writeUInt32BE(512, 12);
  const other = `sha256:${'0'.repeat(64)}`;
  await expect(store.import(pieces(backed), { format: 'qcow2' })).rejects.toThrow('backing file');
  await expect(store.import(pieces(backed), { format: 'raw' })).rejects.toThrow('begins as qcow2');
  await expect(store.import(pieces(content), { format: 'raw', digest: other })).rejects.toThrow(digest);
  await expect(store.import(pieces(Buffer.alloc(9 * mib)), { format: 'raw' })).rejects.toThrow('8388608');
  const broken = async function* (): AsyncIterable<Uint8Array> {
    yield* pieces(content.subarray(0, mib));
    throw new Error('the sender is gone');
  };
  await expect(store.import(broken(), { format: 'raw' })).rejects.toThrow('the sender is gone');
  expect(await store.list()).toEqual([]);
  expect(leftovers('a')).toEqual([]);
});

test('names that are no digest lead nowhere', async () => {
  for (const name of [
    '',
    'sha256:',
    '../../etc/passwd',
    `sha256:${'A'.repeat(64)}`,
    `sha512:${'0'.repeat(64)}`,
  ]) {
    expect(() => store.pathOf(name)).toThrow('is no digest');
    await expect(store.chunk(name, 0, 10)).rejects.toThrow('is no digest');
    await expect(store.appendPartial(name, 0, content)).rejects.toThrow('is no digest');
  }
});

test('an image goes from one store to another in pieces, and from where an attempt was cut short', async () => {
  await store.import(pieces(content), { format: 'raw' });
  const target = await openStore('b');
  const asked: number[] = [];
  const cutAtByte = 2 * mib;
  let cut = new AbortController();
  const ask: AskChunk = (_server, { digest: wanted, fromByte, bytesMax }) => {
    asked.push(fromByte);
    if (fromByte === cutAtByte && asked.length === 3) cut.abort(new Error('killed'));
    return store.chunk(wanted, fromByte, bytesMax);
  };
  const options = { store: target, digest, servers: 1, ask, fileBytesMax: 8 * mib };
  await expect(fetchImage({ ...options, signal: cut.signal })).rejects.toThrow('killed');
  expect(await target.find(digest)).toBeUndefined();
  cut = new AbortController();
  const again = await openStore('b');
  const fetched = await fetchImage({ ...options, store: again });
  expect(fetched).toMatchObject({ digest, fileBytes: content.length });
  // The piece that was under way when it was cut is asked for again, no other.
  expect(asked).toEqual([0, mib, 2 * mib, 2 * mib, 3 * mib]);
  expect(readFileSync(again.pathOf(digest)).equals(content)).toBe(true);
  expect(leftovers('b')).toEqual([]);
});

test('a server that gives something else is not believed; another one has it right', async () => {
  await store.import(pieces(content), { format: 'raw' });
  const target = await openStore('b');
  const forged = Buffer.from(content);
  forged[mib] = (forged[mib] ?? 0) ^ 1;
  const ask: AskChunk = (server, { fromByte, bytesMax }) =>
    server === 0
      ? Promise.resolve({
          bytes: forged.subarray(fromByte, fromByte + bytesMax),
          totalBytes: forged.length,
        })
      : store.chunk(digest, fromByte, bytesMax);
  await fetchImage({ store: target, digest, servers: 2, ask, fileBytesMax: 8 * mib });
  expect(readFileSync(target.pathOf(digest)).equals(content)).toBe(true);

  const none = await openStore('c');
  await expect(fetchImage({ store: none, digest, servers: 1, ask, fileBytesMax: 8 * mib })).rejects.toThrow(
    'could not be fetched',
  );
  expect(await none.list()).toEqual([]);
});

test('a partial file that a crash has hurt is found out, and fetched anew', async () => {
  await store.import(pieces(content), { format: 'raw' });
  const target = await openStore('b');
  await target.appendPartial(digest, 0, content.subarray(0, mib));
  const [partial = ''] = leftovers('b');
  truncateSync(join(dir, 'b', 'partial', partial), 100);
  truncateSync(join(dir, 'b', 'partial', partial), 2 * mib);
  const ask: AskChunk = (_server, { fromByte, bytesMax }) => store.chunk(digest, fromByte, bytesMax);
  const fetched = await fetchImage({ store: target, digest, servers: 1, ask, fileBytesMax: 8 * mib });
  expect(fetched.digest).toBe(digest);
  expect(readFileSync(target.pathOf(digest)).equals(content)).toBe(true);
});

test('a right digest does not make a dangerous image a good one', async () => {
  const backed = Buffer.alloc(mib);
  backed.write('QFI\xfb', 'latin1');
  backed.writeUInt32BE(2, 4);
  backed.writeUInt32BE(512, 12);
  const bad = digestOf(backed);
  await store.appendPartial(bad, 0, backed);
  await expect(store.finish(bad)).rejects.toThrow('backing file');
  expect(await store.find(bad)).toBeUndefined();
});

test('an import that was cut short by a crash is gone after the next start, a fetch is not', async () => {
  writeFileSync(join(dir, 'a', 'partial', 'import-0011223344556677'), 'half');
  await store.appendPartial(digest, 0, content.subarray(0, 10));
  const again = await openStore('a');
  expect(leftovers('a')).toEqual([digest.slice('sha256:'.length)]);
  expect(await again.partialBytes(digest)).toBe(10);
  await expect(again.appendPartial(digest, 9, content)).rejects.toThrow('10 bytes are there');
  await again.discardPartial(digest);
  expect(await again.partialBytes(digest)).toBe(0);
});
