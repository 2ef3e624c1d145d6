import { unreachable } from '../../base/assert.ts';
import { type HypervisorReport } from '../hypervisor.ts';
import { type StorageResponse } from '../storage-protocol.ts';
import { type EndCause, type InstanceId } from '../types.ts';
import { type AgentVms, type VmFamily } from './agent-vms.ts';
import { beginKill, beginStep } from './begin-step.ts';
import {
  done,
  endOperation,
  type EndParts,
  exited,
  failed,
  launched,
  shortened,
  storageAnswered,
  storageFailed,
} from './end-step.ts';
import { type Lease } from './lease.ts';
import { nextStep } from './next-step.ts';
import { mustStop, type ActingStep, type AgentVm, type PendingStep } from './vm.ts';

/** Brings every virtual machine towards what is wanted of it: one thing at a time each, side by side. */
export class VmDriver {
  readonly #parts: EndParts;
  readonly #vms: AgentVms;
  readonly #lease: Lease;
  /** The next time at which something is to be done that nobody tells of. */
  #deadlineUs = Infinity;
  #restarts = 0;

  constructor(parts: EndParts, vms: AgentVms, lease: Lease) {
    this.#parts = parts;
    this.#vms = vms;
    this.#lease = lease;
  }

  get deadlineUs(): number {
    return this.#deadlineUs;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** A launch is under way: nobody can say yet whether there is a process. */
  get launching(): boolean {
    return this.#vms.all.some((vm) => vm.pending?.step.kind === 'launch');
  }

  guarded(vm: AgentVm): boolean {
    if (vm.process === undefined || !mustStop(vm)) return true;
    return this.#parts.guard.guards(vm.process.instance);
  }

  /** Processes that must not outlive the lease. */
  mustStop(): readonly InstanceId[] {
    const instances: InstanceId[] = [];
    for (const vm of this.#vms.all)
      if (mustStop(vm) && vm.process?.killCause === undefined && vm.process !== undefined)
        instances.push(vm.process.instance);
    return instances;
  }

  /** The lease is over, or was never shown to hold: what must stop is killed. */
  killMustStop(nowUs: number): void {
    for (const vm of this.#vms.all)
      if (mustStop(vm) && vm.process !== undefined) beginKill(vm, 'lease-lost', this.#parts, nowUs);
  }

  kill(vm: AgentVm, cause: EndCause, nowUs: number): void {
    if (vm.process !== undefined) beginKill(vm, cause, this.#parts, nowUs);
  }

  /** @param serving the inventory has been judged in this epoch: before, nothing is begun but kills that are under way */
  drive(serving: boolean, nowUs: number): void {
    this.#deadlineUs = Infinity;
    const families = this.#vms.families();
    for (const vm of this.#vms.all) {
      if (vm.pending !== undefined && vm.pending.failsAtUs <= nowUs)
        storageFailed(vm, 'no answer in time', this.#parts, nowUs);
      if (serving || vm.process?.killCause !== undefined) this.#driveOne(vm, families.get(vm.vm), nowUs);
      this.#due(vm.pending?.failsAtUs ?? Infinity);
    }
  }

  #driveOne(vm: AgentVm, family: VmFamily | undefined, nowUs: number): void {
    const { process, desired } = vm;
    if (process?.phase === 'incoming' && desired?.want.kind === 'run')
      process.arrivalDueUs ??= nowUs + this.#parts.settings.arrivalUs;
    const step = nextStep(vm, {
      nowUs,
      mayStart: mustStop(vm) ? this.#lease.holdsArmed(nowUs) : this.#lease.holds(nowUs),
      guarded: this.guarded(vm),
      occupied: process === undefined && (family?.occupants ?? 0) > 0,
      newestToken: family?.newestToken ?? 0,
    });
    if (step.kind === 'wait') {
      this.#due(step.untilUs);
      return;
    }
    if (step.kind === 'kill') {
      beginKill(vm, step.cause, this.#parts, nowUs);
      if (process?.killActId === undefined) this.#due(process?.killAgainUs ?? Infinity);
      return;
    }
    // The acts of a virtual machine follow each other, whatever its token.
    if ((family?.busy ?? 0) > 0) return;
    if (step.kind === 'rest') {
      if (desired !== undefined) this.#rests(vm);
      return;
    }
    if (nowUs < vm.retryNotBeforeUs) {
      this.#due(vm.retryNotBeforeUs);
      return;
    }
    this.#begin(vm, step, nowUs);
    if (family !== undefined && vm.pending !== undefined) family.busy += 1;
  }

  #begin(vm: AgentVm, step: ActingStep, nowUs: number): void {
    if (step.kind === 'operate' && vm.process === undefined) {
      this.#operateWithoutProcess(vm, step.operationId);
      // What else there is to do is seen in the next step, which comes at once.
      this.#due(nowUs);
      return;
    }
    beginStep(vm, step, this.#parts, nowUs);
  }

  /** Disks are what they are to be at the next start; there is nothing that a snapshot could be taken of, or go into. */
  #operateWithoutProcess(vm: AgentVm, operationId: string): void {
    const kind = vm.desired?.operations.find(({ id }) => id === operationId)?.kind;
    if (kind === 'attachDisk' || kind === 'resizeDisk')
      endOperation(vm, operationId, { outcome: 'done', message: 'from its next start on' }, this.#parts);
    else
      endOperation(
        vm,
        operationId,
        { outcome: 'failed', message: 'the virtual machine does not run' },
        this.#parts,
      );
  }

  #rests(vm: AgentVm): void {
    const { process, desired } = vm;
    if (desired === undefined) return;
    vm.carriedOut = desired.generation;
    const pauses = desired.want.kind === 'run' && desired.want.runState === 'paused';
    if (process !== undefined && pauses && (process.phase === 'held' || process.phase === 'arrived'))
      process.phase = 'paused';
  }

  #due(atUs: number): void {
    this.#deadlineUs = Math.min(this.#deadlineUs, atUs);
  }

  hypervisorReported(report: HypervisorReport, nowUs: number): void {
    switch (report.kind) {
      case 'inventoried':
        return;
      case 'launched': {
        const pending = this.#pendingOf(report.actId);
        if (pending === undefined) return;
        const restartsBefore = pending.vm.restarts;
        launched(pending.vm, pending.pending, report, this.#parts, nowUs);
        this.#restarts += pending.vm.restarts - restartsBefore;
        return;
      }
      case 'done': {
        const killed = this.#killedBy(report.actId);
        // That it has ended is told before; where it was not, it has all the same.
        if (killed !== undefined) exited(killed, 'killed', this.#parts, nowUs);
        const pending = this.#pendingOf(report.actId);
        if (pending !== undefined) done(pending.vm, pending.pending, this.#parts, nowUs);
        return;
      }
      case 'failed': {
        const killed = this.#killedBy(report.actId);
        if (killed?.process !== undefined) killed.process.killActId = undefined;
        const pending = this.#pendingOf(report.actId);
        if (pending !== undefined) failed(pending.vm, pending.pending, report.message, this.#parts, nowUs);
        return;
      }
      case 'stoppedBeforeHandOver':
      case 'arrived':
      case 'migrationFailed':
      case 'exited':
      case 'unresponsive':
      case 'guestPanicked':
        this.#instanceReported(report, nowUs);
        return;
      default:
        unreachable(report);
    }
  }

  #instanceReported(report: HypervisorReport & { instance: InstanceId }, nowUs: number): void {
    const vm = this.#vms.withProcess(report.instance);
    const process = vm?.process;
    if (vm === undefined || process === undefined) return;
    const { phase } = process;
    switch (report.kind) {
      case 'stoppedBeforeHandOver':
        if (phase !== 'handingOver') process.phase = 'stoppedBeforeHandOver';
        return;
      case 'arrived':
        if (phase !== 'incoming') return;
        process.phase = 'arrived';
        vm.attempts = 0;
        return;
      case 'migrationFailed':
        vm.message = shortened(report.message);
        if (phase === 'incoming') process.killCause ??= 'launch-failed';
        else if (phase === 'handingOver') process.killCause ??= 'migrated';
        else {
          // What has panicked or fallen silent meanwhile does not run for that.
          if (phase === 'sending' || phase === 'stoppedBeforeHandOver')
            process.phase = process.stoodBefore ? 'paused' : 'running';
          if (vm.desired?.want.kind === 'migrate') vm.migrationFailedUri = vm.desired.want.uri;
        }
        return;
      case 'exited':
        exited(vm, report.cause, this.#parts, nowUs);
        return;
      case 'unresponsive':
        if (phase === 'incoming') process.killCause ??= 'launch-failed';
        else if (phase !== 'handingOver') process.phase = 'unresponsive';
        return;
      case 'guestPanicked':
        if (phase !== 'handingOver') process.phase = 'panicked';
        return;
      default:
        return;
    }
  }

  storageAnswered(callId: number, response: StorageResponse, nowUs: number): void {
    const pending = this.#pendingOf(callId);
    if (pending !== undefined) storageAnswered(pending.vm, pending.pending, response, this.#parts, nowUs);
  }

  storageFailed(callId: number, reason: string, nowUs: number): void {
    const pending = this.#pendingOf(callId);
    if (pending !== undefined) storageFailed(pending.vm, reason, this.#parts, nowUs);
  }

  #pendingOf(id: number): { readonly vm: AgentVm; readonly pending: PendingStep } | undefined {
    for (const vm of this.#vms.all) if (vm.pending?.id === id) return { vm, pending: vm.pending };
    return undefined;
  }

  #killedBy(actId: number): AgentVm | undefined {
    return this.#vms.all.find((vm) => vm.process?.killActId === actId);
  }
}
