import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { LmdbBackendError } from './lmdb-backend-error.ts';

/**
 * The directory of a store: one directory a generation of the content, and the file `CURRENT` that names the one that is
 * live. Installing a snapshot is a rename of that file, so that a crash leaves one content or the other, each whole.
 */
const currentName = 'CURRENT';
const unfinishedName = 'CURRENT.new';
/** Zero-padded, so that listings are in age order; more digits are as good. */
const generationPattern = /^[0-9]{6,}$/;

export function generationName(number: number): string {
  return String(number).padStart(6, '0');
}

/** Every generation's directory, live or left over, in age order. */
export function listGenerations(dir: string): readonly string[] {
  return readdirSync(dir)
    .filter((name) => generationPattern.test(name))
    .sort((left, right) => Number(left) - Number(right));
}

/** The live generation's name; undefined when the store was never opened to the end. */
export function readCurrent(dir: string): string | undefined {
  const path = join(dir, currentName);
  if (!existsSync(path)) return undefined;
  const name = readFileSync(path, 'latin1').trimEnd();
  if (!generationPattern.test(name)) {
    throw new LmdbBackendError(
      'CURRENT_DAMAGED',
      `${path} does not name a generation of the store, such as 000001`,
    );
  }
  if (!existsSync(join(dir, name, 'data.mdb'))) {
    throw new LmdbBackendError('GENERATION_MISSING', `${path} names ${name}, which is not beside it`);
  }
  return name;
}

/** Says durably which generation is about to become the live one. */
export function announceCurrent(dir: string, name: string): void {
  const unfinished = join(dir, unfinishedName);
  writeFileSync(unfinished, `${name}\n`);
  syncPath(unfinished);
  syncPath(dir);
}

/** Makes the announced generation the live one: atomic, and durable on return. */
export function confirmCurrent(dir: string): void {
  renameSync(join(dir, unfinishedName), join(dir, currentName));
  syncPath(dir);
}

/**
 * Whether generations without a `CURRENT` are what a first open left that did not finish: it announces before it makes
 * one. Otherwise they are somebody's data.
 */
export function isFirstOpenUnfinished(dir: string): boolean {
  return existsSync(join(dir, unfinishedName));
}

/** Makes a directory and everything above it that is missing, durably named in its parent. */
export function makeDirectory(path: string): void {
  mkdirSync(path, { recursive: true });
  syncPath(join(path, '..'));
}

/** Waits until a file's content, or a directory's entries, are on disk. */
export function syncPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

export function removeDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true });
}
