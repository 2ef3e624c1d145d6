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

/**
 * The steps that show the violation, oldest first; none where there is none, or where the run merely proved nothing.
 *
 * Where clients' operations or times are named, the steps that served them, and those by which a client was told something at
 * that very time. Otherwise the last step of the run, which was the one too many, and of every other member that is named the
 * newest one: two leaders of a term may never have heard of each other.
 */
export function violationSteps(evidence: RunEvidence): readonly StepNumber[] {
  const { result, steps, firstStep, operationSteps } = evidence;
  const { violation } = result;
  if (violation === undefined || violation.invariant === 'idle' || steps.length === 0) return [];
  const served = violationOperations(evidence).flatMap((position) => operationSteps[position] ?? []);
  const told = namedTimes(violation.detail).flatMap((atUs) => stepsOfTime(evidence, atUs));
  const kept = [...served, ...told].filter((step) => step >= firstStep);
  if (kept.length > 0) return inOrder(kept);
  const shown = [firstStep + steps.length - 1];
  for (const named of namedMembers(violation.detail)) {
    const position = steps.findLastIndex(({ node, member }) => (member ?? node) === named);
    if (position >= 0) shown.push(firstStep + position);
  }
  return inOrder(shown);
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

function inOrder(steps: readonly StepNumber[]): readonly StepNumber[] {
  return [...new Set(steps)].sort((left, right) => left - right);
}
