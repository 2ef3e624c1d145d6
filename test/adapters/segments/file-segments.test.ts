import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { Descriptors } from '../../../adapters/segments/descriptors.ts';
import { type FileLayer } from '../../../adapters/segments/file-layer.ts';
import { FileSegments } from '../../../adapters/segments/file-segments.ts';
import { NodeFileLayer } from '../../../adapters/segments/node-file-layer.ts';
import { UnreadableError } from '../../../core/storage/read-errors.ts';
import { synced } from '../../contract/segment-subject.ts';
import { PowerCutLayer } from './power-cut-layer.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'photon-segments-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** The real layer, with every call written down and failures on demand. */
class WatchedLayer extends NodeFileLayer {
  readonly calls: string[] = [];
  fails: Partial<Record<keyof FileLayer, string>> = {};
  readonly #paths = new Map<number, string>();

  override makeDirectory(path: string): boolean {
    this.#note('makeDirectory', path);
    return super.makeDirectory(path);
  }

  override open(path: string, create: boolean): number {
    this.#note('open', path);
    const descriptor = super.open(path, create);
    this.#paths.set(descriptor, path);
    return descriptor;
  }

  override close(descriptor: number): void {
    this.#note('close', this.#paths.get(descriptor) ?? '?');
    super.close(descriptor);
  }

  override write(descriptor: number, parts: readonly Uint8Array[], positionBytes: number): void {
    this.#note('write', `${this.#paths.get(descriptor) ?? '?'} ${parts.length}@${positionBytes}`);
    super.write(descriptor, parts, positionBytes);
  }

  override read(descriptor: number, into: Uint8Array, positionBytes: number): number {
    this.#failAs('read');
    return super.read(descriptor, into, positionBytes);
  }

  override syncData(descriptor: number, onEnd: (error: Error | undefined) => void): void {
    const code = this.fails.syncData;
    this.calls.push(`syncData ${(this.#paths.get(descriptor) ?? '?').slice(dir.length + 1)}`);
    super.syncData(descriptor, (error) =>
      onEnd(code === undefined ? error : new Error(`${code}: fdatasync`)),
    );
  }

  override syncDirectory(path: string, onEnd: (error: Error | undefined) => void): void {
    this.#note('syncDirectory', path);
    super.syncDirectory(path, onEnd);
  }

  override syncDirectoryNow(path: string): void {
    this.#note('syncDirectoryNow', path);
    super.syncDirectoryNow(path);
  }

  #note(call: keyof FileLayer, what: string): void {
    this.calls.push(`${call} ${what.startsWith(dir) ? what.slice(dir.length + 1) : what}`);
    this.#failAs(call);
  }

  #failAs(call: keyof FileLayer): void {
    const code = this.fails[call];
    if (code !== undefined) throw Object.assign(new Error(`${code}: ${call}`), { code });
  }
}

test('a round is one write and one sync a file, and one sync a directory with a new entry', async () => {
  const layer = new WatchedLayer();
  const files = FileSegments.open({ dir, layer });
  layer.calls.length = 0;
  for (let record = 0; record < 5; record += 1) {
    files.append('log/1', new Uint8Array([record]));
    files.append('log/2', new Uint8Array([record]));
  }
  expect(layer.calls).toEqual([]);
  await synced(files, () => setImmediate());
  expect(layer.calls).toEqual([
    'makeDirectory log',
    'open log/1',
    'write log/1 5@0',
    'open log/2',
    'write log/2 5@0',
    'syncData log/1',
    'syncData log/2',
    'syncDirectory log',
    'syncDirectory ',
  ]);
  layer.calls.length = 0;
  files.append('log/2', new Uint8Array([9]));
  await synced(files, () => setImmediate());
  expect(layer.calls).toEqual(['write log/2 1@5', 'syncData log/2']);
  files.close();
});

test('nothing is written while a sync is under way, and yet it is read', async () => {
  const layer = new WatchedLayer();
  const files = FileSegments.open({ dir, layer });
  files.append('a', new Uint8Array([1]));
  const ended = synced(files, () => setImmediate());
  files.append('a', new Uint8Array([2, 3]));
  expect([...files.read('a', 0, 10)]).toEqual([1, 2, 3]);
  expect(layer.calls.filter((call) => call.startsWith('write'))).toEqual(['write a 1@0']);
  expect(() => files.sync(() => undefined)).toThrow('one sync is under way at a time');
  await ended;
  files.close();
});

test('a directory that an earlier process made has its entry synced again', async () => {
  mkdirSync(join(dir, 'log'));
  const layer = new WatchedLayer();
  const files = FileSegments.open({ dir, layer });
  layer.calls.length = 0;
  files.append('log/1', new Uint8Array([1]));
  await synced(files, () => setImmediate());
  expect(layer.calls.filter((call) => call.startsWith('syncDirectory'))).toEqual([
    'syncDirectory log',
    'syncDirectory ',
  ]);
  files.close();
});

test.each([
  ['open', 'EMFILE'],
  ['write', 'ENOSPC'],
  ['syncData', 'EIO'],
  ['syncDirectory', 'EIO'],
  ['makeDirectory', 'EROFS'],
] as const)('a failing %s fails the sync, once, and after it nothing is written', async (call, code) => {
  const layer = new WatchedLayer();
  const files = FileSegments.open({ dir, layer });
  const ends: (string | undefined)[] = [];
  layer.fails = { [call]: code };
  files.append('log/1', new Uint8Array([1]));
  files.append('log/2', new Uint8Array([1]));
  files.sync((failure) => ends.push(failure));
  while (ends.length === 0) await setImmediate();
  layer.fails = {};
  layer.calls.length = 0;
  files.append('log/1', new Uint8Array([2]));
  files.sync((failure) => ends.push(failure));
  await setImmediate();
  expect(ends).toHaveLength(2);
  for (const end of ends) expect(end).toContain(code);
  expect(layer.calls).toEqual([]);
  files.close();
});

