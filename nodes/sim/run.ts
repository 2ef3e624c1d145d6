import { dirname, join, relative } from 'node:path';

import { type BugFiles } from '../../reports/failure-book.ts';
import { junitXml } from '../../reports/junit.ts';
import { type RunSummary } from '../../reports/page/page-data.ts';
import { writePage } from '../../reports/page/write-page.ts';
import { encodeSummary } from '../../reports/summary-file.ts';
import { SummaryBuilder } from '../../reports/summary.ts';
import { isFailed } from '../../sim/shrink-trials.ts';
import { siteOf } from '../../sim/site.ts';
import { type RunResult } from '../../sim/types.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { BugBase, bugFiles } from './bug-base.ts';
import { FailureDesk } from './failure-desk.ts';
import { type Job, type JobDone, replayCommand } from './job.ts';
import { SeedPool } from './pool.ts';
import { Progress, ShrinkLine } from './progress.ts';
import { requireWritable, writeWhole } from './repro-files.ts';
import { reportLines } from './run-report.ts';
import { type SeedRange, seedsOf, type Shard } from './shard.ts';
import { type Failure, type ShrinkLimits } from './shrinker.ts';
import { sourcesNow } from './sources.ts';

export interface RunPlan {
  /** Every seed runs in each of these. */
  readonly scenarios: readonly string[];
  readonly seeds: SeedRange;
  /** Of the seeds, those that fall to this machine; undefined: all. */
  readonly shard: Shard | undefined;
  /** No seed begins after this time; Infinity for all of them. */
  readonly forMs: number;
  readonly threads: number;
  /** A bug to plant first. */
  readonly mutant: string | undefined;
  /** Failures are made small within these bounds; undefined: not at all. */
  readonly shrink: ShrinkLimits | undefined;
  /** Where repros and pages of failures go. */
  readonly out: string;
  /** A folder that keeps bugs from run to run, in place of `out`. */
  readonly bugs: string | undefined;
  readonly files: RunFiles;
}

/** What a run writes, if it is asked to. */
export interface RunFiles {
  readonly json: string | undefined;
  /** With the summary, what came of every seed. It is kept in memory until then. */
  readonly everyResult: boolean;
  readonly junit: string | undefined;
  readonly page: string | undefined;
}

/** One seed in so many runs twice. */
const twiceEvery = 20;
const violationsShownMax = 10;
/** What was seen goes to the bug base so often. */
const bugBaseFlushMs = 60_000;

/** @throws ExitError after the report, when anything was wrong */
export async function runSeeds(plan: RunPlan): Promise<RunSummary> {
  const { json, junit, page } = plan.files;
  for (const file of [json, junit, page]) if (file !== undefined) requireWritable(file);
  // Made although nothing may be found: a base without bugs is one too.
  if (plan.bugs !== undefined) requireWritable(join(plan.bugs, 'any'));
  const session = new RunSession(plan);
  const summary = await session.run();
  const { failures, runs, missedFloors } = summary;
  if (failures.length > 0) {
    const failed = session.failures;
    throw new ExitError(
      `photon sim: ${failed} of ${runs} runs failed, by ${failures.length === 1 ? 'one bug' : `${failures.length} bugs`}`,
      exitCodes.failed,
    );
  }
  if (missedFloors.length > 0)
    throw new ExitError('photon sim: the run was too idle to prove anything', exitCodes.failed);
  return summary;
}

class RunSession {
  readonly #plan: RunPlan;
  readonly #progress = new Progress();
  readonly #builder = new SummaryBuilder();
  readonly #results: RunResult[] = [];
  readonly #sources;
  readonly #base: BugBase | undefined;
  readonly #pool: SeedPool;
  readonly #desk: FailureDesk;
  readonly #startMs = performance.now();
  #baseWrittenMs = performance.now();
  #twice = 0;
  #shown = 0;

