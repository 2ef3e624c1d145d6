import { nodeId, type NodeId } from '../../core/base/ids.ts';
import { type RunEvidence, type StepNumber } from './types.ts';

/** As `describeOperation` names an operation. */
const operationNamed = /\bclient (\d+) call (\d+)\b/g;
/** The same, to its end. */
const operationWords = /\bclient \d+ call \d+ .*?\[[^\]]*\]/g;
/** `went at 5 µs`, `held from 5 to 9 µs`: a point in time, and the beginning of a stretch of it. */
const timeNamed = /\bat (\d+) µs|\bfrom (\d+) to \d+ µs/g;
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

/** What the words of a violation lead to, oldest first. */
export interface NamedSteps {
  readonly steps: readonly StepNumber[];
  /** By operations or times. Otherwise they are the last step of the run, and the newest one of each member that is named. */
  readonly exact: boolean;
}

/** The steps that served the operations which a violation names, or that told a client something at a time that it names. */
export function namedSteps(evidence: RunEvidence): NamedSteps {
  const { result, steps, firstStep, operationSteps } = evidence;
  const detail = result.violation?.detail ?? '';
  const served = violationOperations(evidence).flatMap((position) => operationSteps[position] ?? []);
  const told = namedTimes(detail).flatMap((atUs) => stepsOfTime(evidence, atUs));
  const kept = [...served, ...told].filter((step) => step >= firstStep);
  if (kept.length > 0) return { steps: inOrder(kept), exact: true };
  const shown = [firstStep + steps.length - 1];
  for (const named of namedMembers(detail)) {
    const position = steps.findLastIndex(({ node, member }) => (member ?? node) === named);
    if (position >= 0) shown.push(firstStep + position);
  }
  return { steps: inOrder(shown), exact: false };
}

/** Points in time that the words name, but for those of operations, whose steps are known. */
function namedTimes(detail: string): readonly number[] {
  const [line = ''] = detail.split('\n', 1);
  const times: number[] = [];
  for (const [, at, from] of line.replace(operationWords, '').matchAll(timeNamed))
    times.push(Number(at ?? from));
  return times;
}

/** The steps that told a client something just then; where there are none, the newest one up to then. */
function stepsOfTime({ packets, steps, firstStep }: RunEvidence, atUs: number): readonly StepNumber[] {
  const told = packets.flatMap(({ to, arrivedUs, sentBy }) =>
    to.kind === 'client' && arrivedUs === atUs && sentBy !== undefined ? [sentBy] : [],
  );
  if (told.length > 0) return told;
  const newest = steps.findLastIndex((step) => step.atUs <= atUs);
  return newest < 0 ? [] : [firstStep + newest];
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

export function inOrder(steps: readonly StepNumber[]): readonly StepNumber[] {
  return [...new Set(steps)].sort((left, right) => left - right);
}
