import { type VmRow } from '../../../core/plasma/control-plane/rows.ts';
import { type HypervisorAct } from '../../../core/plasma/hypervisor.ts';
import { type PlasmaMutation } from '../../../core/plasma/api.ts';
import { type NodeName } from '../../../core/plasma/types.ts';
import { Violation } from '../../types.ts';
import { type PlasmaChecker } from '../checker.ts';
import { type PlasmaState } from '../state.ts';

/** What a user asks for, and what it has an agent do. */
const actOf = {
  vmSnapshot: 'snapshot',
  vmRestore: 'restore',
  vmDeleteSnapshot: 'deleteSnapshot',
} as const satisfies Partial<Record<PlasmaMutation['kind'], HypervisorAct['kind']>>;

/**
 * A snapshot is taken, gone back to and removed once for each time that this was asked for, whatever agent or server dies meanwhile:
 * a guest that goes back a second time loses what it has done since (invariant 10). And in the end each snapshot that the control
 * plane shows of a virtual machine is on the node where it is.
 *
 * Not verified: snapshots whose removal was begun, of which nobody may know whether it was done; disks that are attached or grow, which may be said twice; and what is in a snapshot.
 */
export class OperationsOnce implements PlasmaChecker {
  readonly name = 'operations-once';
  /** By what is done, virtual machine and snapshot. */
  readonly #done = new Map<string, number>();

  onAct(node: NodeName, act: HypervisorAct, state: PlasmaState): void {
    if (act.kind !== 'snapshot' && act.kind !== 'restore' && act.kind !== 'deleteSnapshot') return;
    const { vm } = act.instance;
    const key = `${act.kind}/${vm}/${act.snapshot}`;
    const times = (this.#done.get(key) ?? 0) + 1;
    this.#done.set(key, times);
    state.counts.operated += 1;
    const asked = timesAsked(act.kind, vm, act.snapshot, state);
    if (times <= asked) return;
    const detail = `${node} does ${act.kind} ${act.snapshot} of ${vm} for the ${times}. time, and it was asked for ${asked} times`;
    throw new Violation('operations-once', detail, 'done again');
  }

  onEnd({ truth, cloud }: PlasmaState): void {
    for (const { id, spec, snapshots, placement } of truth.vms.values()) {
      if (placement === undefined) continue;
      const there = cloud.node(placement.node).machine.snapshotsOf(id, placement.fenceToken);
      const lost = snapshots.find(
        (snapshot) => !there.includes(snapshot) && !this.#done.has(`deleteSnapshot/${id}/${snapshot}`),
      );
      if (lost === undefined) continue;
      const detail = `${spec.name} is said to have a snapshot ${lost}, and ${placement.node} has none`;
      throw new Violation('operations-once', detail, 'a snapshot that is not there');
    }
  }
}

/** Committed, whether anybody has heard of it or not. */
function timesAsked(
  kind: (typeof actOf)[keyof typeof actOf],
  vm: string,
  snapshot: string,
  { history, truth }: PlasmaState,
): number {
  const row: VmRow | undefined = truth.vms.get(vm);
  return history.operations.filter(({ request }) => {
    if (!isOnSnapshot(request) || actOf[request.kind] !== kind || request.snapshot !== snapshot) return false;
    if (request.vm !== vm && request.vm !== row?.spec.name) return false;
    return truth.operations.has(`${request.project}/${request.operationId}`);
  }).length;
}

function isOnSnapshot(
  request: PlasmaMutation,
): request is Extract<PlasmaMutation, { readonly snapshot: string }> {
  return 'snapshot' in request;
}
