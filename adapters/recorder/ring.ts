import { mkdirSync, readdirSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

import { parseSegmentName } from './format.ts';

export interface SegmentPlace {
  readonly path: string;
  readonly boot: number;
  readonly segment: number;
  readonly lengthBytes: number;
}

/** Every segment in the directory, oldest first; none when there is no such directory. */
export function listSegments(dir: string): readonly SegmentPlace[] {
  let names: readonly string[];
  try {
    names = readdirSync(dir);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
  const places: SegmentPlace[] = [];
  for (const name of names) {
    const parsed = parseSegmentName(name);
    if (parsed === undefined) continue;
    const path = join(dir, name);
    places.push({ path, ...parsed, lengthBytes: statSync(path).size });
  }
  return places.sort((left, right) => left.boot - right.boot || left.segment - right.segment);
}

/** It holds what clients store: nobody else may read it. */
export function makeRecordingDirectory(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
}

/**
 * Removes the oldest segments, of whatever boot, until those that are left and `roomBytes` more keep to the bound.
 *
 * @param sizes of files that are still being written: what they will have
 * @returns the files that were removed
 */
export function makeRoom(
  dir: string,
  bounds: { readonly roomBytes: number; readonly bytesMax: number },
  sizes: ReadonlyMap<string, number>,
): readonly string[] {
  const places = listSegments(dir).map(({ path, lengthBytes }) => ({
    path,
    bytes: Math.max(lengthBytes, sizes.get(path) ?? 0),
  }));
  let bytesLeft = bounds.roomBytes;
  for (const { bytes } of places) bytesLeft += bytes;
  const removed: string[] = [];
  for (const { path, bytes } of places) {
    if (bytesLeft <= bounds.bytesMax) break;
    unlinkSync(path);
    removed.push(path);
    bytesLeft -= bytes;
  }
  return removed;
}
