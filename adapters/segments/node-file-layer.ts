import {
  close,
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  unlinkSync,
  writevSync,
} from 'node:fs';

import { type DirectoryEntry, type FileLayer } from './file-layer.ts';

/** Linux takes at most 1,024 parts in one writev. */
const writeParts = 1_024;
const fileMode = 0o640;
const directoryMode = 0o750;

/** The operating system's files. */
export class NodeFileLayer implements FileLayer {
  makeDirectory(path: string): boolean {
    try {
      mkdirSync(path, directoryMode);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  }

  readDirectory(path: string): readonly DirectoryEntry[] {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isFile() || entry.isDirectory())
      .map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }));
  }

  open(path: string, create: boolean): number {
    return openSync(path, constants.O_RDWR | (create ? constants.O_CREAT : 0), fileMode);
  }

  close(descriptor: number): void {
    closeSync(descriptor);
  }

  lengthBytes(path: string): number {
    return statSync(path).size;
  }

  read(descriptor: number, into: Uint8Array, positionBytes: number): number {
    let done = 0;
    while (done < into.length) {
      const count = readSync(descriptor, into, done, into.length - done, positionBytes + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  write(descriptor: number, parts: readonly Uint8Array[], positionBytes: number): void {
    let position = positionBytes;
    for (let at = 0; at < parts.length; at += writeParts) {
      position += writeAll(descriptor, parts.slice(at, at + writeParts), position);
    }
  }

  truncate(descriptor: number, lengthBytes: number): void {
    ftruncateSync(descriptor, lengthBytes);
  }

  unlink(path: string): void {
    unlinkSync(path);
  }

  syncData(descriptor: number, onEnd: (error: Error | undefined) => void): void {
    fdatasync(descriptor, (error) => onEnd(error ?? undefined));
  }

  syncDataNow(descriptor: number): void {
    fdatasyncSync(descriptor);
  }

  syncDirectory(path: string, onEnd: (error: Error | undefined) => void): void {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    fsync(descriptor, (syncError) => {
      close(descriptor, (closeError) => onEnd(syncError ?? closeError ?? undefined));
    });
  }

  syncDirectoryNow(path: string): void {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }
}

/** A write may stop short (a signal, a disk that is nearly full); then the rest follows, or says what is wrong. */
function writeAll(descriptor: number, parts: readonly Uint8Array[], positionBytes: number): number {
  let lengthBytes = 0;
  for (const part of parts) lengthBytes += part.length;
  let done = writevSync(descriptor, parts, positionBytes);
  while (done < lengthBytes) done += writevSync(descriptor, partsFrom(parts, done), positionBytes + done);
  return lengthBytes;
}

function partsFrom(parts: readonly Uint8Array[], skipBytes: number): readonly Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = skipBytes;
  for (const part of parts) {
    if (skip < part.length) rest.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return rest;
}
