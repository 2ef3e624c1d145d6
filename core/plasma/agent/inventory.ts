import { type InventoryVerdict } from '../agent-protocol.ts';
import { type HypervisorReport, type FoundInstance } from '../hypervisor.ts';
import { instanceKey } from '../instance-key.ts';
import { type InstanceId } from '../types.ts';
import { type WatchdogResponse } from '../watchdog/protocol.ts';
import { type AgentVms } from './agent-vms.ts';
import { type RecoveredJournal } from './journal.ts';
import { type StoredVm } from './journal-record.ts';
import { waitsBeforeRestart } from './restart-policy.ts';
import { mustStop, newProcess, type AgentVm, type ProcessPhase, type VmOperation } from './vm.ts';

const unknownOutcome = 'the agent ended while it was under way: whether it took effect is not known';

/** What the journal knows, before anything was found. */
export function recall(vms: AgentVms, { vms: stored }: RecoveredJournal): ReadonlyMap<AgentVm, StoredVm> {
  const recalled = new Map<AgentVm, StoredVm>();
  for (const known of stored) {
    const vm = vms.add(known.vm, known.fenceToken);
    vm.generation = known.generation;
    vm.leasePolicy = known.leasePolicy;
    vm.intent = known.intent;
    vm.exit = known.exit;
    vm.restarts = known.restarts;
    vm.operations = known.operations.map(withoutDoubt);
    recalled.set(vm, known);
  }
  return recalled;
}

/** What was begun may have taken effect, and is not begun again. */
function withoutDoubt(operation: VmOperation): VmOperation {
  if (operation.outcome !== 'begun') return operation;
  return { id: operation.id, outcome: 'failed', message: unknownOutcome };
}

/** What is on the node. A process is known by its virtual machine, token, pid and start: the journal is asked for the rest. */
export function takeInventory(
  vms: AgentVms,
  recalled: ReadonlyMap<AgentVm, StoredVm>,
  found: HypervisorReport & { kind: 'inventoried' },
  about: { readonly damaged: boolean; readonly restartUsMin: number; readonly nowUs: number },
): void {
  const { damaged, restartUsMin, nowUs } = about;
  for (const { vm, fenceToken } of found.files)
    (vms.get(vm, fenceToken) ?? vms.add(vm, fenceToken)).files = true;
  for (const one of found.instances) {
    const { vm: id, fenceToken } = one.instance;
    const vm = vms.get(id, fenceToken) ?? vms.add(id, fenceToken);
    vm.forgetful = damaged;
    vm.process = newProcess(one.instance, phaseOf(vm, one), nowUs);
    vm.process.incomingUri = one.incomingUri;
    if (vm.intent !== 'handingOver') vm.intent = 'launched';
  }
  for (const [vm, stored] of recalled) {
    if (vm.process !== undefined || stored.intent === 'known' || stored.intent === 'launching') continue;
    // It ended while no agent looked.
    const cause = stored.intent === 'handingOver' ? 'migrated' : 'process-died';
    vm.exit = { cause, generation: stored.generation };
    if (waitsBeforeRestart(cause)) {
      // How often that has happened in a row is not known: agents and guests may be going down together.
      vm.startNotBeforeUs = nowUs + restartUsMin;
      vm.restartsInRow = 1;
    }
    vm.lastInstance = stored.instance;
    vm.intent = 'known';
  }
}

function phaseOf(vm: AgentVm, { state }: FoundInstance): ProcessPhase {
  if (vm.intent === 'handingOver') return 'handingOver';
  if (state !== 'handing-over') return state;
  // Whether it was told to hand over is what may have been lost.
  return vm.forgetful ? 'handingOver' : 'stoppedBeforeHandOver';
}

/**
 * What the watchdog knows: whom it guards must stop, even if the journal does not know it; whom it has killed ended for lack of
 * a lease.
 *
 * @returns when the first that it guards is killed; what must stop and is not guarded was never allowed to run, or nobody can
 *   say for how long: it is `unguarded`
 */
export function takeGuarded(
  vms: AgentVms,
  status: WatchdogResponse & { kind: 'status' },
): { readonly untilUs: number; readonly unguarded: readonly AgentVm[] } {
  let untilUs = Infinity;
  const guarded = new Set<string>();
  for (const { instance, deadlineUs } of status.guarded) {
    const vm = vms.withProcess(instance);
    if (vm === undefined) continue;
    vm.leasePolicy ??= 'must-stop';
    guarded.add(instanceKey(instance));
    untilUs = Math.min(untilUs, deadlineUs);
  }
  for (const instance of status.killed) markKilled(vms, instance);
  const unguarded = vms.all.filter(
    (vm) => mustStop(vm) && vm.process !== undefined && !guarded.has(instanceKey(vm.process.instance)),
  );
  return { untilUs, unguarded };
}

/** The watchdog has killed it, or is about to. */
export function markKilled(vms: AgentVms, instance: InstanceId): void {
  const vm = vms.get(instance.vm, instance.fenceToken);
  if (vm === undefined) return;
  if (vm.process === undefined) {
    const last = vm.lastInstance;
    if (last === undefined || instanceKey(last) !== instanceKey(instance)) return;
    if (vm.exit?.cause === 'process-died' || vm.exit?.cause === 'killed') {
      vm.exit = { cause: 'lease-lost', generation: vm.exit.generation };
      // It has not ended by itself.
      vm.startNotBeforeUs = 0;
    }
  } else if (instanceKey(vm.process.instance) === instanceKey(instance)) {
    vm.process.killCause ??= 'lease-lost';
  }
}

/** What the server says of what was found. Of what it does not name it knows nothing. */
export function takeVerdicts(vms: AgentVms, verdicts: readonly InventoryVerdict[]): void {
  for (const vm of vms.all) vm.verdict = undefined;
  for (const { vm: id, fenceToken, verdict } of verdicts) {
    const vm = vms.get(id, fenceToken);
    if (vm === undefined) continue;
    vm.verdict = verdict;
  }
}
