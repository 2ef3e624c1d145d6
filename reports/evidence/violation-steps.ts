import { nodeId, type NodeId } from '../../core/base/ids.ts';
import { type RunEvidence, type StepNumber } from './types.ts';

/** As `describeOperation` names an operation. */
const operationNamed = /\bclient (\d+) call (\d+)\b/g;
/** As checkers name members. */
const membersNamed = /\bn(\d+)\b|\bmembers? (\d+)(?: and (\d+))?/g;

/**
 * Positions of the operations that a violation names, in the order in which it does; without doubles.
 */
export function violationOperations(evidence: RunEvidence): readonly number[] {
  const { violation } = evidence.result;
  if (violation === undefined) return [];
  const positions = new Map(
    evidence.operations.map(({ client, callId }, position) => [`${client} ${callId}`, position]),
  );
  const named: number[] = [];
  for (const [, client, call] of violation.detail.matchAll(operationNamed)) {
    const position = positions.get(`${client ?? ''} ${call ?? ''}`);
    if (position !== undefined && !named.includes(position)) named.push(position);
  }
  return named;
}

/**
 * The steps that show the violation, oldest first; none where there is none, or where the run merely proved nothing. Where
 * operations of clients contradict each other, the steps that served them. Otherwise the last step of the run, which was the
 * one too many, and of every other member that the violation names the newest one: two leaders of a term may never have
 * heard of each other.
 */
export function violationSteps(evidence: RunEvidence): readonly StepNumber[] {
  const { result, steps, firstStep, operationSteps } = evidence;
  const { violation } = result;
  if (violation === undefined || violation.invariant === 'idle' || steps.length === 0) return [];
  const served = violationOperations(evidence).flatMap((position) => operationSteps[position] ?? []);
  const kept = served.filter((step) => step >= firstStep);
  if (kept.length > 0) return inOrder(kept);
  const shown = [firstStep + steps.length - 1];
  for (const named of namedMembers(violation.detail)) {
    const position = steps.findLastIndex(({ node, member }) => (member ?? node) === named);
    if (position >= 0) shown.push(firstStep + position);
  }
  return inOrder(shown);
}

/** Only of the first line: behind it come stacks. */
function namedMembers(detail: string): readonly NodeId[] {
  const [line = ''] = detail.split('\n', 1);
  const named = new Set<NodeId>();
  for (const [, ...ids] of line.matchAll(membersNamed)) {
    for (const id of ids) if (id !== undefined && Number(id) > 0) named.add(nodeId(Number(id)));
  }
  return [...named];
}

function inOrder(steps: readonly StepNumber[]): readonly StepNumber[] {
  return [...new Set(steps)].sort((left, right) => left - right);
}
