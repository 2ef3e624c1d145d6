import { mkdirSync, readdirSync, readFileSync, rmdirSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { type DirectoryEntry, type FileLayer } from '../../../adapters/segments/file-layer.ts';
import { NodeFileLayer } from '../../../adapters/segments/node-file-layer.ts';

/**
 * Files that lose their power with their process.
 *
 * A killed process leaves its writes in the system's cache, so that killing it tests little. Here the cache is this
 * object: writes stay in memory until a sync of the file has *completed*, entries of a directory until a sync of the
 * directory has; only then they go to the real files, which play the disk. SIGKILL at any moment leaves there what
 * a power cut would leave, in its harshest form: nothing that was not synced survives.
 */
export class PowerCutLayer implements FileLayer {
  readonly #root: string;
  readonly #disk = new NodeFileLayer();
  readonly #tree: Directory;
  /** Calls back when the disk is done; the longer it takes, the more a kill can lose. */
  readonly #delay: (done: () => void) => void;
  readonly #open = new Map<number, File>();
  #lastDescriptor = 0;
  /** Counts syncs as they begin. */
  #calls = 0;

  constructor(root: string, delay: (done: () => void) => void = setImmediate) {
    this.#root = root;
    this.#delay = delay;
    mkdirSync(root, { recursive: true });
    this.#tree = loadDirectory(root);
  }

  makeDirectory(path: string): boolean {
    if (path === this.#root) return false;
    const { entries } = this.#directory(dirname(path));
    const found = entries.get(basename(path));
    if (found instanceof File) throw systemError('EEXIST', path);
    if (found !== undefined) return false;
    entries.set(basename(path), new Directory());
    return true;
  }

  readDirectory(path: string): readonly DirectoryEntry[] {
    const { entries } = this.#directory(path);
    return [...entries].map(([name, node]) => ({ name, isDirectory: node instanceof Directory }));
  }

  open(path: string, create: boolean): number {
    const { entries } = this.#directory(dirname(path));
    let file = entries.get(basename(path));
    if (file instanceof Directory) throw systemError('EISDIR', path);
    if (file === undefined) {
      if (!create) throw systemError('ENOENT', path);
      file = new File(new Uint8Array(0));
      entries.set(basename(path), file);
    }
    this.#lastDescriptor += 1;
    this.#open.set(this.#lastDescriptor, file);
    return this.#lastDescriptor;
  }

  close(descriptor: number): void {
    this.#file(descriptor);
    this.#open.delete(descriptor);
  }

  lengthBytes(path: string): number {
    const file = this.#directory(dirname(path)).entries.get(basename(path));
    if (!(file instanceof File)) throw systemError('ENOENT', path);
    return file.cached.length;
  }

  read(descriptor: number, into: Uint8Array, positionBytes: number): number {
    const part = this.#file(descriptor).cached.subarray(positionBytes, positionBytes + into.length);
    into.set(part);
    return part.length;
  }

  write(descriptor: number, parts: readonly Uint8Array[], positionBytes: number): void {
    const file = this.#file(descriptor);
    let position = positionBytes;
    for (const part of parts) {
      file.write(part, position);
      position += part.length;
    }
  }

  truncate(descriptor: number, lengthBytes: number): void {
    const file = this.#file(descriptor);
    file.cached = file.cached.slice(0, lengthBytes);
  }

  unlink(path: string): void {
    if (!this.#directory(dirname(path)).entries.delete(basename(path))) throw systemError('ENOENT', path);
  }

  syncData(descriptor: number, onEnd: (error: Error | undefined) => void): void {
    const file = this.#file(descriptor);
    const content = file.cached; // As of the call: what is written later waits for the next sync.
    const call = this.#nextCall();
    this.#delay(() => {
      this.#settleFile(file, content, call);
      onEnd(undefined);
    });
  }

  syncDataNow(descriptor: number): void {
    const file = this.#file(descriptor);
    this.#settleFile(file, file.cached, this.#nextCall());
  }

  syncDirectory(path: string, onEnd: (error: Error | undefined) => void): void {
    const directory = this.#directory(path);
    const entries = new Map(directory.entries);
    const call = this.#nextCall();
    this.#delay(() => {
      this.#settleDirectory(directory, entries, call);
      onEnd(undefined);
    });
  }

  syncDirectoryNow(path: string): void {
    if (!path.startsWith(this.#root)) return; // Above the root everything is durable.
    const directory = this.#directory(path);
    this.#settleDirectory(directory, new Map(directory.entries), this.#nextCall());
  }

  #nextCall(): number {
    this.#calls += 1;
    return this.#calls;
  }

  #file(descriptor: number): File {
    const file = this.#open.get(descriptor);
    if (file === undefined) throw systemError('EBADF', String(descriptor));
    return file;
  }

  #directory(path: string): Directory {
    let node: Directory | File = this.#tree;
    for (const name of path.slice(this.#root.length).split('/')) {
      if (name === '') continue;
      const next: Directory | File | undefined =
        node instanceof Directory ? node.entries.get(name) : undefined;
      if (next === undefined) throw systemError('ENOENT', path);
      node = next;
    }
    if (node instanceof File) throw systemError('ENOTDIR', path);
    return node;
  }

  #settleFile(file: File, content: Uint8Array, call: number): void {
    if (call < file.settledBy) return; // Another sync, which began later, has ended before.
    file.settledBy = call;
    file.durable = content;
    this.#toDisk(this.#tree, this.#root);
  }

  #settleDirectory(directory: Directory, entries: ReadonlyMap<string, Directory | File>, call: number): void {
    if (call < directory.settledBy) return;
    directory.settledBy = call;
    directory.durable = entries;
    this.#toDisk(this.#tree, this.#root);
  }

  /** Brings the real files to what is durable and can be reached through durable entries. */
  #toDisk(directory: Directory, path: string): void {
    for (const [name, node] of directory.onDisk) {
      if (directory.durable.get(name) === node) continue;
      if (node instanceof File) unlinkSync(join(path, name));
      else rmdirSync(join(path, name));
      directory.onDisk.delete(name);
    }
    for (const [name, node] of directory.durable) {
      const isNew = !directory.onDisk.has(name);
      directory.onDisk.set(name, node);
      if (node instanceof File) {
        this.#fileToDisk(node, join(path, name), isNew);
      } else {
        if (isNew) mkdirSync(join(path, name));
        this.#toDisk(node, join(path, name));
      }
    }
  }

  #fileToDisk(file: File, path: string, isNew: boolean): void {
    if (!isNew && file.onDisk === file.durable) return;
    const descriptor = this.#disk.open(path, isNew);
    const same = isNew ? 0 : commonLength(file.onDisk, file.durable);
    this.#disk.truncate(descriptor, same);
    this.#disk.write(descriptor, [file.durable.subarray(same)], same);
    this.#disk.close(descriptor);
    file.onDisk = file.durable;
  }
}

