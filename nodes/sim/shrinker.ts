import { type Repro, type ReproOrigin } from '../../sim/repro.ts';
import {
  type Failed,
  isFailed,
  type Search,
  type ShrinkProgress,
  type Trial,
} from '../../sim/shrink-trials.ts';
import { describeFaults, shrink } from '../../sim/shrink.ts';
import { type RunResult, type Scenario } from '../../sim/types.ts';
import { type SeedPool } from './pool.ts';
import { type Sources } from './sources.ts';

/** A run that has failed. */
export interface Failure {
  readonly plan: Scenario;
  readonly seed: number;
  readonly result: Failed;
  /** The bug that was planted in it. */
  readonly mutant: string | undefined;
  /** As they were before the threads loaded them: they may have been edited since. */
  readonly sources: Sources;
  /** What it was before it was made small the first time; undefined: it is as it was found. */
  readonly original?: ReproOrigin | undefined;
}

export interface ShrinkLimits {
  readonly forMs: number;
  readonly runsMax: number;
}

export const shrinkForMsDefault = 5 * 60_000;
export const shrinkRunsDefault = 3_000;
/** A simpler run may have no end where the one that was found had: it is given up. */
const trialMsMax = 60_000;

export interface ShrunkRepro {
  readonly repro: Repro;
  readonly runs: number;
  readonly seconds: number;
  /** Nothing simpler shows it; otherwise a bound ended the search. */
  readonly minimal: boolean;
}

/** The failure as it was found, as data. */
export function reproOf({ plan, seed, result, mutant, sources }: Failure): Repro {
  const { invariant, site, detail, atUs } = result.violation;
  return {
    format: 1,
    ...sources,
    mutant,
    seed,
    scenario: plan,
    violation: { invariant, site, detail, atUs },
    hash: result.hash,
    events: result.events,
    original: undefined,
  };
}

/**
 * The failure made small, by runs in the pool's threads, which must carry its mutant.
 *
 * @throws RangeError when a second run does not fail as the first did
 */
export async function shrinkFailure(
  failure: Failure,
  options: {
    readonly pool: SeedPool;
    readonly limits: ShrinkLimits;
    readonly progress?: (state: ShrinkProgress) => void;
  },
): Promise<ShrunkRepro> {
  const { pool, limits, progress } = options;
  const { plan, seed, result } = failure;
  const startMs = performance.now();
  const search = shrink(
    { scenario: plan, seed },
    {
      invariant: result.violation.invariant,
      site: result.violation.site,
      atOnce: pool.threads,
      runsMax: limits.runsMax,
      expired: () => performance.now() - startMs >= limits.forMs,
      ...(progress === undefined ? {} : { progress }),
    },
  );
  const shrunk = await searched(search, pool);
  const small = { ...failure, plan: shrunk.trial.scenario, seed: shrunk.trial.seed, result: shrunk.result };
  const original = failure.original ?? {
    scenario: plan.name,
    seed,
    faults: plan.faults,
    durationUs: plan.durationUs,
    clients: plan.workload.clients,
    events: result.events,
  };
  return {
    repro: { ...reproOf(small), original },
    runs: shrunk.runs,
    seconds: (performance.now() - startMs) / 1_000,
    minimal: shrunk.minimal,
  };
}

/** Makes the runs that a search asks for, as many at once as it asks. */
async function searched<Found>(search: Search<Found>, pool: SeedPool): Promise<Found> {
  let turn = search.next();
  while (turn.done !== true)
    turn = search.next(await Promise.all(turn.value.map((trial) => tried(trial, pool))));
  return turn.value;
}

async function tried({ scenario, seed }: Trial, pool: SeedPool): Promise<RunResult | undefined> {
  const job = { scenario: scenario.name, seed, plan: scenario, twice: false };
  const done = await pool.do(job, { msMax: trialMsMax });
  return done.kind === 'ran' ? done.result : undefined;
}

/**
 * Runs a plan once more than whoever found it, in one of the pool's threads.
 *
 * @returns why it did not fail, or the failure
 */
export async function failureOf(
  trial: Trial,
  pool: SeedPool,
  found: Pick<Failure, 'mutant' | 'sources' | 'original'>,
): Promise<Failure | string> {
  const { scenario, seed } = trial;
  const done = await pool.do({ scenario: scenario.name, seed, plan: scenario, twice: false });
  if (done.kind === 'broke') return `the simulator broke\n${done.reason}`;
  if (!isFailed(done.result)) return 'no violation';
  return { plan: scenario, seed, result: done.result, ...found };
}

/** What shrinking made of it, for people. */
export function describeShrunk({ repro, runs, seconds, minimal }: ShrunkRepro): readonly string[] {
  const { original, scenario } = repro;
  if (original === undefined) return [];
  const secondsOf = (us: number): string => `${(us / 1_000_000).toFixed(3)} s`;
  const cost = `${runs} runs, ${seconds.toFixed(1)} s`;
  return [
    `shrunk      ${minimal ? `nothing simpler shows it (${cost})` : `as far as the bounds allow (${cost})`}`,
    `  faults    ${original.faults.length} → ${scenario.faults.length}: ${describeFaults(scenario.faults)}`,
    `  duration  ${secondsOf(original.durationUs)} → ${secondsOf(scenario.durationUs)}`,
    `  clients   ${original.clients} → ${scenario.workload.clients}`,
    `  events    ${original.events} → ${repro.events}`,
  ];
}
