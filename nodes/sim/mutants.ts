import { type Mutant } from '../../sim/mutant.ts';
import { mutantNamed, mutants } from '../../sim/mutants.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { type Job, replayCommand } from './job.ts';
import { writeJson } from './json-file.ts';
import { endOf, type Hunt, type Kill, MutantTrials, runAll } from './mutant-hunt.ts';
import {
  type MutantRecord,
  type MutantRecords,
  readRecords,
  recordOf,
  writeRecords,
} from './mutant-records.ts';
import { writePage } from './mutants-page.ts';
import { SeedPool } from './pool.ts';

export interface MutantsPlan {
  /** All of them when empty. */
  readonly names: readonly string[];
  /** Seeds tried in a hunt before a mutant counts as missed. */
  readonly seedsMax: number;
  readonly threads: number;
  /** Hunts of each mutant, each from another first seed. */
  readonly hunts: number;
  /** Record where each mutant was caught, and write the page. */
  readonly write: boolean;
  /** File for the results as JSON. */
  readonly json: string | undefined;
}

/** Hunts begin so many seeds apart. */
const huntsApart = 100_000;
/** What the median of a mutant's hunts may take. */
const secondsMax = 120;

/** @throws ExitError when a mutant was missed or took too long, or the sources as they are fail where they must pass */
export async function huntMutants(plan: MutantsPlan): Promise<void> {
  const chosen = chosenMutants(plan.names);
  const records: Record<string, MutantRecord> = {};
  const hunts: Hunt[] = [];
  printHeader();
  for (const mutant of chosen) {
    const found = await huntRepeatedly(mutant, plan);
    hunts.push(...found);
    const record = recordOf(found);
    if (record !== undefined) records[mutant.name] = record;
    printLine(describeHunts(found, record));
  }
  const failures = await failuresUnmutated(
    hunts.flatMap(({ kill }) => (kill === undefined ? [] : [kill])),
    plan.threads,
  );
  writeJson(plan.json, { hunts: hunts.map(plainHunt), records, failuresUnmutated: failures });
  requireSound(failures);
  if (plan.write) writePage(writeRecords(records));
  const missed = chosen.filter(({ name }) => records[name] === undefined);
  if (missed.length > 0) throw missing(missed);
  const slow = chosen.filter(({ name }) => (records[name]?.seconds ?? 0) > secondsMax);
  if (slow.length > 0) {
    const names = slow.map(({ name }) => name).join(', ');
    throw new ExitError(`photon sim: caught, but not within ${secondsMax} s: ${names}`, exitCodes.failed);
  }
  printLine(
    `${chosen.length} of ${chosen.length} mutants caught; the sources as they are pass the same seeds`,
  );
}

/**
 * Replays the seed that is recorded for each mutant, with it and without. One that survives its seed, or has none, is hunted
 * for a few seeds more: the sources have changed since it was recorded.
 *
 * @throws ExitError when a mutant was missed, or the sources as they are fail where they must pass
 */
export async function replayMutants(plan: Omit<MutantsPlan, 'hunts' | 'write'>): Promise<void> {
  const chosen = chosenMutants(plan.names);
  const records = readRecords();
  const kills: Kill[] = [];
  const missed: Mutant[] = [];
  let stale = 0;
  printHeader();
  const waiting = longestFirst(chosen, records).values();
  const work = async (): Promise<void> => {
    for (const mutant of waiting) {
      const { kill, note, seeds, seconds } = await replayOne(mutant, records[mutant.name], plan.seedsMax);
      if (kill === undefined) missed.push(mutant);
      else kills.push(kill);
      if (note !== undefined) stale += 1;
      printLine(`${row(mutant.name, kill, seeds, seconds)}${note === undefined ? '' : `  ${note}`}`);
    }
  };
  await Promise.all(Array.from({ length: plan.threads }, work));
  const failures = await failuresUnmutated(kills, plan.threads);
  writeJson(plan.json, { kills, missed: missed.map(({ name }) => name), stale, failuresUnmutated: failures });
  requireSound(failures);
  if (missed.length > 0) throw missing(missed);
  if (stale > 0) printLine(`warning: ${stale} records are stale or missing; photon sim mutants --write`);
  printLine(
    `${chosen.length} of ${chosen.length} mutants caught; the sources as they are pass the same seeds`,
  );
}

function chosenMutants(names: readonly string[]): readonly Mutant[] {
  return names.length === 0 ? mutants : names.map(mutantNamed);
}

/** Those that need longest begin first, so that no thread is left with one of them at the end. */
function longestFirst(chosen: readonly Mutant[], records: MutantRecords): readonly Mutant[] {
  const secondsOf = ({ name }: Mutant): number => records[name]?.seconds ?? Infinity;
  return chosen.toSorted((left, right) => secondsOf(right) - secondsOf(left) || 0);
}

