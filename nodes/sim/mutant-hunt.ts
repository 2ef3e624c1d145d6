import { type Mutant } from '../../sim/mutant.ts';
import { type Job, type JobDone } from './job.ts';
import { SeedPool } from './pool.ts';

/** Where and by what a mutant was caught. */
export interface Kill {
  readonly scenario: string;
  readonly seed: number;
  /** The violated invariant; of a mutant that blinds the simulator, the one whose violation was missed. */
  readonly invariant: string;
}

/** One search for a mutant, from one first seed on. */
export interface Hunt {
  readonly mutant: Mutant;
  readonly kill: Kill | undefined;
  /** Seeds up to and with the one that decided, over all scenarios; all that were tried when none did. */
  readonly seeds: number;
  readonly seconds: number;
  /** Events of the run that decided: what it costs to run it again. */
  readonly events: number;
  /** Ends that do not count as catching it, with how often they were seen before the one that does. */
  readonly others: ReadonlyMap<string, number>;
}

export interface HuntLimits {
  readonly firstSeed: number;
  /** Seeds tried before the mutant counts as missed: each of its scenarios has an equal share of them. */
  readonly seedsMax: number;
}

/** What one seed says of a mutant. */
type Trial =
  | { readonly kind: 'caught'; readonly kill: Kill; readonly events: number }
  /** With the end of the run, if it had one that does not count. */
  | { readonly kind: 'survived'; readonly end: string | undefined };

/**
 * Puts seeds to one mutant. Its threads are started once and carry the mutant all their life; of a mutant that blinds the
 * simulator there are two kinds, with the bug that must be found alone and with both.
 */
export class MutantTrials {
  readonly #mutant: Mutant;
  readonly #threads: number;
  readonly #pool: SeedPool;
  /** With the bug alone that the mutant makes the simulator blind to. */
  readonly #seeing: SeedPool | undefined;

  constructor(mutant: Mutant, threads: number) {
    this.#mutant = mutant;
    this.#threads = threads;
    const { name, blindTo } = mutant;
    this.#pool = new SeedPool({ threads, mutants: blindTo === undefined ? [name] : [blindTo, name] });
    this.#seeing = blindTo === undefined ? undefined : new SeedPool({ threads, mutants: [blindTo] });
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.close(), this.#seeing?.close()]);
  }

  /**
   * Tries seeds in turns of one a thread, and looks at them in their order: how many it took is the same on every machine,
   * however long it took.
   */
  async hunt(limits: HuntLimits): Promise<Hunt> {
    const startMs = performance.now();
    const others = new Map<string, number>();
    const ended = (seeds: number, caught: Extract<Trial, { kind: 'caught' }> | undefined): Hunt => ({
      mutant: this.#mutant,
      kill: caught?.kill,
      seeds,
      seconds: (performance.now() - startMs) / 1_000,
      events: caught?.events ?? 0,
      others,
    });
    const { scenarios } = this.#mutant;
    const share = Math.ceil(limits.seedsMax / scenarios.length);
    let seeds = 0;
    for (const scenario of scenarios) {
      for (let at = 0; at < share; at += this.#threads) {
        const count = Math.min(this.#threads, share - at);
        const jobs = Array.from({ length: count }, (_, position): Job => {
          return { scenario, seed: limits.firstSeed + at + position, twice: false };
        });
        for (const trial of await this.trials(jobs)) {
          seeds += 1;
          if (trial.kind === 'caught') return ended(seeds, trial);
          if (trial.end !== undefined) others.set(trial.end, (others.get(trial.end) ?? 0) + 1);
        }
      }
    }
    return ended(seeds, undefined);
  }

  /** One trial a job, in the order of the jobs. */
  async trials(jobs: readonly Job[]): Promise<readonly Trial[]> {
    const { caughtBy } = this.#mutant;
    if (this.#seeing === undefined) {
      return (await runAll(this.#pool, jobs)).map((done) => {
        const end = endOf(done);
        return end !== undefined && caughtBy.includes(end) ? caught(done, end) : survived(end);
      });
    }
    const seen = await runAll(this.#seeing, jobs);
    const worthwhile = jobs.filter((_job, at) => caughtBy.includes(endOf(seen[at]) ?? ''));
    const both = await runAll(this.#pool, worthwhile);
    return jobs.map((job, at): Trial => {
      const again = both[worthwhile.indexOf(job)];
      const alone = seen[at];
      const invariant = endOf(alone);
      if (again === undefined || alone === undefined || invariant === undefined) return survived(invariant);
      // Had the simulator broken, nothing would be known of what it sees.
      if (again.kind === 'broke') return survived(endOf(again));
      return endOf(again) === invariant ? survived(undefined) : caught(alone, invariant);
    });
  }
}

/** How a run ended, if not well. */
export function endOf(done: JobDone | undefined): string | undefined {
  if (done === undefined) return undefined;
  return done.kind === 'broke' ? 'simulator broke' : done.result.violation?.invariant;
}

/** Runs every job, and gives the results in the order of the jobs. */
export async function runAll(pool: SeedPool, jobs: readonly Job[]): Promise<readonly JobDone[]> {
  const results = new Map<Job, JobDone>();
  const asked = new Map(jobs.map((job) => [`${job.scenario} ${job.seed}`, job]));
  await pool.run(jobs.values(), (done) => {
    const job = asked.get(`${done.job.scenario} ${done.job.seed}`);
    if (job !== undefined) results.set(job, done);
    return 'more';
  });
  return jobs.map((job) => {
    const done = results.get(job);
    if (done === undefined) throw new Error(`no result of ${job.scenario}, seed ${job.seed}`);
    return done;
  });
}

function caught(done: JobDone, invariant: string): Trial {
  const { scenario, seed } = done.job;
  const events = done.kind === 'ran' ? done.result.events : 0;
  return { kind: 'caught', kill: { scenario, seed, invariant }, events };
}

function survived(end: string | undefined): Trial {
  return { kind: 'survived', end };
}