test('a write that the system cuts short goes on where it stopped', () => {
  const layer = new NodeFileLayer();
  const descriptor = layer.open(join(dir, 'many'), true);
  // More parts than one writev takes.
  const parts = Array.from({ length: 2_500 }, (_, at) => new Uint8Array([at % 251, at % 7]));
  layer.write(descriptor, parts, 0);
  layer.close(descriptor);
  const content = readFileSync(join(dir, 'many'));
  expect(content).toHaveLength(5_000);
  expect([content[4_998], content[4_999]]).toEqual([2_499 % 251, 2_499 % 7]);
});

test('bytes in doubt are written again before a cut returns', () => {
  writeFileSync(join(dir, 'a'), 'abcdef');
  const layer = new WatchedLayer();
  const files = FileSegments.open({ dir, layer });
  layer.calls.length = 0;
  files.truncate('a', 5, 2);
  expect(layer.calls).toEqual(['open a', 'write a 1@2', 'syncDirectoryNow ']);
  expect(readFileSync(join(dir, 'a'), 'latin1')).toBe('abcde');
  files.close();
});

test('what is not a segment file is left alone', () => {
  writeFileSync(join(dir, 'a~'), '');
  writeFileSync(join(dir, '#a#'), '');
  writeFileSync(join(dir, 'a'), 'x');
  symlinkSync('nowhere', join(dir, 'dangling'));
  const layer = new WatchedLayer();
  const files = FileSegments.open({ dir, layer });
  expect(files.list('')).toEqual([{ file: 'a', lengthBytes: 1 }]);
  expect(layer.calls).toEqual(['makeDirectory ']); // Not even opened.
  files.close();
});

test('a closed object writes nothing more', async () => {
  const files = FileSegments.open({ dir });
  files.append('a', new Uint8Array([1]));
  files.close();
  await expect(synced(files, () => setImmediate())).rejects.toThrow('closed');
});

test('open files are bounded; the ones used last stay open, pinned ones too', () => {
  const layer = new WatchedLayer();
  const descriptors = new Descriptors(layer, 2);
  const path = (name: string): string => join(dir, name);
  for (const name of ['a', 'b']) descriptors.get(path(name), true);
  const pinned = descriptors.pin(path('a'));
  descriptors.get(path('b'), false);
  descriptors.get(path('c'), true); // The pinned one was used least lately, and stays.
  expect(layer.calls.filter((call) => call.startsWith('close'))).toEqual(['close b']);
  descriptors.forget(path('a'));
  expect(layer.calls.at(-1)).toBe('open c');
  descriptors.unpin(path('a'), pinned);
  expect(layer.calls.at(-1)).toBe('close a');
  expect(() => descriptors.unpin(path('a'), pinned)).toThrow('only what is pinned');
  descriptors.closeAll();
  expect(layer.calls.at(-1)).toBe('close c');
});

test('more files than are kept open are written and read all the same', async () => {
  const files = FileSegments.open({ dir });
  for (let round = 0; round < 2; round += 1) {
    for (let file = 0; file < 300; file += 1) files.append(`f${file}`, new Uint8Array([file % 256, round]));
    await synced(files, () => setImmediate());
  }
  for (let file = 0; file < 300; file += 1) {
    expect([...files.read(`f${file}`, 0, 9)]).toEqual([file % 256, 0, file % 256, 1]);
  }
  files.close();
});

test('the layer that loses its power keeps nothing whose sync has not completed', () => {
  let complete: () => void = () => undefined;
  const layer = new PowerCutLayer(dir, (done) => (complete = done));
  const files = FileSegments.open({ dir, layer });
  const onDisk = (): string[] =>
    FileSegments.open({ dir })
      .list('')
      .map(({ file, lengthBytes }) => `${file} ${lengthBytes}`);
  files.append('a', new Uint8Array(5));
  files.sync(() => undefined);
  const dataSynced = complete; // The directory's sync is asked for last.
  expect(onDisk()).toEqual([]);
  dataSynced();
  expect(onDisk()).toEqual(['a 0']); // The entry is durable, the content not: this one was the directory's.
});

test.each([
  ['EIO', true],
  ['ENODATA', true],
  ['EBADMSG', true],
  ['EBADF', false],
] as const)('a read that ends in %s: has the disk lost something? %s', async (code, lost) => {
  const layer = new WatchedLayer();
  const files = FileSegments.open({ dir, layer });
  files.append('log/1', new Uint8Array(10));
  await synced(files, () => setImmediate());
  layer.fails = { read: code };
  const failure = ((): unknown => {
    try {
      return files.read('log/1', 0, 10);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(failure instanceof UnreadableError).toBe(lost);
  const { message, cause } = failure as Error;
  if (lost) expect(message).toBe(`${code}: read: ${dir}/log/1 at 0`);
  expect((lost ? cause : failure) as Error).toMatchObject({ code });
  files.close();
});

test('a write that the disk does not take is a sync that fails', async () => {
  const layer = new WatchedLayer();
  const files = FileSegments.open({ dir, layer });
  layer.fails = { write: 'EIO' };
  files.append('log/1', new Uint8Array(10));
  const failure = await new Promise<string | undefined>((resolve) => {
    files.sync(resolve);
  });
  expect(failure).toBe('EIO: write');
});
