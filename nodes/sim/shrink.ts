import { scenarioNamed } from '../../scenarios/registry.ts';
import { type ReproOrigin } from '../../sim/repro.ts';
import { type Trial } from '../../sim/shrink-trials.ts';
import { describeFaults, whyNotShrunk } from '../../sim/shrink.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { writeJson } from './json-file.ts';
import { SeedPool } from './pool.ts';
import { ShrinkLine } from './progress.ts';
import { isFileName, readRepro, writeRepro } from './repro-files.ts';
import { sourcesNow } from './sources.ts';
import { describeShrunk, failureOf, type ShrinkLimits, shrinkFailure } from './shrinker.ts';

export interface ShrinkPlan {
  /** Name of a scenario, or a repro file. */
  readonly what: string;
  /** Of a scenario; a file has its own. */
  readonly seed: number | undefined;
  readonly mutant: string | undefined;
  /** File for the repro. */
  readonly out: string;
  readonly limits: ShrinkLimits;
  readonly threads: number;
  /** File for what it took, as JSON. */
  readonly json: string | undefined;
}

/** Makes a failure small, and writes it. @throws ExitError when there is none */
export async function shrinkSeed(plan: ShrinkPlan): Promise<void> {
  const { trial, mutant, original } = trialOf(plan);
  const line = new ShrinkLine();
  const sources = sourcesNow(mutant);
  const pool = new SeedPool({
    threads: plan.threads,
    mutants: mutant === undefined ? [] : [mutant],
  });
  try {
    const failure = await failureOf(trial, pool, { mutant, sources, original });
    const who = `${trial.scenario.name}, seed ${trial.seed}`;
    if (typeof failure === 'string') throw new ExitError(`photon sim: ${who}: ${failure}`, exitCodes.failed);
    const { violation } = failure.result;
    process.stdout.write(`${who}, at ${(violation.atUs / 1_000_000).toFixed(6)} s\n  ${violation.detail}\n`);
    const why = whyNotShrunk(violation.invariant);
    if (why !== undefined) throw new ExitError(`photon sim: not shrunk: ${why}`, exitCodes.failed);
    const shrunk = await shrinkFailure(failure, {
      pool,
      limits: plan.limits,
      progress: ({ pass, runs, scenario }) => {
        line.show(`shrinking ${pass}: ${describeFaults(scenario.faults)}, ${runs} runs`);
      },
    });
    line.clear();
    writeRepro(plan.out, shrunk.repro);
    const { runs, seconds, minimal, repro } = shrunk;
    writeJson(plan.json, { runs, seconds, minimal, repro });
    const lines = [
      ...describeShrunk(shrunk),
      `written     ${plan.out}`,
      `replay      npx photon sim replay ${plan.out}`,
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  } finally {
    line.clear();
    await pool.close();
  }
}

function trialOf(plan: ShrinkPlan): {
  readonly trial: Trial;
  readonly mutant: string | undefined;
  readonly original: ReproOrigin | undefined;
} {
  if (isFileName(plan.what)) {
    if (plan.seed !== undefined || plan.mutant !== undefined) {
      throw new ExitError(`photon sim: ${plan.what} says itself which seed and mutant`, exitCodes.refused);
    }
    const { scenario, seed, mutant, original } = readRepro(plan.what);
    return { trial: { scenario, seed }, mutant, original };
  }
  if (plan.seed === undefined)
    throw new ExitError('photon sim: a scenario is shrunk with its --seed', exitCodes.refused);
  return {
    trial: { scenario: scenarioNamed(plan.what).plan(plan.seed), seed: plan.seed },
    mutant: plan.mutant,
    original: undefined,
  };
}
