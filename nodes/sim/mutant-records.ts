import { readFileSync, writeFileSync } from 'node:fs';

import { mutantNames } from '../../sim/mutants.ts';
import { type Hunt, type Kill } from './mutant-hunt.ts';

/** What the last full run knows of a mutant: the seed to replay, and how hard it was to find. */
export interface MutantRecord extends Kill {
  /** What caught it in each hunt, with how often, most frequent first. */
  readonly caughtBy: Readonly<Record<string, number>>;
  readonly hunts: number;
  /** Medians over the hunts. */
  readonly seeds: number;
  readonly seconds: number;
}

export type MutantRecords = Readonly<Record<string, MutantRecord>>;

export const recordsFile = new URL('../../test/sim/killing-seeds.json', import.meta.url);

export function readRecords(): MutantRecords {
  return JSON.parse(readFileSync(recordsFile, 'utf8')) as MutantRecords;
}

/** Takes the place of what was known of these mutants; others stay, unless they are no more. */
export function writeRecords(fresh: MutantRecords): MutantRecords {
  const merged: Record<string, MutantRecord> = {};
  const before = readRecords();
  for (const name of mutantNames) {
    const record = fresh[name] ?? before[name];
    if (record !== undefined) merged[name] = record;
  }
  writeFileSync(recordsFile, `${JSON.stringify(merged, undefined, 2)}\n`);
  return merged;
}

/** Of hunts that all ended well, the one whose run is the shortest to replay. Undefined when one of them found nothing. */
export function recordOf(hunts: readonly Hunt[]): MutantRecord | undefined {
  const counts = new Map<string, number>();
  let best: { readonly kill: Kill; readonly events: number } | undefined;
  for (const { kill, events } of hunts) {
    if (kill === undefined) return undefined;
    counts.set(kill.invariant, (counts.get(kill.invariant) ?? 0) + 1);
    if (best === undefined || events < best.events) best = { kill, events };
  }
  if (best === undefined) return undefined;
  return {
    ...best.kill,
    caughtBy: Object.fromEntries([...counts].sort(([, left], [, right]) => right - left)),
    hunts: hunts.length,
    seeds: median(hunts.map(({ seeds }) => seeds)),
    seconds: Math.round(10 * median(hunts.map(({ seconds }) => seconds))) / 10,
  };
}

/** The middle one; of an even number the lower of the two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}
