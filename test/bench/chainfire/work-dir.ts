import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const dirs = new Set<string>();
process.on('exit', () => {
  for (const dir of dirs) removeDir(dir);
});

/** A directory for the members' data, gone with this process whatever ends it (but SIGKILL). */
export function makeDir(parent: string): string {
  const dir = mkdtempSync(join(parent, 'photon-bench-'));
  dirs.add(dir);
  return dir;
}

export function removeDir(dir: string): void {
  dirs.delete(dir);
  // Members that were killed a moment ago may still be writing.
  rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}
