import { type RunResult } from '../types.ts';
import { type PlasmaScenario } from './plan.ts';
import { runPlasma } from './run.ts';

/**
 * Runs a seed for the second time.
 *
 * @param plan makes the scenario anew: two runs share nothing
 * @returns what is wrong, undefined when nothing is
 */
export function compareSecondPlasmaRun(
  plan: () => PlasmaScenario,
  seed: number,
  first: RunResult,
): RunResult['violation'] {
  const second = runPlasma(plan(), seed);
  if (second.hash === first.hash && second.violation === undefined) return undefined;
  const detail = `nondeterminism: hash ${first.hash} the first time, ${second.hash} the second: a run that is not decided by its seed`;
  return { invariant: 'nondeterminism', site: 'hash', detail, atUs: 0 };
}
