import { dirname, join, relative } from 'node:path';

import { junitXml } from '../../reports/junit.ts';
import { type RunSummary } from '../../reports/page/page-data.ts';
import { writePage } from '../../reports/page/write-page.ts';
import { decodeSummary, encodeSummary } from '../../reports/summary-file.ts';
import { MergeError, mergeSummaries } from '../../reports/summary-merge.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { decodeFile, writeWhole } from './repro-files.ts';
import { reportLines } from './run-report.ts';

export interface MergePlan {
  /** What `photon sim run --json` has written on each machine. */
  readonly files: readonly string[];
  /** File for the whole. */
  readonly out: string | undefined;
  readonly junit: string | undefined;
  readonly page: string | undefined;
  /** Shards may be missing. */
  readonly partial: boolean;
}

/** Joins the parts of one run, and judges it as a whole. @throws ExitError when they do not go together, or it failed */
export async function merge(plan: MergePlan): Promise<void> {
  const to = plan.out === undefined ? '.' : dirname(plan.out);
  const parts = plan.files.map((file) => {
    return { name: file, summary: moved(decodeFile(file, decodeSummary), dirname(file), to) };
  });
  const summary = merged(parts, plan.partial);
  if (plan.out !== undefined) writeWhole(plan.out, encodeSummary(summary));
  if (plan.junit !== undefined) writeWhole(plan.junit, junitXml(summary));
  if (plan.page !== undefined) await writePage(plan.page, { kind: 'run', summary });
  process.stdout.write(`${reportLines(summary, { from: to }).join('\n')}\n`);
  if (summary.failures.length > 0) throw new ExitError('photon sim: the run failed', exitCodes.failed);
  if (summary.missedFloors.length > 0)
    throw new ExitError('photon sim: the run was too idle to prove anything', exitCodes.failed);
}

function merged(parts: Parameters<typeof mergeSummaries>[0], partial: boolean): RunSummary {
  try {
    return mergeSummaries(parts, { partial });
  } catch (cause) {
    if (!(cause instanceof MergeError)) throw cause;
    throw new ExitError(`photon sim: not merged: ${cause.message}`, exitCodes.refused, { cause });
  }
}

/** The files of its failures, named as whoever stands in `to` finds them. */
function moved(summary: RunSummary, from: string, to: string): RunSummary {
  const found = (file: string | undefined): string | undefined =>
    file === undefined ? undefined : relative(to, join(from, file));
  const failures = summary.failures.map((failure) => {
    return { ...failure, repro: found(failure.repro), page: found(failure.page) };
  });
  return { ...summary, failures };
}
