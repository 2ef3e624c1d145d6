import { present } from '../../core/base/assert.ts';
import { longestLinearization } from '../../sim/checkers/linearizability.ts';
import { type Operation } from '../../sim/types.ts';
import { type RunEvidence } from './types.ts';
import { namedSteps, violationOperations } from './violation-words.ts';

/** What of the clients' history belongs beside a violation. Numbers are positions in the evidence's operations. */
export interface ClientHistory {
  /** Worth drawing, in the order of their beginning. */
  readonly shown: readonly number[];
  /** The keys that all of it is about; empty: any. */
  readonly keys: readonly string[];
  /** Of those shown, the ones that can be put in order, in that order: the end of the longest partial linearization. */
  readonly order: readonly number[];
  /** How many more are in front of these. */
  readonly orderedBefore: number;
  /** The one for which there is no place behind them, and why. */
  readonly stuck: { readonly operation: number; readonly reason: string } | undefined;
  /** Those that the violation names. */
  readonly named: readonly number[];
}

/** So many are drawn at most: more nobody reads. */
const shownMax = 120;
/** Enough for a history that a page can show; the checkers themselves do not depend on it. */
const attemptsMax = 200_000;

/** Violations that a history without an order may come out as; those of revisions are looked for first. */
const ofOrder: ReadonlySet<string> = new Set(['linearizability', 'undecided', 'revisions']);

/**
 * For a history without an order: how far it can be put in one, and what does not fit. For any other violation, or where the
 * answers contradict what was applied rather than each other: the operations that it names, and those of the time around.
 */
export function clientHistory(evidence: RunEvidence): ClientHistory {
  let history = made.get(evidence);
  if (history === undefined) {
    history = makeHistory(evidence);
    made.set(evidence, history);
  }
  return history;
}

/** It may take a search, and several parts of a page ask for it. */
const made = new WeakMap<RunEvidence, ClientHistory>();

function makeHistory(evidence: RunEvidence): ClientHistory {
  const { violation } = evidence.result;
  const named = violationOperations(evidence);
  if (violation !== undefined && ofOrder.has(violation.invariant)) {
    const partial = longestLinearization(evidence.operations, { attemptsMax });
    if (partial !== undefined) return linearized(evidence, partial, named);
  }
  const aroundUs = around(evidence, named);
  return {
    shown: nearest(evidence.operations, aroundUs, named),
    keys: [],
    order: [],
    orderedBefore: 0,
    stuck: undefined,
    named,
  };
}

function linearized(
  { operations }: RunEvidence,
  partial: NonNullable<ReturnType<typeof longestLinearization>>,
  named: readonly number[],
): ClientHistory {
  const positions = new Map(operations.map((operation, position) => [operation, position]));
  const positionOf = (operation: Operation): number =>
    present(positions.get(operation), 'the search is over these operations');
  const order = partial.order.map(positionOf);
  const { stuck } = partial;
  const atUs = stuck?.operation.startUs ?? operations[order.at(-1) ?? 0]?.startUs ?? 0;
  const left = partial.left.map(positionOf);
  const must = [...named, ...(stuck === undefined ? [] : [positionOf(stuck.operation)])];
  // The end of the order is what the one that does not fit is held against; of the rest the nearest.
  const end = order.slice(-Math.floor(shownMax / 2));
  const room = Math.max(0, shownMax - end.length - must.length);
  const others = nearestOf(operations, left, atUs, room);
  return {
    shown: inOrder([...end, ...others, ...must]),
    keys: partial.keys,
    order: end,
    orderedBefore: order.length - end.length,
    stuck: stuck && { operation: positionOf(stuck.operation), reason: stuck.reason },
    named,
  };
}

/** The time that matters: of the operations that are named, of the steps that show the violation, or the end of the run. */
function around(evidence: RunEvidence, named: readonly number[]): number {
  const { operations, result, steps, firstStep } = evidence;
  if (named.length > 0) return Math.max(...named.map((position) => operations[position]?.endUs ?? 0));
  const shown = result.violation === undefined ? undefined : namedSteps(evidence).steps.at(-1);
  const step = shown === undefined ? undefined : steps[shown - firstStep];
  return step?.atUs ?? result.violation?.atUs ?? result.simulatedUs;
}

function nearest(operations: readonly Operation[], atUs: number, must: readonly number[]): readonly number[] {
  const room = Math.max(0, shownMax - must.length);
  return inOrder([...must, ...nearestOf(operations, [...operations.keys()], atUs, room)]);
}

function nearestOf(
  operations: readonly Operation[],
  positions: readonly number[],
  atUs: number,
  count: number,
): readonly number[] {
  const distanceUs = (position: number): number => {
    const { startUs, endUs } = present(operations[position], 'positions are of operations');
    // One without an end may have been open for ever: it belongs to the time at which it began.
    return atUs < startUs ? startUs - atUs : Math.max(0, atUs - (endUs ?? startUs));
  };
  return [...positions].sort((left, right) => distanceUs(left) - distanceUs(right)).slice(0, count);
}

function inOrder(positions: readonly number[]): readonly number[] {
  return [...new Set(positions)].sort((left, right) => left - right);
}
