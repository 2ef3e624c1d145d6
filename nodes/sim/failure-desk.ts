import { describeFaults, whyNotShrunk } from '../../sim/shrink.ts';
import { type Repro } from '../../sim/repro.ts';
import { bugFiles } from './bug-base.ts';
import { writeFailurePage } from './failure-page.ts';
import { type SeedPool } from './pool.ts';
import { type ShrinkLine } from './progress.ts';
import { writeRepro } from './repro-files.ts';
import { describeShrunk, type Failure, reproOf, shrinkFailure, type ShrinkLimits } from './shrinker.ts';

export interface DeskOptions {
  readonly pool: SeedPool;
  /** Each bug has a folder of its own in it. */
  readonly directory: string;
  /** For each bug; undefined: they stay as they were found. */
  readonly limits: ShrinkLimits | undefined;
  /** For all bugs together. */
  readonly totalMs: number;
  readonly line: ShrinkLine;
  /** Told in words what was made of a bug. */
  readonly say: (lines: readonly string[]) => void;
  /** The bug's files are there. */
  readonly written: (
    failure: Failure,
    files: { readonly repro: string; readonly page: string | undefined },
  ) => void;
}

type BugFiles = ReturnType<typeof bugFiles>;

/**
 * Takes new bugs one after the other while seeds go on: writes each down as it was found, makes it small, writes that and
 * its page. What waits is bounded by the bugs that a run tells apart.
 */
export class FailureDesk {
  readonly #options: DeskOptions;
  #work = Promise.resolve();
  #spentMs = 0;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /** A bug that was not seen before. */
  take(failure: Failure): void {
    const files = this.#filesOf(failure);
    // At once: whoever ends this process has the repro all the same.
    writeRepro(files.repro, reproOf(failure));
    this.#work = this.#work.then(() => this.#treat(failure));
    // Whoever waits for `settled` sees it; until then it is nobody's.
    this.#work.catch(() => undefined);
  }

  /** Everything that was taken is written. @throws what went wrong with it */
  async settled(): Promise<void> {
    await this.#work;
  }

  async #treat(failure: Failure): Promise<void> {
    const files = this.#filesOf(failure);
    const { scenario, seed, violation } = failure.result;
    const lines = [`${scenario}, seed ${seed}: ${violation.invariant}`];
    let repro = reproOf(failure);
    try {
      const shrunk = await this.#shrunk(failure);
      if (typeof shrunk === 'string') lines.push(`  not shrunk: ${shrunk}`);
      else {
        repro = shrunk.repro;
        lines.push(...describeShrunk(shrunk).map((line) => `  ${line}`));
      }
    } finally {
      this.#options.line.clear();
    }
    writeRepro(files.repro, repro);
    const noPage = await this.#writePage(files, repro);
    this.#options.written(failure, { ...files, page: noPage === undefined ? files.page : undefined });
    lines.push(
      `  repro       ${files.repro}`,
      `  page        ${noPage ?? files.page}`,
      `  replay      npx photon sim replay ${files.repro}`,
    );
    this.#options.say(lines);
  }

  /** @returns why there is none: what was found is worth more than how it is shown, and the run goes on */
  async #writePage(files: BugFiles, repro: Repro): Promise<string | undefined> {
    try {
      await writeFailurePage(files.page, repro, files.repro);
      return undefined;
    } catch (failed) {
      return `none: ${failed instanceof Error ? failed.message : String(failed)}`;
    }
  }

  /** @returns the small one, or why there is none */
  async #shrunk(failure: Failure) {
    const { limits, totalMs, pool, line } = this.#options;
    const { invariant } = failure.result.violation;
    if (limits === undefined) return 'it was not asked for';
    const why = whyNotShrunk(invariant);
    if (why !== undefined) return why;
    const leftMs = totalMs - this.#spentMs;
    if (leftMs <= 0) return 'the time for it is used up';
    const startMs = performance.now();
    try {
      return await shrinkFailure(failure, {
        pool,
        limits: { ...limits, forMs: Math.min(limits.forMs, leftMs) },
        progress: ({ pass, runs, scenario }) => {
          line.show(`shrinking ${invariant} (${pass}): ${describeFaults(scenario.faults)}, ${runs} runs`);
        },
      });
    } catch (failed) {
      // It did not fail the second time: the run itself is worth more than the end of the whole command.
      if (failed instanceof RangeError) return failed.message;
      throw failed;
    } finally {
      this.#spentMs += performance.now() - startMs;
    }
  }

  #filesOf({ result }: Failure): BugFiles {
    return bugFiles(this.#options.directory, result.violation);
  }
}
