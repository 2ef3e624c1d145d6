import { runJudged } from './judged-run.ts';
import { runScenario } from './run.ts';
import { type RunResult, type Scenario } from './types.ts';

/** One step in so many of a second run is followed by an exchange of the machine for one that was restored. */
export const recaptureEvery = 200;
const undecided = 'a run that is not decided by its seed';
/** Of a line of the trace, in what is said of a difference. */
const lineCharsMax = 400;

/**
 * Runs a seed for the second time, with machines that are captured and restored on their way, and compares: the same code
 * and seed give the same hash, and a machine that was restored does what the one that was captured would have done.
 *
 * @param plan makes the scenario anew: two runs share nothing
 * @returns what is wrong, undefined when nothing is
 */
export function compareSecondRun(
  plan: () => Scenario,
  seed: number,
  first: RunResult,
): RunResult['violation'] {
  const second = runJudged(plan(), seed, { recaptureEvery });
  const difference = recapturedRunDiffers(first, second, () => runScenario(plan(), seed));
  if (difference === undefined) return undefined;
  return { ...difference, detail: `${difference.detail}\n  ${firstDifference(plan, seed)}` };
}

/** @returns what is wrong when a second run of the same seed has not come to the same; undefined when it has */
export function secondRunDiffers(first: RunResult, second: RunResult): RunResult['violation'] {
  if (second.hash === first.hash && second.violation === undefined) return undefined;
  const detail = `nondeterminism: hash ${first.hash} the first time, ${second.hash} the second: ${undecided}`;
  return { invariant: 'nondeterminism', site: 'hash', detail, atUs: 0 };
}

/**
 * The same of a second run with machines that were captured and restored on their way.
 *
 * @param third runs the seed again without, to tell which of the two it is
 */
export function recapturedRunDiffers(
  first: RunResult,
  second: RunResult,
  third: () => RunResult,
): RunResult['violation'] {
  if (second.hash === first.hash && second.violation === undefined) return undefined;
  const [why, site] =
    third().hash === first.hash
      ? ['state that was not captured, or not restored', 'capture']
      : [undecided, 'hash'];
  const detail = `nondeterminism: hash ${first.hash} the first time, ${second.hash} the second, with machines captured and restored: ${why}`;
  return { invariant: 'nondeterminism', site, detail, atUs: 0 };
}

/** Where the two runs part, step by step. */
function firstDifference(plan: () => Scenario, seed: number): string {
  const lines: string[] = [];
  runScenario(plan(), seed, { trace: (line) => lines.push(line) });
  let at = 0;
  let difference: string | undefined;
  const compare = (line: string): void => {
    const expected = lines[at] ?? 'nothing more';
    if (line !== expected)
      difference ??= `line ${at + 1} of the trace: ${brief(expected)}\n  became ${brief(line)}`;
    at += 1;
  };
  const again = runScenario(plan(), seed, { trace: compare, recaptureEvery });
  difference ??= `after line ${at} of the trace the second run has no more`;
  const { violation } = again;
  return violation === undefined ? difference : `${difference}\n  it ended in: ${violation.detail}`;
}

function brief(line: string): string {
  return line.length > lineCharsMax ? `${line.slice(0, lineCharsMax)}…` : line;
}
