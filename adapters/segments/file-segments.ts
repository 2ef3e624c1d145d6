import { dirname, join, resolve } from 'node:path';

import { assert, present } from '../../core/base/assert.ts';
import { compareKeys, noBytes } from '../../core/base/bytes.ts';
import { UnreadableError } from '../../core/storage/read-errors.ts';
import { type SegmentFile, type SegmentFiles } from '../../core/storage/segment-files.ts';
import { checkSegmentName, isSegmentName } from '../../core/storage/segment-name.ts';
import { Descriptors } from './descriptors.ts';
import { type FileLayer } from './file-layer.ts';
import { NodeFileLayer } from './node-file-layer.ts';

interface FileState {
  readonly path: string;
  /** The system has the file. */
  exists: boolean;
  /** Bytes that the system has; what is appended lies behind them. */
  writtenBytes: number;
  /** Appended since the last sync began, in order. */
  appended: Uint8Array[];
  lengthBytes: number;
}

/** Files kept open; more than one process' logs write to at once. */
const openFilesMax = 256;

/**
 * Segment files in a directory of the file system.
 *
 * What a round appends stays in memory until its sync begins, and then goes to each file in one write, followed by one
 * fdatasync a file, all at once in the thread pool. The write itself is synchronous: it only copies to the system's
 * cache, which takes less time than handing it to the thread pool and back. While a sync is in flight nothing is written,
 * since a write to a page that is on its way to the disk would wait for the disk, and the whole process with it.
 *
 * One process at a time uses a directory; whoever opens this sees to it.
 */
export class FileSegments implements SegmentFiles {
  readonly #dir: string;
  readonly #layer: FileLayer;
  readonly #descriptors: Descriptors;
  readonly #files = new Map<string, FileState>();
  /**
   * Directories that this object made, or found and took its part in making durable: the process that made one may have
   * ended before its entry was.
   */
  readonly #directories = new Set<string>();
  /** Files that were appended to since the last sync began. */
  #touched = new Set<FileState>();
  /** Directories with entries that were made since the last sync began. */
  #changedDirectories = new Set<string>();
  #syncing = false;
  #failure: string | undefined;

  /** Opens the directory, made when it is not there, and finds the files in it. Throws the system's errors. */
  static open(options: { readonly dir: string; readonly layer?: FileLayer }): FileSegments {
    return new FileSegments(options.dir, options.layer ?? new NodeFileLayer());
  }

