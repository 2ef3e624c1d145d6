import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { cannotUse } from './data-dir-error.ts';
import { DirectoryLock } from './directory-lock.ts';
import { claimDirectory, type DirectoryIdentity, identityIn } from './format-file.ts';

const defaultParts = ['log', 'state', 'snapshot', 'recording'] as const;
export type DirectoryPart = (typeof defaultParts)[number] | 'wal';

/**
 * A process's data directory: `LOCK`, `format`, `log/` (segments; a broker's `wal/` in its place), `state/` (the ordered
 * store), `snapshot/`, `recording/`.
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

  /** Makes the directory when it does not exist. @throws DataDirError when another process holds it, or the system says no */
  static async lock(path: string): Promise<DataDirectory> {
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      return new DataDirectory(path, await DirectoryLock.acquire(path));
    } catch (error) {
      throw cannotUse(path, error);
    }
  }

  /** Whose it says it is; undefined for a new one. @throws DataDirError when that cannot be read */
  identity(): DirectoryIdentity | undefined {
    try {
      return identityIn(this.path);
    } catch (error) {
      throw cannotUse(this.path, error);
    }
  }

  /** @throws DataDirError, nothing changed, when the directory is not this node's */
  claim(identity: DirectoryIdentity, parts: readonly DirectoryPart[] = defaultParts): 'new' | 'existing' {
    try {
      const found = claimDirectory(this.path, identity);
      for (const part of parts) mkdirSync(join(this.path, part), { recursive: true, mode: 0o700 });
      return found;
    } catch (error) {
      throw cannotUse(this.path, error);
    }
  }

  part(name: DirectoryPart): string {
    return join(this.path, name);
  }

  async release(): Promise<void> {
    await this.#lock.release();
  }
}
