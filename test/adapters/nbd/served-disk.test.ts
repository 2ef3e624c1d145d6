import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DiskFile, DiskFileError, type RawDisk } from '../../../adapters/nbd/disk-file.ts';
import { newDiskCounters, ServedDisk } from '../../../adapters/nbd/served-disk.ts';
import { type DiskHolder } from '../../../core/plasma/storage/exports-protocol.ts';
import { type NbdRequest } from '../../../core/wire/nbd/protocol.ts';

const vm = `vm-${'d'.repeat(32)}`;
const old: DiskHolder = { vm, fenceToken: 1 };
const next: DiskHolder = { vm, fenceToken: 2 };
const sizeBytes = 4 * 1_048_576;
const handle = new Uint8Array(8);

/** A file whose writes wait at a gate, as those of a disk that is slow do. */
class GatedFile implements RawDisk {
  readonly #file: DiskFile;
  readonly waiting: (() => void)[] = [];
  gated = false;
  failsSync = false;

  constructor(file: DiskFile) {
    this.#file = file;
  }

  read(positionBytes: number, lengthBytes: number): Promise<Uint8Array> {
    return this.#file.read(positionBytes, lengthBytes);
  }

  async write(positionBytes: number, bytes: Uint8Array): Promise<void> {
    if (this.gated) {
      await new Promise<void>((resolve) => {
        this.waiting.push(resolve);
      });
    }
    await this.#file.write(positionBytes, bytes);
  }

  sync(): Promise<void> {
    return this.failsSync ? Promise.reject(new DiskFileError('EIO', 'no')) : this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

let dir = '';
let path = '';
let file: GatedFile;
let disk: ServedDisk;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'photon-served-'));
  path = join(dir, 'disk.raw');
  writeFileSync(path, Buffer.alloc(sizeBytes));
  file = new GatedFile(await DiskFile.open(path, sizeBytes));
  disk = new ServedDisk('d', newDiskCounters());
  disk.serve(file);
  disk.open(old);
  disk.open(next);
  await disk.activate(old);
});

afterEach(async () => {
  for (const resume of file.waiting.splice(0)) resume();
  await disk.end();
  rmSync(dir, { recursive: true, force: true });
});

function write(byte: number, positionBytes = 0): NbdRequest {
  const bytes = new Uint8Array(512).fill(byte);
  return { kind: 'write', handle, positionBytes, bytes, durable: false };
}

function zeroing(lengthBytes: number, noHole = true): NbdRequest {
  return { kind: 'writeZeroes', handle, positionBytes: 0, lengthBytes, durable: false, noHole };
}

test('an activation is confirmed when no write of an older one is under way, and not before', async () => {
  file.gated = true;
  const first = disk.carryOut(old, write(1));
  const second = disk.carryOut(old, write(1, 512));
  let confirmed = false;
  const activation = disk.activate(next).then(() => {
    confirmed = true;
  });
  // What comes now comes too late, whatever is still under way.
  expect(await disk.carryOut(old, write(9))).toEqual({ kind: 'failed', error: 'EPERM' });
  file.waiting.shift()?.();
  expect(await first).toEqual({ kind: 'done' });
  expect(confirmed).toBe(false);
  file.waiting.shift()?.();
  expect(await second).toEqual({ kind: 'done' });
  await activation;
  file.gated = false;
  expect(await disk.carryOut(next, write(2))).toEqual({ kind: 'done' });
  expect(readFileSync(path).subarray(0, 1_024)).toEqual(
    Buffer.concat([Buffer.alloc(512, 2), Buffer.alloc(512, 1)]),
  );
});

test('the same one activated again waits for others only', async () => {
  file.gated = true;
  const own = disk.carryOut(old, write(1));
  await disk.activate(old);
  file.waiting.shift()?.();
  expect(await own).toEqual({ kind: 'done' });
});

test('a long zeroing stops where it is when its sender is fenced', async () => {
  writeFileSync(path, Buffer.alloc(sizeBytes, 7));
  file.gated = true;
  const long = disk.carryOut(old, zeroing(4 * 1_048_576));
  const activation = disk.activate(next);
  file.gated = false;
  file.waiting.shift()?.();
  expect(await long).toEqual({ kind: 'failed', error: 'EPERM' });
  await activation;
  const bytes = readFileSync(path);
  expect(bytes.subarray(0, 1_048_576).equals(Buffer.alloc(1_048_576))).toBe(true);
  expect(bytes.subarray(1_048_576).equals(Buffer.alloc(3 * 1_048_576, 7))).toBe(true);
});

test('one that is closed is told that it will never write again; one that waits, that it may not yet', async () => {
  expect(await disk.carryOut(next, write(2))).toEqual({ kind: 'failed', error: 'EPERM' });
  disk.close(old);
  const trim: NbdRequest = {
    ...{ kind: 'trim', handle, positionBytes: 0, lengthBytes: 512 },
    ...{ durable: false, noHole: false },
  };
  const read: NbdRequest = { kind: 'read', handle, positionBytes: 0, lengthBytes: 1 };
  for (const request of [write(1), zeroing(512), zeroing(0), trim, read]) {
    expect(await disk.carryOut(old, request)).toEqual({ kind: 'failed', error: 'ESHUTDOWN' });
  }
  expect(await disk.carryOut(old, { kind: 'flush', handle })).toEqual({ kind: 'done' });
  expect(readFileSync(path).equals(Buffer.alloc(sizeBytes))).toBe(true);
});

test('after a sync that failed nothing is said to be on the disk any more', async () => {
  file.failsSync = true;
  expect(await disk.carryOut(old, { kind: 'flush', handle })).toEqual({ kind: 'failed', error: 'EIO' });
  file.failsSync = false;
  expect(await disk.carryOut(old, { kind: 'flush', handle })).toEqual({ kind: 'failed', error: 'EIO' });
  expect(await disk.carryOut(old, write(1))).toEqual({ kind: 'failed', error: 'EIO' });
});

test('a file of another size, a link and a directory are not served', async () => {
  await expect(DiskFile.open(path, 512)).rejects.toThrow('has 4194304 bytes');
  await expect(DiskFile.open(dir, sizeBytes)).rejects.toThrow(/EISDIR|plain/);
});