async function huntRepeatedly(mutant: Mutant, plan: MutantsPlan): Promise<readonly Hunt[]> {
  const trials = new MutantTrials(mutant, plan.threads);
  try {
    const hunts: Hunt[] = [];
    for (let at = 0; at < plan.hunts; at += 1) {
      const hunt = await trials.hunt({ firstSeed: 1 + at * huntsApart, seedsMax: plan.seedsMax });
      hunts.push(hunt);
      if (hunt.kill === undefined) break;
    }
    return hunts;
  } finally {
    await trials.close();
  }
}

/** A note says that the record did not do. */
async function replayOne(
  mutant: Mutant,
  record: MutantRecord | undefined,
  seedsMax: number,
): Promise<{ readonly kill: Kill | undefined; note?: string; seeds: number; seconds: number }> {
  const startMs = performance.now();
  const trials = new MutantTrials(mutant, 1);
  const secondsSince = (): number => (performance.now() - startMs) / 1_000;
  try {
    if (record !== undefined) {
      const { scenario, seed } = record;
      const [trial] = await trials.trials([{ scenario, seed, twice: false }]);
      if (trial?.kind === 'caught') return { kill: trial.kill, seeds: 1, seconds: secondsSince() };
    }
    const { kill, seeds } = await trials.hunt({ firstSeed: 1, seedsMax });
    const note =
      record === undefined
        ? 'no record'
        : `the record is stale: ${record.scenario} ${record.seed} does not kill any more`;
    return { kill, note, seeds, seconds: secondsSince() };
  } finally {
    await trials.close();
  }
}

/** The seeds that decided, without any mutant: where the original fails too, a mutant proves nothing. */
async function failuresUnmutated(kills: readonly Kill[], threads: number): Promise<readonly string[]> {
  const jobs = new Map<string, Job>();
  for (const { scenario, seed } of kills) jobs.set(`${scenario} ${seed}`, { scenario, seed, twice: false });
  const pool = new SeedPool({ threads });
  try {
    return (await runAll(pool, [...jobs.values()])).flatMap((done) => {
      const invariant = endOf(done);
      return invariant === undefined ? [] : [`${invariant}; ${replayCommand(done.job)}`];
    });
  } finally {
    await pool.close();
  }
}

function requireSound(failuresUnmutated: readonly string[]): void {
  for (const failure of failuresUnmutated) printLine(`the sources as they are fail too: ${failure}`);
  if (failuresUnmutated.length > 0)
    throw new ExitError('photon sim: a mutant proves nothing where the original fails', exitCodes.failed);
}

function missing(missed: readonly Mutant[]): ExitError {
  const names = missed.map(({ name }) => name).join(', ');
  return new ExitError(`photon sim: not caught: ${names}`, exitCodes.failed);
}

function plainHunt({ mutant, kill, seeds, seconds, others }: Hunt): object {
  return { mutant: mutant.name, kill, seeds, seconds, others: Object.fromEntries(others) };
}

function printHeader(): void {
  printLine(columns('mutant', 'caught by', 'where', 'seeds', 'seconds'));
}

/** Medians where every hunt ended well; otherwise the hunt that did not. */
function describeHunts(hunts: readonly Hunt[], record: MutantRecord | undefined): string {
  const others = new Map<string, number>();
  for (const hunt of hunts)
    for (const [end, count] of hunt.others) others.set(end, (others.get(end) ?? 0) + count);
  const seen = [...others].map(([end, count]) => `${end} ×${count}`).join(', ');
  const last = hunts.at(-1);
  const name = last?.mutant.name ?? '';
  const line =
    record === undefined
      ? row(name, undefined, last?.seeds ?? 0, last?.seconds ?? 0)
      : row(name, record, record.seeds, record.seconds);
  return seen === '' ? line : `${line}  also: ${seen}`;
}

function row(mutant: string, kill: Kill | undefined, seeds: number, seconds: number): string {
  const { blindTo, scenarios } = mutantNamed(mutant);
  const where = kill === undefined ? `not in ${scenarios.join(', ')}` : `${kill.scenario} ${kill.seed}`;
  const caughtBy =
    kill === undefined ? 'NOTHING' : `${blindTo === undefined ? '' : 'misses '}${kill.invariant}`;
  return columns(mutant, caughtBy, where, String(seeds), seconds.toFixed(1));
}

function columns(mutant: string, caughtBy: string, where: string, seeds: string, seconds: string): string {
  return `${mutant.padEnd(40)}${caughtBy.padEnd(28)}${where.padEnd(44)}${seeds.padStart(6)}${seconds.padStart(9)}`;
}

function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}
