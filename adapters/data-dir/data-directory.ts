import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { DataDirError } from './data-dir-error.ts';
import { DirectoryLock } from './directory-lock.ts';
import { claimDirectory, type DirectoryIdentity } from './format-file.ts';

/**
 * A process's data directory: `LOCK`, `format`, `log/` (segments), `state/` (the ordered store), `snapshot/`, `recording/`.
 *
 * Two steps, so that a process can take its ports in between and fail there with nothing changed: `lock`, then `claim`.
 */
export class DataDirectory {
  readonly path: string;
  readonly #lock: DirectoryLock;

  private constructor(path: string, lock: DirectoryLock) {
    this.path = path;
    this.#lock = lock;
  }

  /** Makes the directory when it does not exist. @throws DataDirError when another process holds it */
  static async lock(path: string): Promise<DataDirectory> {
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new DataDirError(`cannot make data directory ${path}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    return new DataDirectory(path, await DirectoryLock.acquire(path));
  }

  /** @throws DataDirError, nothing changed, when the directory is not this node's */
  claim(identity: DirectoryIdentity): 'new' | 'existing' {
    const found = claimDirectory(this.path, identity);
    for (const part of ['log', 'state', 'snapshot', 'recording'])
      mkdirSync(join(this.path, part), { recursive: true, mode: 0o700 });
    return found;
  }

  part(name: 'log' | 'state' | 'snapshot' | 'recording'): string {
    return join(this.path, name);
  }

  async release(): Promise<void> {
    await this.#lock.release();
  }
}
