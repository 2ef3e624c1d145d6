import { type NodeName, type Placement, type VmId } from '../types.ts';
import { type Allocated, type CountedRule } from './affinity-rules.ts';
import { type Evacuation, type PlacementOutcome, type UnfitCounts } from './placement-outcome.ts';
import { type PlacementVm } from './placement-vm.ts';

export interface EvacuationSteps {
  /** @param leaving those that go or have not been found to be stuck, itself among them */
  readonly place: (vm: PlacementVm, leaving: readonly Allocated[]) => PlacementOutcome;
  readonly allocate: (vm: PlacementVm, placement: Placement) => void;
  readonly release: (vm: VmId, placement: Placement) => void;
}

/** No decision of the control plane has this token. */
const planToken = -1;

/**
 * Tries each in turn, with those before it where they would be. Whom others have to be near goes first, so that they can follow;
 * then the important, then the large, for which there is room in fewer places.
 */
export function planEvacuation(going: readonly Allocated[], steps: EvacuationSteps): Evacuation {
  const moves: { vm: VmId; to: NodeName }[] = [];
  const stuck: { vm: VmId; unfit: UnfitCounts }[] = [];
  const leaving = new Set(going);
  for (const each of inOrder(going)) {
    const { vm } = each;
    const outcome = steps.place(vm, [...leaving]);
    if (outcome.kind === 'noNode') {
      leaving.delete(each);
      stuck.push({ vm: vm.id, unfit: outcome.unfit });
      continue;
    }
    moves.push({ vm: vm.id, to: outcome.node });
    steps.allocate(vm, { node: outcome.node, fenceToken: planToken });
  }
  for (const { vm, to } of [...moves].reverse()) steps.release(vm, { node: to, fenceToken: planToken });
  return { moves, stuck };
}

function inOrder(going: readonly Allocated[]): readonly Allocated[] {
  const needed = new Map<Allocated, number>();
  for (const each of going) needed.set(each, going.filter((other) => needsNear(other, each)).length);
  return [...going].sort(
    (a, b) =>
      (needed.get(b) ?? 0) - (needed.get(a) ?? 0) ||
      b.vm.priority - a.vm.priority ||
      b.vm.demand.cpuMilli - a.vm.demand.cpuMilli ||
      b.vm.demand.memoryBytes - a.vm.demand.memoryBytes ||
      (a.vm.id < b.vm.id ? -1 : 1),
  );
}

function needsNear(one: Allocated, other: Allocated): boolean {
  if (one === other || one.vm.project !== other.vm.project) return false;
  return one.near.some((rule: CountedRule) => rule.matches(other.vm.labels));
}
