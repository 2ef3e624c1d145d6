import { createCheckers } from './checkers/registry.ts';
import { ExerciseMeter, missedFloor } from './exercise.ts';
import { type RunOptions, runScenario } from './run.ts';
import { siteOf } from './site.ts';
import { type RunResult, type Scenario } from './types.ts';

/** Runs a scenario with its checkers and holds it to its floors: a run that proved nothing fails as `idle`. */
export function runJudged(
  scenario: Scenario,
  seed: number,
  options: Pick<RunOptions, 'trace' | 'watcher' | 'recaptureEvery'> = {},
): RunResult {
  const meter = new ExerciseMeter(scenario.faults);
  const result = runScenario(scenario, seed, {
    ...options,
    checkers: [...createCheckers(scenario.checks), meter],
  });
  const missed = missedFloor(scenario.floors ?? {}, result, meter);
  // What ended early, for nobody's fault, has nothing to show.
  if (result.violation !== undefined || result.unrecoverable !== undefined || missed === undefined)
    return result;
  const atUs = result.simulatedUs;
  return {
    ...result,
    violation: { invariant: 'idle', site: siteOf(missed), detail: `idle: ${missed}`, atUs },
  };
}
