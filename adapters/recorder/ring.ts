import { mkdirSync, readdirSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

import { parseSegmentName } from './format.ts';

export interface SegmentPlace {
  readonly path: string;
  readonly boot: number;
  readonly segment: number;
  readonly lengthBytes: number;
}

/** Every segment in the directory, oldest first; none when there is no directory. */
export function listSegments(dir: string): readonly SegmentPlace[] {
  let names: readonly string[];
  try {
    names = readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
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

/** Removes the oldest segments, of whatever boot, until those that are left and `roomBytes` more keep to the bound. */
export function makeRoom(dir: string, roomBytes: number, bytesMax: number): void {
  const places = listSegments(dir);
  let bytes = roomBytes;
  for (const { lengthBytes } of places) bytes += lengthBytes;
  for (const { path, lengthBytes } of places) {
    if (bytes <= bytesMax) return;
    unlinkSync(path);
    bytes -= lengthBytes;
  }
}
