import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { patchesOf } from '../../sim/mutant.ts';
import { mutantNamed } from '../../sim/mutants.ts';
import { fingerprintOf } from '../fingerprint.ts';

const root = new URL('../../', import.meta.url);
/** Everything that a run does is imported from here, by one file or another. */
const entry = 'sim/judged-run';
/** Folders whose files decide what a run does. */
const decisive = ['core', 'sim', 'scenarios', 'package-lock.json'];

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

/** Of what a run imports, and of the change that a mutant makes. */
function fingerprint(mutant: string | undefined): string {
  const patches = mutant === undefined ? [] : patchesOf(mutantNamed(mutant));
  return fingerprintOf(
    [entry],
    patches.flatMap(({ file, anchor, replacement }) => [file, anchor, replacement]),
  );
}

/** @returns what it wrote, trimmed; undefined when there is no git or it fails */
function git(...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: fileURLToPath(root), encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}
