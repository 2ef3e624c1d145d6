import { clientHistory } from './client-history.ts';
import { type RunEvidence, type StepNumber } from './types.ts';
import { inOrder, namedSteps } from './violation-words.ts';

/**
 * The steps that show the violation, oldest first; none where there is none, or where the run merely proved nothing.
 *
 * Where clients' operations or times are named, the steps that served them, and those by which a client was told something at
 * that very time; where the history has no order, those that served the operation for which there is no place in it. Otherwise
 * the last step of the run, which was the one too many, and of every other member that is named the newest one: two leaders of
 * a term may never have heard of each other.
 */
export function violationSteps(evidence: RunEvidence): readonly StepNumber[] {
  const { result, steps, firstStep, operationSteps } = evidence;
  if (result.violation === undefined || result.violation.invariant === 'idle' || steps.length === 0)
    return [];
  const named = namedSteps(evidence);
  if (named.exact) return named.steps;
  const { stuck } = clientHistory(evidence);
  const served = stuck === undefined ? [] : (operationSteps[stuck.operation] ?? []);
  const kept = served.filter((step) => step >= firstStep);
  return kept.length > 0 ? inOrder(kept) : named.steps;
}
