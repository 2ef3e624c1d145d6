import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { integer, listOf, matching, object, orUndefined, parseJson, text } from '../../sim/decode.ts';
import { readableJson } from '../../sim/readable-json.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { decodeFile, writeWhole } from './repro-files.ts';

const runsKeptMax = 100;
const nameDigits = 8;

/** What tells one bug from another. */
export interface BugId {
  readonly invariant: string;
  readonly site: string;
}

/** How often a bug was seen, over all runs that kept this base. `seen.json` in its folder. */
export interface BugSeen extends BugId {
  readonly detail: string;
  readonly count: number;
  /** The first that showed it. */
  readonly runs: readonly BugRun[];
  /** ISO dates. */
  readonly firstSeen: string;
  readonly lastSeen: string;
}

export interface BugRun {
  readonly scenario: string;
  readonly seed: number;
  readonly commit: string | undefined;
}

const date = matching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, 'an ISO date');

const decodeSeen = object<BugSeen>({
  invariant: text,
  site: text,
  detail: text,
  count: integer(1),
  runs: listOf(
    object<BugRun>({
      scenario: text,
      seed: integer(0),
      commit: orUndefined(matching(/^[0-9a-f]{7,64}$/, 'a commit')),
    }),
  ),
  firstSeen: date,
  lastSeen: date,
});

/** Name of a bug's folder: readable, and the same in every run that shows it. */
export function bugName({ invariant, site }: BugId): string {
  const hash = createHash('sha256').update(`${invariant}\0${site}`).digest('hex').slice(0, nameDigits);
  return `${invariant.replaceAll(/[^a-z0-9-]/g, '-')}-${hash}`;
}

/** The files of one bug, in a folder of its own. */
export function bugFiles(directory: string, bug: BugId): { readonly repro: string; readonly page: string } {
  const folder = join(directory, bugName(bug));
  return { repro: join(folder, 'repro.json'), page: join(folder, 'page.html') };
}

/** A folder of bugs that runs add to: each has a repro, a page, and what is known of when it was seen. */
export class BugBase {
  readonly #directory: string;
  /** Not yet written. As many as bugs are told apart in one run. */
  readonly #news = new Map<string, BugSeen>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** It was found by an earlier run, and made small then. */
  knows(bug: BugId): boolean {
    return existsSync(bugFiles(this.#directory, bug).repro);
  }

  saw(bug: BugId & { readonly detail: string }, run: BugRun): void {
    const now = new Date().toISOString();
    const news = this.#news.get(bugName(bug));
    this.#news.set(bugName(bug), {
      invariant: bug.invariant,
      site: bug.site,
      detail: news?.detail ?? bug.detail,
      count: (news?.count ?? 0) + 1,
      runs: [...(news?.runs ?? []), run].slice(0, runsKeptMax),
      firstSeen: news?.firstSeen ?? now,
      lastSeen: now,
    });
  }

  /** Adds what was seen since the last time to what the files say. */
  write(): void {
    for (const [name, news] of this.#news) {
      const file = join(this.#directory, name, 'seen.json');
      const before = existsSync(file) ? readSeen(file) : undefined;
      writeWhole(file, readableJson(before === undefined ? news : joined(before, news)));
    }
    this.#news.clear();
  }

  /** Names of the bugs, sorted. @throws ExitError when there is no such folder */
  names(): readonly string[] {
    if (statSync(this.#directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw new ExitError(`photon sim: there is no bug base ${this.#directory}`, exitCodes.refused);
    }
    return readdirSync(this.#directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && existsSync(join(this.#directory, entry.name, 'repro.json')))
      .map((entry) => entry.name)
      .sort();
  }

  reproFile(name: string): string {
    return join(this.#directory, name, 'repro.json');
  }

  /** Undefined: nobody kept count. */
  seen(name: string): BugSeen | undefined {
    const file = join(this.#directory, name, 'seen.json');
    return existsSync(file) ? readSeen(file) : undefined;
  }
}

function readSeen(file: string): BugSeen {
  return decodeFile(file, (json) => decodeSeen(parseJson(json), ''));
}

/** The same seed of the same commit, run again, is seen again: it counts, and is not named twice. */
function joined(before: BugSeen, news: BugSeen): BugSeen {
  const named = new Set(before.runs.map(keyOf));
  const runs = [...before.runs, ...news.runs.filter((run) => !named.has(keyOf(run)))];
  return {
    ...before,
    count: before.count + news.count,
    runs: runs.slice(0, runsKeptMax),
    lastSeen: news.lastSeen,
  };
}

function keyOf({ scenario, seed, commit }: BugRun): string {
  return `${scenario} ${seed} ${commit ?? ''}`;
}
