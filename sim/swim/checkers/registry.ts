import { type SwimChecker } from '../checker.ts';
import { SwimAccuracy } from './accuracy.ts';
import { SwimCompleteness } from './completeness.ts';
import { SwimConvergence } from './convergence.ts';
import { SwimIncarnations } from './incarnations.ts';
import { SwimLoad } from './load.ts';

/** Fresh checkers for one run: those that name a cause before those that see a consequence. */
export function createSwimCheckers(): readonly SwimChecker[] {
  return [
    new SwimIncarnations(),
    new SwimAccuracy(),
    new SwimCompleteness(),
    new SwimLoad(),
    new SwimConvergence(),
  ];
}

export const swimCheckerNames: readonly string[] = createSwimCheckers().map(({ name }) => name);
