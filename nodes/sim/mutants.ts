import { type Mutant } from '../../sim/mutant.ts';
import { mutantNamed, mutants } from '../../sim/mutants.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { type Job, type JobDone, replayCommand } from './job.ts';
import { writeJson } from './json-file.ts';
import { SeedPool } from './pool.ts';

export interface MutantsPlan {
  /** All of them when empty. */
  readonly names: readonly string[];
  /** Seeds tried in each of a mutant's scenarios before it counts as not caught. */
  readonly seedsMax: number;
  readonly threads: number;
  /** Hold the unmutated sources against the seeds that caught something only, not against all that were tried. */
  readonly quick: boolean;
  /** File for the results as JSON. */
  readonly json: string | undefined;
}

interface Hunt {
  readonly mutant: Mutant;
  readonly caught:
    { readonly scenario: string; readonly seed: number; readonly invariant: string } | undefined;
  readonly tried: readonly Job[];
  readonly seconds: number;
  /** Ends that do not count as catching it, with how often they were seen. */
  readonly others: ReadonlyMap<string, number>;
}

/** @throws ExitError when a mutant was not caught, or the sources as they are fail where they must pass */
export async function huntMutants(plan: MutantsPlan): Promise<void> {
  const chosen = plan.names.length === 0 ? mutants : plan.names.map(mutantNamed);
  const hunts: Hunt[] = [];
  process.stdout.write(`${row('mutant', 'caught by', 'where', 'seeds', 'seconds')}\n`);
  for (const mutant of chosen) {
    const found = await hunt(mutant, plan);
    hunts.push(found);
    process.stdout.write(`${describe(found)}\n`);
  }
  const missed = hunts.filter(({ caught }) => caught === undefined);
  const failures = await failuresUnmutated(hunts, plan);
  writeJson(plan.json, {
    mutants: hunts.map(({ mutant, caught, tried, seconds, others }) => ({
      name: mutant.name,
      ...{ caught, tried: tried.length, seconds, others: Object.fromEntries(others) },
    })),
    failuresUnmutated: failures,
  });
  for (const failure of failures) process.stdout.write(`the sources as they are fail too: ${failure}\n`);
  if (missed.length > 0) {
    const names = missed.map(({ mutant }) => mutant.name).join(', ');
    throw new ExitError(`photon sim: not caught: ${names}`, exitCodes.failed);
  }
  if (failures.length > 0)
    throw new ExitError('photon sim: a mutant proves nothing where the original fails', exitCodes.failed);
  process.stdout.write(
    `${hunts.length} of ${hunts.length} mutants caught; the sources as they are pass the same seeds\n`,
  );
}

async function hunt(mutant: Mutant, plan: MutantsPlan): Promise<Hunt> {
  const startMs = performance.now();
  const others = new Map<string, number>();
  const tried: Job[] = [];
  let caught: Hunt['caught'];
  const pool = new SeedPool({ threads: plan.threads, mutant: mutant.name });
  try {
    for (const scenario of mutant.scenarios) {
      if (caught !== undefined) break;
      await pool.run(seedsOf(scenario, plan.seedsMax), (done) => {
        tried.push(done.job);
        const invariant = endOf(done);
        if (invariant === undefined) return 'more';
        if (!mutant.caughtBy.includes(invariant)) {
          others.set(invariant, (others.get(invariant) ?? 0) + 1);
          return 'more';
        }
        if (caught === undefined || done.job.seed < caught.seed) caught = { ...done.job, invariant };
        return 'enough';
      });
    }
  } finally {
    await pool.close();
  }
  return { mutant, caught, tried, seconds: (performance.now() - startMs) / 1_000, others };
}

function* seedsOf(scenario: string, seedsMax: number): Generator<Job, undefined> {
  for (let seed = 1; seed <= seedsMax; seed += 1) yield { scenario, seed, twice: false };
}

function endOf(done: JobDone): string | undefined {
  return done.kind === 'broke' ? 'simulator broke' : done.result.violation?.invariant;
}

/** Every scenario and seed that was tried with some mutant, without any. */
async function failuresUnmutated(hunts: readonly Hunt[], plan: MutantsPlan): Promise<readonly string[]> {
  const jobs = new Map<string, Job>();
  for (const { tried, caught } of hunts) {
    for (const job of tried) {
      const decisive = job.scenario === caught?.scenario && job.seed === caught.seed;
      if (!plan.quick || decisive) jobs.set(`${job.scenario} ${job.seed}`, job);
    }
  }
  const failures: string[] = [];
  const pool = new SeedPool({ threads: plan.threads });
  try {
    await pool.run(jobs.values(), (done) => {
      const invariant = endOf(done);
      if (invariant !== undefined) failures.push(`${invariant}; ${replayCommand(done.job)}`);
      return 'more';
    });
  } finally {
    await pool.close();
  }
  return failures;
}

function describe({ mutant, caught, tried, seconds, others }: Hunt): string {
  const seen = [...others].map(([invariant, count]) => `${invariant} ×${count}`).join(', ');
  const where =
    caught === undefined ? `not in ${mutant.scenarios.join(', ')}` : `${caught.scenario} ${caught.seed}`;
  const line = row(
    mutant.name,
    caught?.invariant ?? 'NOTHING',
    where,
    String(tried.length),
    seconds.toFixed(1),
  );
  return seen === '' ? line : `${line}  also: ${seen}`;
}

function row(mutant: string, caughtBy: string, where: string, seeds: string, seconds: string): string {
  return `${mutant.padEnd(36)}${caughtBy.padEnd(26)}${where.padEnd(42)}${seeds.padStart(6)}${seconds.padStart(9)}`;
}