  private constructor(dir: string, layer: FileLayer) {
    this.#dir = resolve(dir);
    this.#layer = layer;
    this.#descriptors = new Descriptors(layer, openFilesMax);
    if (layer.makeDirectory(this.#dir)) layer.syncDirectoryNow(dirname(this.#dir));
    this.#scanDirectory('');
  }

  list(prefix: string): readonly SegmentFile[] {
    const found: SegmentFile[] = [];
    for (const [file, { lengthBytes }] of this.#files) {
      if (file.startsWith(prefix)) found.push({ file, lengthBytes });
    }
    return found.sort((left, right) => compareKeys(left.file, right.file));
  }

  read(file: string, positionBytes: number, lengthBytes: number): Uint8Array {
    checkSegmentName(file);
    const state = this.#files.get(file);
    const end = Math.min(positionBytes + lengthBytes, state?.lengthBytes ?? 0);
    if (state === undefined || end <= positionBytes) return noBytes;
    const bytes = new Uint8Array(end - positionBytes);
    const written = bytes.subarray(0, Math.max(0, Math.min(end, state.writtenBytes) - positionBytes));
    if (written.length > 0) {
      const count = this.#readFromDisk(state, written, positionBytes);
      assert(count === written.length, `${file} is as long as it was written`);
    }
    let at = state.writtenBytes - positionBytes;
    for (const part of state.appended) {
      copyWhereItLies(bytes, part, at);
      at += part.length;
    }
    return bytes;
  }

  append(file: string, bytes: Uint8Array): void {
    checkSegmentName(file);
    let state = this.#files.get(file);
    if (state === undefined) {
      state = { path: join(this.#dir, file), exists: false, writtenBytes: 0, appended: [], lengthBytes: 0 };
      this.#files.set(file, state);
    }
    state.appended.push(bytes);
    state.lengthBytes += bytes.length;
    this.#touched.add(state);
  }

  cut(file: string, lengthBytes: number): void {
    if (lengthBytes === 0) {
      this.remove(file);
      return;
    }
    checkSegmentName(file);
    const state = present(this.#files.get(file), `only a file that exists is cut: ${file}`);
    assert(lengthBytes <= state.lengthBytes, 'a cut never lengthens a file');
    state.appended = firstBytes(state.appended, lengthBytes - state.writtenBytes);
    state.lengthBytes = lengthBytes;
    if (lengthBytes >= state.writtenBytes) return; // The system never saw what goes.
    state.writtenBytes = lengthBytes;
    const descriptor = this.#descriptors.get(state.path, false);
    this.#layer.truncate(descriptor, lengthBytes);
    this.#layer.syncDataNow(descriptor);
  }

  sync(onEnd: (failure: string | undefined) => void): void {
    assert(!this.#syncing, 'one sync is under way at a time');
    const touched = this.#touched;
    this.#touched = new Set();
    try {
      if (this.#failure === undefined) this.#write(touched);
    } catch (error) {
      this.#failure = describe(error);
    }
    if (this.#failure !== undefined) {
      onEnd(this.#failure);
      return;
    }
    const directories = this.#changedDirectories;
    this.#changedDirectories = new Set();
    this.#syncing = true;
    this.#syncAll(touched, directories, onEnd);
  }

  truncate(file: string, lengthBytes: number, doubtfulFromBytes = lengthBytes): void {
    checkSegmentName(file);
    const state = present(this.#files.get(file), `only a file that exists is cut: ${file}`);
    assert(lengthBytes <= state.lengthBytes, 'a cut never lengthens a file');
    assert(state.appended.length === 0, 'a file is cut only before anything is appended to it');
    const descriptor = this.#descriptors.get(state.path, false);
    if (lengthBytes < state.lengthBytes) this.#layer.truncate(descriptor, lengthBytes);
    state.lengthBytes = state.writtenBytes = lengthBytes;
    if (doubtfulFromBytes < lengthBytes) {
      const doubtful = this.read(file, doubtfulFromBytes, lengthBytes - doubtfulFromBytes);
      this.#layer.write(descriptor, [doubtful], doubtfulFromBytes);
    }
    this.#layer.syncDataNow(descriptor);
    // Up to the root: the process that made a directory may have ended before it was durable.
    for (let path = dirname(state.path); path.length >= this.#dir.length; path = dirname(path)) {
      this.#layer.syncDirectoryNow(path);
    }
  }

  remove(file: string): void {
    checkSegmentName(file);
    const state = this.#files.get(file);
    if (state === undefined) return;
    this.#files.delete(file);
    this.#touched.delete(state);
    if (!state.exists) return;
    this.#descriptors.forget(state.path);
    this.#layer.unlink(state.path);
    this.#layer.syncDirectoryNow(dirname(state.path));
  }

  /** Closes the files. What was not synced may be lost. */
  close(): void {
    this.#failure ??= 'the segment files are closed';
    this.#descriptors.closeAll();
  }

  /** @throws UnreadableError when the disk cannot read it; other errors are the system's own */
  #readFromDisk(state: FileState, into: Uint8Array, positionBytes: number): number {
    const descriptor = this.#descriptors.get(state.path, false);
    try {
      return this.#layer.read(descriptor, into, positionBytes);
    } catch (cause) {
      if (!lostCodes.has((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
      throw new UnreadableError(`${describe(cause)}: ${state.path} at ${positionBytes}`, { cause });
    }
  }

  #scanDirectory(prefix: string): void {
    for (const { name, isDirectory } of this.#layer.readDirectory(join(this.#dir, prefix))) {
      const file = prefix + name;
      if (!isSegmentName(file)) continue;
      const path = join(this.#dir, file);
      if (isDirectory) {
        this.#scanDirectory(`${file}/`);
      } else {
        // Not opened before it is used: closing another's file would drop that one's locks on it.
        const lengthBytes = this.#layer.lengthBytes(path);
        this.#files.set(file, { path, exists: true, writtenBytes: lengthBytes, appended: [], lengthBytes });
      }
    }
  }

  #write(touched: ReadonlySet<FileState>): void {
    for (const state of touched) {
      if (!state.exists) this.#makeDirectories(dirname(state.path));
      const descriptor = this.#descriptors.get(state.path, !state.exists);
      state.exists = true;
      this.#layer.write(descriptor, state.appended, state.writtenBytes);
      state.writtenBytes = state.lengthBytes;
      state.appended = [];
    }
  }

  /** Also marks the directory itself, which is about to get an entry. */
  #makeDirectories(path: string): void {
    this.#changedDirectories.add(path);
    if (path.length <= this.#dir.length || this.#directories.has(path)) return;
    this.#makeDirectories(dirname(path));
    this.#layer.makeDirectory(path);
    this.#directories.add(path);
  }

  #syncAll(
    touched: ReadonlySet<FileState>,
    directories: ReadonlySet<string>,
    onEnd: (failure: string | undefined) => void,
  ): void {
    let left = 1 + touched.size + directories.size;
    const onOneEnd = (error: Error | undefined): void => {
      if (error !== undefined) this.#failure ??= describe(error);
      left -= 1;
      if (left > 0) return;
      this.#syncing = false;
      onEnd(this.#failure);
    };
    for (const { path } of touched) this.#syncFile(path, onOneEnd);
    for (const path of directories) {
      try {
        this.#layer.syncDirectory(path, onOneEnd);
      } catch (error) {
        onOneEnd(error as Error);
      }
    }
    onOneEnd(undefined);
  }

  #syncFile(path: string, onEnd: (error: Error | undefined) => void): void {
    let descriptor: number;
    try {
      descriptor = this.#descriptors.pin(path);
    } catch (error) {
      onEnd(error as Error);
      return;
    }
    this.#layer.syncData(descriptor, (error) => {
      this.#descriptors.unpin(path, descriptor);
      onEnd(error);
    });
  }
}

/** How a system says that the disk has lost what lay there: EIO mostly, and what drivers and checksums say in its place. */
const lostCodes: ReadonlySet<string> = new Set([
  'EIO',
  'ENODATA',
  'EREMOTEIO',
  'EILSEQ',
  'EBADMSG',
  'EUCLEAN',
]);

/** The first `lengthBytes` bytes of what these parts are together; none where it is negative. */
function firstBytes(parts: readonly Uint8Array[], lengthBytes: number): Uint8Array[] {
  const kept: Uint8Array[] = [];
  let left = lengthBytes;
  for (const part of parts) {
    if (left <= 0) break;
    kept.push(part.subarray(0, left));
    left -= part.length;
  }
  return kept;
}

/** Copies the overlap of `part`, which begins at `at` of `bytes` (it may begin before them, or behind). */
function copyWhereItLies(bytes: Uint8Array, part: Uint8Array, at: number): void {
  const from = Math.max(0, -at);
  const end = Math.min(part.length, bytes.length - at);
  if (from < end) bytes.set(part.subarray(from, end), at + from);
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
