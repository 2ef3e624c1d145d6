import { recaptureEvery } from '../second-run.ts';
import { type RunResult } from '../types.ts';
import { type SwimScenario } from './plan.ts';
import { runSwim } from './run.ts';

/**
 * Runs a seed for the second time, with machines that are captured and restored on their way.
 *
 * @param plan makes the scenario anew: two runs share nothing
 * @returns what is wrong, undefined when nothing is
 */
export function compareSecondSwimRun(
  plan: () => SwimScenario,
  seed: number,
  first: RunResult,
): RunResult['violation'] {
  const second = runSwim(plan(), seed, { recaptureEvery });
  if (second.hash === first.hash && second.violation === undefined) return undefined;
  const [why, site] =
    runSwim(plan(), seed).hash === first.hash
      ? ['state that was not captured, or not restored', 'capture']
      : ['a run that is not decided by its seed', 'hash'];
  const detail = `nondeterminism: hash ${first.hash} the first time, ${second.hash} the second, with machines captured and restored: ${why}`;
  return { invariant: 'nondeterminism', site, detail, atUs: 0 };
}
