import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { patchesOf } from '../../sim/mutant.ts';
import { mutantNamed } from '../../sim/mutants.ts';

const root = new URL('../../', import.meta.url);
/** Everything that a run does is imported from here, by one file or another. */
const entry = import.meta.url.endsWith('.ts') ? 'sim/judged-run.ts' : 'sim/judged-run.js';
/** Folders whose files decide what a run does. */
const decisive = ['core', 'sim', 'scenarios', 'package-lock.json'];
const importPattern = /^\s*(?:import|export)\b[^'"]*?from\s*['"](\.[^'"]+)['"]/gm;
const fingerprintDigits = 32;

/** What a failure was found in. */
export interface Sources {
  /** Undefined where there is no git, or no repository. */
  readonly commit: string | undefined;
  /** The sources are not as the commit has them. */
  readonly dirty: boolean;
  /** Fingerprint of every source that decides a run: where it is equal, so is the hash of every run. */
  readonly sources: string;
}

/** The sources as they are on the disk, with this bug planted in them or none. */
export function sourcesNow(mutant: string | undefined): Sources {
  const commit = git('rev-parse', 'HEAD');
  const changed = commit === undefined ? undefined : git('status', '--porcelain', '--', ...decisive);
  return { commit, dirty: changed !== '', sources: fingerprint(mutant) };
}

/**
 * A hash over the files that a run imports, directly and indirectly, and over the change that a mutant makes. A commit would
 * be too fine for that: most change nothing that a run can see.
 */
function fingerprint(mutant: string | undefined): string {
  const sources = new Map<string, string>();
  const queue = [new URL(entry, root)];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (sources.has(file.href)) continue;
    const source = readFileSync(file, 'utf8');
    sources.set(file.href, source);
    for (const [, target = ''] of source.matchAll(importPattern)) queue.push(new URL(target, file));
  }
  const hash = createHash('sha256');
  for (const [href, source] of [...sources].sort(([left], [right]) => (left < right ? -1 : 1))) {
    hash.update(`${href.slice(root.href.length)}\0${source}\0`);
  }
  if (mutant !== undefined) {
    for (const { file, anchor, replacement } of patchesOf(mutantNamed(mutant))) {
      hash.update(`${file}\0${anchor}\0${replacement}\0`);
    }
  }
  return hash.digest('hex').slice(0, fingerprintDigits);
}

/** @returns what it wrote, trimmed; undefined when there is no git or it fails */
function git(...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: fileURLToPath(root), encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
