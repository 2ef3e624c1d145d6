import { type FailureEntry } from './page/page-data.ts';

/** Bugs that are told apart in one run. Beyond them failures are counted, and no longer told apart. */
export const bugsMax = 200;
/** Runs that are named for each. */
export const runsNamedMax = 50;

/** What a failing run showed, and where. */
export interface Sighting {
  readonly scenario: string;
  readonly seed: number;
  readonly invariant: string;
  readonly site: string;
  readonly detail: string;
}

/** Files that were made of a bug, named as whoever reads the summary finds them. */
export interface BugFiles {
  readonly repro: string | undefined;
  readonly page: string | undefined;
}

interface Bug {
  readonly first: Sighting;
  count: number;
  readonly runs: { readonly scenario: string; readonly seed: number }[];
  files: BugFiles;
}

/** Failures of many runs, those of the same invariant at the same site as one. Bounded, however long it goes on. */
export class FailureBook {
  readonly #bugs = new Map<string, Bug>();
  /** Failing runs, those that were not told apart included. */
  failures = 0;

  /** @returns true for the first of its kind */
  note(sighting: Sighting): boolean {
    this.failures += 1;
    const known = this.#bugs.get(keyOf(sighting));
    if (known !== undefined) {
      this.#again(known, 1, [sighting]);
      return false;
    }
    if (this.#bugs.size >= bugsMax) return false;
    const { scenario, seed } = sighting;
    this.#bugs.set(keyOf(sighting), {
      first: sighting,
      count: 1,
      runs: [{ scenario, seed }],
      files: { repro: undefined, page: undefined },
    });
    return true;
  }

  /** The failures of another run over other seeds. */
  addEntry(entry: FailureEntry): void {
    this.failures += entry.count;
    const { repro, page } = entry;
    const known = this.#bugs.get(keyOf(entry));
    if (known !== undefined) {
      this.#again(known, entry.count, entry.runs);
      if (known.files.repro === undefined) known.files = { repro, page };
      return;
    }
    if (this.#bugs.size >= bugsMax) return;
    const [first = { scenario: '', seed: 0 }] = entry.runs;
    const { invariant, site, detail } = entry;
    this.#bugs.set(keyOf(entry), {
      first: { ...first, invariant, site, detail },
      count: entry.count,
      runs: entry.runs.slice(0, runsNamedMax),
      files: { repro, page },
    });
  }

  setFiles(bug: Pick<Sighting, 'invariant' | 'site'>, files: BugFiles): void {
    const known = this.#bugs.get(keyOf(bug));
    if (known !== undefined) known.files = files;
  }

  /** By invariant and site, so that it does not hang on which thread was first. */
  get entries(): readonly FailureEntry[] {
    return [...this.#bugs]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([, { first, count, runs, files }]) => ({
        invariant: first.invariant,
        site: first.site,
        detail: first.detail,
        count,
        runs,
        ...files,
      }));
  }

  #again(
    bug: Bug,
    count: number,
    runs: readonly { readonly scenario: string; readonly seed: number }[],
  ): void {
    bug.count += count;
    for (const { scenario, seed } of runs) {
      if (bug.runs.length < runsNamedMax) bug.runs.push({ scenario, seed });
    }
  }
}

function keyOf({ invariant, site }: Pick<Sighting, 'invariant' | 'site'>): string {
  return `${invariant}\0${site}`;
}
