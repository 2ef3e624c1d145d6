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

  /** Another epoch begins: what is wanted is told anew. Until then what was wanted last stands. */
  forgetRevision(): void {
    this.#revision = 0;
  }

  /**
   * Takes on what is wanted, all of it. What came late, after something newer, is not. Of what is not named nothing is wanted
   * any more, which is no reason to touch it.
   */
  take(revision: Revision, wanted: readonly DesiredVm[], nowUs: number): void {
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
      this.#takeOne(known ?? this.#vms.add(desired.id, desired.fenceToken), desired, nowUs);
    }
    for (const vm of this.#vms.all) if (!named.has(vmKey(vm.vm, vm.fenceToken))) vm.desired = undefined;
  }

  #takeOne(vm: AgentVm, desired: DesiredVm, nowUs: number): void {
    if (desired.generation < vm.generation) {
      vm.message = `generation ${desired.generation} is older than ${vm.generation}, which was wanted before`;
      return;
    }
    const before = vm.desired;
    vm.desired = desired;
    const known = vm.verdict === 'orphan' ? undefined : vm.verdict;
    vm.verdict = known;
    this.#settle(vm, desired, before);
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
    const { process } = vm;
    if (process?.phase === 'incoming' && desired.want.kind === 'run')
      process.arrivalDueUs ??= nowUs + this.#parts.settings.arrivalUs;
  }

  /** What failed or waited for an earlier wish does not count for this one. */
  #settle(vm: AgentVm, desired: DesiredVm, before: DesiredVm | undefined): void {
    const { want } = desired;
    if (desired.generation > vm.generation || before?.want.kind !== want.kind) {
      vm.startNotBeforeUs = desired.generation > vm.generation ? 0 : vm.startNotBeforeUs;
      vm.retryNotBeforeUs = 0;
      vm.retries = 0;
    }
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
