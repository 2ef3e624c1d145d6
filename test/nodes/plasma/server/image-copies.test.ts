import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { ImageStore } from '../../../../adapters/images/image-store.ts';
import { defaultImageLimits } from '../../../../core/plasma/images/image-header.ts';
import { type Digest } from '../../../../core/plasma/types.ts';
import { ImageCopies, type ImageHolder } from '../../../../nodes/plasma/server/image-copies.ts';

const fileBytesMax = 16_777_216;
const imageBytes = 2_500_096;

let dir = '';
const running: ImageCopies[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'photon-copies-'));
});
afterEach(async () => {
  for (const copies of running.splice(0)) await copies.close();
  rmSync(dir, { recursive: true, force: true });
});

function storeAt(name: string): Promise<ImageStore> {
  return ImageStore.open({ directory: join(dir, name), limits: defaultImageLimits, fileBytesMax });
}

async function* piecesOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield await Promise.resolve(bytes);
}

/** Raw bytes that look like nothing else, and their digest. */
async function imported(store: ImageStore, bytes = randomBytes(imageBytes)): Promise<Digest> {
  bytes[0] = 0;
  return (await store.import(piecesOf(bytes), { format: 'raw' })).digest;
}

function holderOf(store: ImageStore): ImageHolder & { asked: number } {
  return {
    asked: 0,
    fetchImage({ digest, fromByte, bytesMax }) {
      this.asked += 1;
      return store.chunk(digest, fromByte, bytesMax);
    },
  };
}

interface Running {
  readonly copies: ImageCopies;
  readonly failures: readonly string[];
  /** The next image that comes. */
  copied(): Promise<Digest>;
  /** The next failure that is told. */
  failed(): Promise<string>;
}

function copying(store: ImageStore, peers: readonly ImageHolder[], catalogue: readonly Digest[]): Running {
  const failures: string[] = [];
  let onCopied: (digest: Digest) => void = () => undefined;
  let onFailed: (what: string) => void = () => undefined;
  const copies = new ImageCopies({
    ...{ store, peers, fileBytesMax },
    catalogue: () => Promise.resolve(new Set(catalogue)),
    onCopied: (digest) => {
      onCopied(digest);
    },
    onFailed: (what, error) => {
      failures.push(`${what}: ${(error as Error).message}`);
      onFailed(what);
    },
  });
  running.push(copies);
  return {
    copies,
    failures,
    copied: () =>
      new Promise((resolve) => {
        onCopied = resolve;
      }),
    failed: () =>
      new Promise((resolve) => {
        onFailed = resolve;
      }),
  };
}

test('what the catalogue names and is not here is fetched from who has it, and nothing else is', async () => {
  const [own, other, empty] = await Promise.all([storeAt('own'), storeAt('other'), storeAt('empty')]);
  const wanted = await imported(other);
  const unnamed = await imported(other);
  const { copies, copied } = copying(own, [holderOf(empty), holderOf(other)], [wanted]);
  const came = copied();
  copies.start();
  expect(await came).toBe(wanted);
  const { bytes } = await own.chunk(wanted, 0, imageBytes);
  expect(bytes.length).toBeGreaterThan(0);
  expect(await own.list()).toEqual([wanted]);
  expect(await own.find(unnamed)).toBeUndefined();
});

test('one that nobody has is told of once, keeps no other back, and comes when somebody has it', async () => {
  const [own, other] = await Promise.all([storeAt('own'), storeAt('other')]);
  const late = randomBytes(imageBytes);
  late[0] = 0;
  const missing = `sha256:${createHash('sha256').update(late).digest('hex')}`;
  const wanted = await imported(other);
  const { copies, copied, failures } = copying(own, [holderOf(other)], [missing, wanted]);
  const first = copied();
  copies.start();
  expect(await first).toBe(wanted);
  expect(failures).toEqual([`${missing}: no server that can be reached has it`]);
  expect(copies.missing).toBe(1);
  const second = copied();
  expect(await imported(other, late)).toBe(missing);
  expect(await second).toBe(missing);
  expect(failures).toHaveLength(1);
});

test('a server that gives other bytes is not believed: the image comes from the one that has it', async () => {
  const [own, other] = await Promise.all([storeAt('own'), storeAt('other')]);
  const wanted = await imported(other);
  const liar: ImageHolder = {
    fetchImage: async ({ digest, fromByte, bytesMax }) => {
      const { bytes, totalBytes } = await other.chunk(digest, fromByte, bytesMax);
      return { bytes: bytes.map((byte, at) => (at === 77 ? byte ^ 1 : byte)), totalBytes };
    },
  };
  const { copies, copied } = copying(own, [liar, holderOf(other)], [wanted]);
  const came = copied();
  copies.start();
  expect(await came).toBe(wanted);
  // It is what its name says: judged again from its bytes.
  expect((await own.find(wanted))?.digest).toBe(wanted);
});

test('it ends at once, whoever it waits for', async () => {
  const own = await storeAt('own');
  let asked: () => void = () => undefined;
  const waiting = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const silent: ImageHolder = {
    fetchImage: () => {
      asked();
      return new Promise(() => undefined);
    },
  };
  const { copies, failures } = copying(own, [silent], [`sha256:${'0'.repeat(64)}`]);
  copies.start();
  await waiting;
  await copies.close();
  expect(failures).toEqual([]);
});

test('a server without others looks at nothing', async () => {
  const own = await storeAt('own');
  const { copies } = copying(own, [], [`sha256:${'0'.repeat(64)}`]);
  copies.start();
  await copies.close();
  expect(copies.missing).toBe(0);
});
