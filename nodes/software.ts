import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';

import { type Software } from '../adapters/recorder/format.ts';
import { version } from './version.ts';

const root = new URL('../', import.meta.url);
const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
const fingerprintDigits = 32;

/** Folders and files whose code decides what a Chainfire member does with what it is given. */
const memberSources: readonly string[] = [
  'core/base/',
  'core/chainfire/',
  'core/raft/',
  'core/storage/',
  'core/wire/',
  `sim/prng${extension}`,
];

/** The code that a Chainfire member runs here. */
export function memberSoftware(): Software {
  return { version, commit: commitOfCheckout(), machine: fingerprint(memberSources) };
}

/** A hash over the sources: a commit would say too much where nothing of these changed, and too little where they are edited. */
function fingerprint(places: readonly string[]): string {
  const hash = createHash('sha256');
  for (const place of places) {
    for (const path of filesBelow(place)) {
      hash.update(`${path}\0`);
      hash.update(readFileSync(new URL(path, root)));
      hash.update('\0');
    }
  }
  return hash.digest('hex').slice(0, fingerprintDigits);
}

/** In name order, below the root. */
function filesBelow(place: string): readonly string[] {
  const url = new URL(place, root);
  if (!statSync(url).isDirectory()) return [place];
  return readdirSync(url, { recursive: true })
    .filter((name): name is string => typeof name === 'string' && name.endsWith(extension))
    .map((name) => `${place}${name}`)
    .sort();
}

/** Without git, which a process that serves need not have; undefined where this is no plain checkout. */
function commitOfCheckout(): string | undefined {
  const head = textOf('.git/HEAD');
  if (head === undefined) return undefined;
  const ref = /^ref: (\S+)$/.exec(head)?.[1];
  if (ref === undefined) return commitIn(head);
  const packed = textOf('.git/packed-refs')
    ?.split('\n')
    .find((line) => line.endsWith(` ${ref}`));
  return commitIn(textOf(`.git/${ref}`) ?? packed?.split(' ')[0]);
}

function commitIn(text: string | undefined): string | undefined {
  return text !== undefined && /^[0-9a-f]{40}$/.test(text) ? text : undefined;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(new URL(path, root), 'utf8').trim();
  } catch {
    return undefined;
  }
}
