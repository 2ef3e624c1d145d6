import { type NodeId } from '../core/base/ids.ts';
import { type ChainfireMember } from '../core/chainfire/member.ts';
import { isDetachedRead } from './checkers/kv-moves.ts';
import {
  type Checker,
  type Fault,
  type Floors,
  type RunEnd,
  type RunResult,
  type StepObservation,
} from './types.ts';

/** What a run did, beside what its result counts. Watches like a checker and never complains. */
export class ExerciseMeter implements Checker {
  readonly name = 'exercise';
  staleLeaders = 0;
  tornTails = 0;
  readsDuringFaults = 0;
  readonly #faults: readonly Fault[];
  #newestLedTerm = 0;
  /** The term in which each member was last counted as a stale leader. */
  readonly #staleTerms = new Map<NodeId, number>();
  readonly #lastIndexes = new Map<NodeId, number>();

  constructor(faults: readonly Fault[]) {
    this.#faults = faults;
  }

  onStep(step: StepObservation): void {
    const { role, term, lastIndex } = step.member.view.raft;
    this.#lastIndexes.set(step.node, lastIndex);
    if (role !== 'leader') return;
    if (term >= this.#newestLedTerm) {
      this.#newestLedTerm = term;
    } else if (this.#staleTerms.get(step.node) !== term) {
      this.#staleTerms.set(step.node, term);
      this.staleLeaders += 1;
    }
  }

  onRecovered(node: NodeId, member: ChainfireMember): void {
    if (member.view.raft.lastIndex < (this.#lastIndexes.get(node) ?? 0)) this.tornTails += 1;
    this.#lastIndexes.set(node, member.view.raft.lastIndex);
  }

  onEnd(end: RunEnd): void {
    const windows = this.#faults.map((fault) => ({ fromUs: fault.atUs, toUs: fault.atUs + lengthUs(fault) }));
    for (const operation of end.history) {
      const { startUs, endUs } = operation;
      const read = operation.request.kind === 'range' && !isDetachedRead(operation);
      if (!read || endUs === undefined || operation.outcome.kind !== 'answered') continue;
      if (windows.some(({ fromUs, toUs }) => fromUs <= startUs && endUs <= toUs)) this.readsDuringFaults += 1;
    }
  }
}

/** What the run fell short of, in words; undefined when it did everything it had to. */
export function missedFloor(floors: Floors, result: RunResult, meter: ExerciseMeter): string | undefined {
  const counts: readonly (readonly [what: string, count: number, floor: number | undefined])[] = [
    ['operations answered', result.operations.answered, floors.answered],
    ['elections', result.elections, floors.elections],
    ['snapshots installed', result.snapshotsInstalled, floors.snapshotsInstalled],
    ['stale leaders', meter.staleLeaders, floors.staleLeaders],
    ['torn log tails', meter.tornTails, floors.tornTails],
    ['reads answered during faults', meter.readsDuringFaults, floors.readsDuringFaults],
    ...Object.entries(floors.fired ?? {}).map(
      ([kind, floor]) => [`${kind} fired`, firedCount(result, kind), floor] as const,
    ),
  ];
  const missed = counts.find(([, count, floor]) => floor !== undefined && count < floor);
  return missed === undefined
    ? undefined
    : `${missed[0]}: ${missed[1]}, where ${String(missed[2])} is the least`;
}

function firedCount(result: RunResult, kind: string): number {
  return new Map(Object.entries(result.faultsFired)).get(kind) ?? 0;
}

function lengthUs(fault: Fault): number {
  if ('forUs' in fault) return fault.forUs;
  return 'downUs' in fault ? fault.downUs : 0;
}
