import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

import { type Address } from '../../../adapters/config/address.ts';
import { SnapshotCheck } from '../../../adapters/backup/snapshot-reader.ts';
import {
  DownloadError,
  type DownloadOptions,
  downloadSnapshot,
} from '../../../adapters/grpc/snapshot-download.ts';

export interface SavedSnapshot {
  readonly sizeBytes: number;
  /** In hex. */
  readonly digest: string;
  readonly revision: number;
}

/**
 * Takes a snapshot of the first member that gives one, into a file that appears under its name only when it is whole and on
 * the disk; what was there before is replaced then.
 *
 * @throws DownloadError when no member gives one, SnapshotFileError when what came is not whole, an error of the system
 */
export async function saveSnapshot(
  path: string,
  endpoints: readonly Address[],
  options: DownloadOptions,
): Promise<SavedSnapshot> {
  const reasons: string[] = [];
  for (const endpoint of endpoints) {
    try {
      return await saveFrom(path, endpoint, options);
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      reasons.push(error.message);
    }
  }
  throw new DownloadError(reasons.join('; '));
}

async function saveFrom(path: string, endpoint: Address, options: DownloadOptions): Promise<SavedSnapshot> {
  const partPath = `${path}.${randomBytes(4).toString('hex')}.part`;
  // Keys and values of a whole cluster are nobody else's to read.
  const file = await open(partPath, 'wx', 0o600);
  let isSaved = false;
  try {
    const check = new SnapshotCheck();
    let revision = 0;
    for await (const { header, blob } of downloadSnapshot(endpoint, options)) {
      check.push(blob);
      revision = header?.revision ?? revision;
      await file.writeFile(blob);
    }
    const { sizeBytes, digest } = check.finish(path);
    await file.sync();
    await rename(partPath, path);
    isSaved = true;
    await syncDirectory(dirname(path));
    return { sizeBytes, digest, revision };
  } finally {
    await file.close();
    if (!isSaved) await rm(partPath, { force: true });
  }
}

/** Waits until a directory's entries are on the disk. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
