import { type Repro } from '../../sim/repro.ts';
import { type Failed, isFailed } from '../../sim/shrink-trials.ts';
import { type RunResult } from '../../sim/types.ts';
import { Tally } from '../../reports/tally.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { writeFailurePage } from './failure-page.ts';
import { type Job } from './job.ts';
import { writeJson } from './json-file.ts';
import { SeedPool } from './pool.ts';
import { readRepro, requireWritable } from './repro-files.ts';
import { sourcesNow } from './sources.ts';

export interface ReplayOptions {
  readonly trace: boolean;
  /** File for the result as JSON. */
  readonly json: string | undefined;
}

/** Runs one seed of a scenario again. @throws ExitError when it ends in a violation */
export async function replay(
  scenario: string,
  seed: number,
  options: ReplayOptions & { readonly mutant: string | undefined },
): Promise<void> {
  const result = await ran({ scenario, seed, twice: false }, options.mutant, options);
  report(result, options);
  if (!isFailed(result)) {
    process.stdout.write('no violation\n');
    return;
  }
  throw new ExitError(described(result), exitCodes.failed);
}

/**
 * Runs a repro file again, with its mutant planted, and says whether it shows what it did when it was made.
 *
 * @throws ExitError when it shows a violation; with `expect`, when it does not show the recorded one
 */
export async function replayFile(
  file: string,
  options: ReplayOptions & { readonly expect: boolean; readonly page: string | undefined },
): Promise<void> {
  const repro = readRepro(file);
  if (options.page !== undefined) {
    requireWritable(options.page);
    await writeFailurePage(options.page, repro, file);
  }
  const { scenario: plan, seed, mutant } = repro;
  const sameSources = sourcesNow(mutant).sources === repro.sources;
  const result = await ran({ scenario: plan.name, seed, plan, twice: false }, mutant, options);
  report(result, options);
  const verdict = compared(repro, result, sameSources);
  if (isFailed(result)) process.stdout.write(`${described(result)}\n`);
  process.stdout.write(`${verdict.line}\n`);
  if (options.expect) {
    if (!verdict.asRecorded) throw new ExitError(`photon sim: ${file}: ${verdict.line}`, exitCodes.failed);
    return;
  }
  if (result.violation !== undefined) throw new ExitError(`photon sim: ${file}: it fails`, exitCodes.failed);
}

export interface ReplayVerdict {
  /** The violation shows again, with the same hash where the sources are the same. */
  readonly asRecorded: boolean;
  /** It says what was compared. */
  readonly line: string;
}

/** @param sameSources the sources that decide a run are those that the repro was made from */
export function compared(
  repro: Pick<Repro, 'violation' | 'hash'>,
  result: RunResult,
  sameSources: boolean,
): ReplayVerdict {
  const { invariant } = repro.violation;
  const shown = result.violation?.invariant;
  if (shown === undefined) {
    return { asRecorded: false, line: `not as recorded: no violation, where ${invariant} was` };
  }
  if (shown !== invariant) {
    return { asRecorded: false, line: `not as recorded: ${shown}, where ${invariant} was` };
  }
  if (!sameSources) {
    const line = `as recorded: ${invariant} (the violation alone was compared: the sources have changed since)`;
    return { asRecorded: true, line };
  }
  if (result.hash !== repro.hash) {
    const line = `not as recorded: hash ${result.hash}, where the same sources gave ${repro.hash}`;
    return { asRecorded: false, line };
  }
  return { asRecorded: true, line: `as recorded: ${invariant}, and the hash is the same: ${repro.hash}` };
}

/** Runs it in a thread of its own, in which a mutant can be planted before anything is loaded. */
export async function ran(
  job: Job,
  mutant: string | undefined,
  options: { readonly trace: boolean },
): Promise<RunResult> {
  const pool = new SeedPool({ threads: 1, mutants: mutant === undefined ? [] : [mutant] });
  try {
    const done = await pool.do(
      { ...job, traced: options.trace },
      {
        traced: (lines) => {
          process.stdout.write(`${lines.join('\n')}\n`);
        },
      },
    );
    if (done.kind === 'ran') return done.result;
    throw new ExitError(`photon sim: the simulator broke\n${done.reason}`, exitCodes.failed);
  } finally {
    await pool.close();
  }
}

function report(result: RunResult, options: ReplayOptions): void {
  const tally = new Tally();
  tally.add(result);
  process.stdout.write(`${[`hash        ${result.hash}`, ...tally.lines()].join('\n')}\n`);
  writeJson(options.json, result);
}

function described({ violation }: Failed): string {
  return `at ${(violation.atUs / 1_000_000).toFixed(6)} s: ${violation.detail}`;
}
