import { type DesiredVm } from '../agent-protocol.ts';
import { type Revision } from '../types.ts';
import { type AgentVms } from './agent-vms.ts';
import { type StepParts } from './begin-step.ts';
import { vmKey, type AgentVm } from './vm.ts';

/** What is wanted of the node, as told at the newest revision of its epoch. */
export class Desired {
  readonly #vms: AgentVms;
  readonly #parts: StepParts;
  #revision: Revision = 0;
  #refusedVms = 0;

  constructor(vms: AgentVms, parts: StepParts) {
    this.#vms = vms;
    this.#parts = parts;
  }

  get revision(): Revision {
    return this.#revision;
  }

  get refusedVms(): number {
    return this.#refusedVms;
  }

  /**
   * Another epoch begins, and what was wanted in the last one counts no more: what was given up with it may be wanted
   * elsewhere by now. Nothing is begun until it is told anew.
   */
  forget(): void {
    this.#revision = 0;
    for (const vm of this.#vms.all) vm.desired = undefined;
  }

  /**
   * Takes on what is wanted, all of it. What came late, after something newer, is not. Of what is not named nothing is wanted
   * any more, which is no reason to touch it.
   */
  take(revision: Revision, wanted: readonly DesiredVm[]): void {
    if (revision <= this.#revision) return;
    this.#revision = revision;
    const named = new Set<string>();
    for (const desired of wanted) {
      named.add(vmKey(desired.id, desired.fenceToken));
      const known = this.#vms.get(desired.id, desired.fenceToken);
      if (known === undefined && this.#vms.size >= this.#parts.settings.vmsMax) {
        this.#refusedVms += 1;
        continue;
      }
      this.#takeOne(known ?? this.#vms.add(desired.id, desired.fenceToken), desired);
    }
    for (const vm of this.#vms.all) if (!named.has(vmKey(vm.vm, vm.fenceToken))) vm.desired = undefined;
  }

  #takeOne(vm: AgentVm, desired: DesiredVm): void {
    if (desired.generation < vm.generation) {
      vm.message = `generation ${desired.generation} is older than ${vm.generation}, which was wanted before`;
      return;
    }
    const before = vm.desired;
    vm.desired = desired;
    if (vm.verdict === 'orphan') vm.verdict = undefined;
    this.#settle(vm, desired, before);
    if (vm.forgetful) doubt(vm, desired);
    const operations = vm.operations.filter(({ id }) =>
      desired.operations.some((wanted) => wanted.id === id),
    );
    const changed =
      vm.generation !== desired.generation ||
      vm.leasePolicy !== desired.spec.leasePolicy ||
      operations.length !== vm.operations.length;
    vm.generation = desired.generation;
    vm.leasePolicy = desired.spec.leasePolicy;
    vm.operations = operations;
    if (changed) this.#parts.journal.save(vm);
  }

  /** What failed or waited for an earlier wish does not count for this one. */
  #settle(vm: AgentVm, desired: DesiredVm, before: DesiredVm | undefined): void {
    const { want } = desired;
    if (desired.generation > vm.generation || before?.want.kind !== want.kind) {
      vm.startNotBeforeUs = desired.generation > vm.generation ? 0 : vm.startNotBeforeUs;
      vm.retryNotBeforeUs = 0;
      vm.retries = 0;
    }
    // A guest that has ended is started anew when that is asked for, not for a change of something else.
    if (vm.exit !== undefined && before !== undefined && changesOtherwise(before, desired))
      vm.exit = { cause: vm.exit.cause, generation: vm.exit.generation + desired.generation - vm.generation };
    if (desired.generation > vm.generation) {
      vm.launchFailed = undefined;
      vm.attempts = 0;
      vm.restartsInRow = 0;
    }
    if (want.kind !== 'migrate') vm.migrationFailedUri = undefined;
    if (want.kind !== 'remove') {
      vm.gone = false;
      vm.closed.clear();
    }
    const stops = want.kind === 'evict' || (want.kind === 'run' && want.runState === 'stopped');
    if (!stops && vm.process !== undefined) vm.process.powerDownDueUs = undefined;
  }
}

/** Nothing but operations or the specification have changed. */
function changesOtherwise(before: DesiredVm, after: DesiredVm): boolean {
  if (JSON.stringify(before.want) !== JSON.stringify(after.want)) return false;
  return (
    JSON.stringify(before.operations) !== JSON.stringify(after.operations) ||
    JSON.stringify(before.spec) !== JSON.stringify(after.spec)
  );
}

/** Some of its operations may have been begun by what is not known any more; those that harm when repeated are not. */
function doubt(vm: AgentVm, desired: DesiredVm): void {
  vm.forgetful = false;
  const doubtful = desired.operations.filter(
    ({ id, kind }) =>
      kind !== 'attachDisk' && kind !== 'resizeDisk' && !vm.operations.some((known) => known.id === id),
  );
  const message = 'the agent has lost a part of its journal: whether it took effect is not known';
  vm.operations = [
    ...vm.operations,
    ...doubtful.map(({ id }) => ({ id, outcome: 'failed', message }) as const),
  ];
}
