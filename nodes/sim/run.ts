import { type RunResult } from '../../sim/types.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { type SeedRange } from './arguments.ts';
import { type Job, type JobDone, replayCommand } from './job.ts';
import { writeJson } from './json-file.ts';
import { SeedPool } from './pool.ts';
import { Progress } from './progress.ts';
import { grouped, Tally } from '../../reports/tally.ts';

export interface RunPlan {
  /** Every seed runs in each of these. */
  readonly scenarios: readonly string[];
  readonly seeds: SeedRange;
  /** No seed begins after this time; Infinity for all of them. */
  readonly forMs: number;
  readonly threads: number;
  /** File for the results as JSON. */
  readonly json: string | undefined;
}

/** One seed in so many runs twice. */
const twiceEvery = 20;
const violationsShownMax = 10;

/** @throws ExitError after the report, when anything was wrong */
export async function runSeeds(plan: RunPlan): Promise<void> {
  const progress = new Progress();
  const tally = new Tally();
  const results: RunResult[] = [];
  const failures: string[] = [];
  const endMs = performance.now() + plan.forMs;
  const pool = new SeedPool({ threads: plan.threads });
  const onDone = (done: JobDone): 'more' => {
    if (done.kind === 'broke') {
      failures.push(`${done.job.scenario}, seed ${done.job.seed}: the simulator broke\n  ${done.reason}`);
    } else {
      tally.add(done.result);
      results.push(done.result);
      if (done.result.violation !== undefined) {
        failures.push(describeViolation(done.result));
        progress.clear();
        if (failures.length <= violationsShownMax) process.stdout.write(`${failures.at(-1) ?? ''}\n\n`);
      }
    }
    const share = progressShare(plan, tally.runs, progress.elapsedSeconds);
    progress.show({ share, runs: tally.runs, simulatedUs: tally.simulatedUs, violations: failures.length });
    return 'more';
  };
  try {
    await pool.run(jobs(plan, endMs), onDone);
  } finally {
    progress.clear();
    await pool.close();
  }
  const isSwarm = plan.scenarios.length === 1 && plan.scenarios[0] === 'swarm';
  const missed = isSwarm ? tally.missedFloors() : [];
  report({ tally, progress, results, failures, missed });
  writeResults(plan.json, results, missed);
  if (failures.length > 0) {
    throw new ExitError(`photon sim: ${failures.length} of ${tally.runs} runs failed`, exitCodes.failed);
  }
  if (missed.length > 0)
    throw new ExitError('photon sim: the run was too idle to prove anything', exitCodes.failed);
}

function* jobs(plan: RunPlan, endMs: number): Generator<Job, undefined> {
  for (let seed = plan.seeds.first; seed <= plan.seeds.last; seed += 1) {
    for (const scenario of plan.scenarios) {
      if (performance.now() >= endMs) return;
      yield { scenario, seed, twice: seed % twiceEvery === 0 };
    }
  }
}

function progressShare(plan: RunPlan, runs: number, elapsedSeconds: number): number {
  const bySeeds = runs / ((plan.seeds.last - plan.seeds.first + 1) * plan.scenarios.length);
  return Math.min(1, Math.max(bySeeds, (1_000 * elapsedSeconds) / plan.forMs));
}

function describeViolation(result: RunResult): string {
  const { violation } = result;
  const at = ((violation?.atUs ?? 0) / 1_000_000).toFixed(6);
  return `${result.scenario}, seed ${result.seed}, at ${at} s\n  ${violation?.detail ?? ''}\n  replay: ${replayCommand(result)} --trace`;
}

function report(run: {
  readonly tally: Tally;
  readonly progress: Progress;
  readonly results: readonly RunResult[];
  readonly failures: readonly string[];
  readonly missed: readonly string[];
}): void {
  const { tally, progress, failures, missed } = run;
  const twice = run.results.filter((result) => result.seed % twiceEvery === 0).length;
  const lines = [
    `${grouped(tally.runs)} runs in ${progress.elapsedSeconds.toFixed(1)} s: ${progress.rates(tally)}`,
    ...tally.lines(),
    `twice       ${grouped(twice)} runs were run twice to compare their hashes`,
    ...missed.map((floor) => `too little  ${floor}`),
    failures.length === 0 ? 'no violation' : `${failures.length} failed`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function writeResults(
  file: string | undefined,
  results: readonly RunResult[],
  missedFloors: readonly string[],
): void {
  const sorted = results.toSorted(
    (left, right) => left.seed - right.seed || (left.scenario < right.scenario ? -1 : 1),
  );
  writeJson(file, { missedFloors, results: sorted });
}