class Directory {
  readonly entries = new Map<string, Directory | File>();
  durable: ReadonlyMap<string, Directory | File> = new Map();
  readonly onDisk = new Map<string, Directory | File>();
  settledBy = 0;
}

/** Contents are views that only ever grow at their end within one array, so that each costs no copy. */
class File {
  cached: Uint8Array;
  durable: Uint8Array = new Uint8Array(0);
  onDisk: Uint8Array = new Uint8Array(0);
  /** The call of the newest sync that has ended. */
  settledBy = 0;

  constructor(content: Uint8Array) {
    this.cached = content;
  }

  write(part: Uint8Array, position: number): void {
    const end = position + part.length;
    if (position === this.cached.length && end <= this.cached.buffer.byteLength - this.cached.byteOffset) {
      // The room behind the view is nobody else's: no cut keeps its array.
      this.cached = new Uint8Array(this.cached.buffer, this.cached.byteOffset, end);
    } else {
      const grown = new Uint8Array(Math.max(2 * end, 65_536));
      grown.set(this.cached);
      this.cached = grown.subarray(0, Math.max(end, this.cached.length));
    }
    this.cached.set(part, position);
  }
}

function loadDirectory(path: string): Directory {
  const directory = new Directory();
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inside = join(path, entry.name);
    directory.entries.set(entry.name, entry.isDirectory() ? loadDirectory(inside) : loadFile(inside));
  }
  directory.durable = new Map(directory.entries);
  for (const [name, node] of directory.entries) directory.onDisk.set(name, node);
  return directory;
}

function loadFile(path: string): File {
  const file = new File(new Uint8Array(readFileSync(path)));
  file.durable = file.onDisk = file.cached;
  return file;
}

function commonLength(left: Uint8Array, right: Uint8Array): number {
  if (left.buffer === right.buffer && left.byteOffset === right.byteOffset)
    return Math.min(left.length, right.length);
  let length = 0;
  while (length < left.length && length < right.length && left[length] === right[length]) length += 1;
  return length;
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