  constructor(plan: RunPlan) {
    this.#plan = plan;
    this.#sources = sourcesNow(plan.mutant);
    this.#base = plan.bugs === undefined ? undefined : new BugBase(plan.bugs);
    this.#pool = new SeedPool({
      threads: plan.threads,
      mutants: plan.mutant === undefined ? [] : [plan.mutant],
    });
    this.#desk = new FailureDesk({
      pool: this.#pool,
      directory: this.#directory,
      limits: plan.shrink,
      // A run of hours has time for each of them; whoever waits for an answer does not.
      totalMs: plan.bugs === undefined ? (plan.shrink?.forMs ?? 0) : Infinity,
      line: new ShrinkLine(),
      say: (lines) => {
        this.#say(lines);
      },
      written: ({ result }, files) => {
        this.#builder.setFiles(result.violation, this.#asSeenFromSummary(files));
      },
    });
  }

  get failures(): number {
    return this.#builder.failures.failures;
  }

  async run(): Promise<RunSummary> {
    const plan = this.#plan;
    const endMs = this.#startMs + plan.forMs;
    try {
      await this.#pool.run(jobs(plan, endMs), (done) => this.#onDone(done));
      await this.#desk.settled();
    } finally {
      this.#progress.clear();
      await this.#pool.close();
      this.#base?.write();
    }
    const summary = this.#builder.build({
      commit: this.#sources.commit,
      dirty: this.#sources.dirty,
      scenarios: plan.scenarios,
      shard: plan.shard,
      wallSeconds: Math.round(performance.now() - this.#startMs) / 1_000,
    });
    // First of all on the terminal: a disk that is full by now takes nothing of it away.
    process.stdout.write(
      `${reportLines(summary, { twice: this.#twice, from: this.#summaryFolder }).join('\n')}\n`,
    );
    await this.#write(summary);
    return summary;
  }

  get #directory(): string {
    return this.#plan.bugs ?? this.#plan.out;
  }

  #onDone(done: JobDone): 'more' {
    if (done.job.twice) this.#twice += 1;
    if (done.kind === 'broke') this.#onBroken(done.job, done.reason);
    else this.#onResult(done);
    const { tally, failures } = this.#builder;
    this.#progress.show({
      share: progressShare(this.#plan, tally.runs, this.#progress.elapsedSeconds),
      runs: tally.runs,
      simulatedUs: tally.simulatedUs,
      violations: failures.failures,
    });
    return 'more';
  }

  #onResult(done: Extract<JobDone, { kind: 'ran' }>): void {
    const { result, failed } = done;
    if (this.#plan.files.everyResult) this.#results.push(result);
    const isNew = this.#builder.add(result, done.wallMs);
    if (!isFailed(result)) return;
    if (failed === undefined) {
      if (isNew) this.#show(describeViolation(result, this.#plan.mutant));
      return;
    }
    const { scenario, seed, violation } = result;
    this.#base?.saw(violation, { scenario, seed, commit: this.#sources.commit });
    if (isNew) {
      const { mutant } = this.#plan;
      this.#onNewBug({ plan: failed, seed, result, mutant, sources: this.#sources });
    }
    this.#flushBase();
  }

  #onNewBug(failure: Failure): void {
    const { result } = failure;
    const files = bugFiles(this.#directory, result.violation);
    this.#show(describeViolation(result, this.#plan.mutant));
    if (this.#base?.knows(result.violation) === true) {
      this.#builder.setFiles(result.violation, this.#asSeenFromSummary(files));
      this.#show([`  known       ${files.repro}`]);
      return;
    }
    this.#desk.take(failure);
  }

  #onBroken(job: Job, reason: string): void {
    const { scenario, seed } = job;
    const invariant = 'simulator-broke';
    if (this.#builder.addBroken({ scenario, seed, invariant, site: siteOf(reason), detail: reason }))
      this.#show([`${scenario}, seed ${seed}: the simulator broke`, `  ${reason}`]);
  }

  #show(lines: readonly string[]): void {
    this.#shown += 1;
    if (this.#shown <= violationsShownMax) this.#say(lines);
  }

  #say(lines: readonly string[]): void {
    this.#progress.clear();
    process.stdout.write(`${lines.join('\n')}\n\n`);
  }

  /** A run of hours that is ended by force leaves nearly all that it has seen. */
  #flushBase(): void {
    const nowMs = performance.now();
    if (nowMs - this.#baseWrittenMs < bugBaseFlushMs) return;
    this.#baseWrittenMs = nowMs;
    this.#base?.write();
  }

  #asSeenFromSummary(files: BugFiles): BugFiles {
    const from = this.#summaryFolder;
    const named = (file: string | undefined) => (file === undefined ? undefined : relative(from, file));
    return { repro: named(files.repro), page: named(files.page) };
  }

  get #summaryFolder(): string {
    const { json } = this.#plan.files;
    return json === undefined ? '.' : dirname(json);
  }

  async #write(summary: RunSummary): Promise<void> {
    const { json, junit, everyResult, page } = this.#plan.files;
    if (json !== undefined) writeWhole(json, encodeSummary(summary, everyResult ? this.#results : undefined));
    if (junit !== undefined) writeWhole(junit, junitXml(summary));
    if (page !== undefined) await writePage(page, { kind: 'run', summary });
  }
}

function* jobs(plan: RunPlan, endMs: number): Generator<Job, undefined> {
  for (const seed of seedsOf(plan.seeds, plan.shard)) {
    for (const scenario of plan.scenarios) {
      if (performance.now() >= endMs) return;
      yield { scenario, seed, twice: seed % twiceEvery === 0 };
    }
  }
}

function progressShare(plan: RunPlan, runs: number, elapsedSeconds: number): number {
  const seeds = (plan.seeds.last - plan.seeds.first + 1) / (plan.shard?.count ?? 1);
  const bySeeds = runs / (seeds * plan.scenarios.length);
  return Math.min(1, Math.max(bySeeds, (1_000 * elapsedSeconds) / plan.forMs));
}

function describeViolation(result: RunResult, mutant: string | undefined): readonly string[] {
  const { violation } = result;
  const at = ((violation?.atUs ?? 0) / 1_000_000).toFixed(6);
  const planted = mutant === undefined ? '' : ` --mutant ${mutant}`;
  return [
    `${result.scenario}, seed ${result.seed}, at ${at} s`,
    `  ${violation?.detail ?? ''}`,
    `  replay: ${replayCommand(result)}${planted} --trace`,
  ];
}
