import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
const importPattern = /^\s*(?:import|export)\b[^'"]*?from\s*['"](\.[^'"]+)['"]/gm;
const fingerprintDigits = 32;

/**
 * A hash over these files and all that they import, directly and indirectly: where it is equal, the same code runs. A commit
 * would say too much where nothing of these changed, and too little where they are edited.
 *
 * @param entries below the root, without their extension: sources are what runs here, be it as written or as built
 * @param also what else decides what that code does
 */
export function fingerprintOf(entries: readonly string[], also: readonly string[] = []): string {
  const sources = new Map<string, string>();
  const queue = entries.map((entry) => new URL(`${entry}${extension}`, root));
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
  for (const text of also) hash.update(`${text}\0`);
  return hash.digest('hex').slice(0, fingerprintDigits);
}
