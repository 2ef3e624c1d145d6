import { recapturedRunDiffers, recaptureEvery } from '../second-run.ts';
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
  return recapturedRunDiffers(first, second, () => runSwim(plan(), seed));
}
