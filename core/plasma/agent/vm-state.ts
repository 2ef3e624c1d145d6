import { unreachable } from '../../base/assert.ts';
import { type DesiredVm, type FoundVm, type VmReport } from '../agent-protocol.ts';
import { type EndCause, type VmState } from '../types.ts';
import { isSettled } from './next-step.ts';
import { occupies, type AgentVm, type LiveProcess } from './vm.ts';

/** What servers are told of a virtual machine. */
export function reportOf(vm: AgentVm, options: { readonly guarded: boolean }): VmReport {
  const state = stateOf(vm, options);
  const { process } = vm;
  const outcomes = vm.operations.flatMap(({ id, outcome, message }) =>
    outcome === 'begun' ? [] : [{ id, outcome, message }],
  );
  return {
    vm: vm.vm,
    fenceToken: vm.fenceToken,
    generation: vm.carriedOut,
    state,
    instance: process?.instance,
    cause: process === undefined ? causeOf(vm) : undefined,
    message: messageOf(vm),
    incomingUri: state === 'incoming' ? process?.incomingUri : undefined,
    operations: outcomes,
    restarts: vm.restarts,
    ...(vm.migrationFailedUri === undefined ? {} : { migrationFailed: true }),
  };
}

/** What the inventory says of it; undefined: nothing of it is on the node. */
export function foundVmOf(vm: AgentVm): FoundVm | undefined {
  if (!occupies(vm) && !vm.files) return undefined;
  const state = vm.process === undefined ? 'stopped' : processState(vm.process, { guarded: true });
  return {
    vm: vm.vm,
    fenceToken: vm.fenceToken,
    instance: vm.process?.instance,
    state,
    generation: vm.generation === 0 ? undefined : vm.generation,
  };
}

export function stateOf(vm: AgentVm, options: { readonly guarded: boolean }): VmState {
  const { process, desired } = vm;
  if (process !== undefined) return processState(process, options);
  if (vm.gone) return 'gone';
  // Until its outcome is told, there may be a process.
  if (vm.pending?.step.kind === 'launch') return 'preparing';
  if (desired !== undefined && startsBySelf(desired)) return unstartedState(vm, desired);
  return 'stopped';
}

function startsBySelf({ want }: DesiredVm): boolean {
  return want.kind === 'receive' || (want.kind === 'run' && want.runState !== 'stopped');
}

function unstartedState(vm: AgentVm, desired: DesiredVm): VmState {
  if (!isSettled(vm, desired)) return 'preparing';
  const ended = !vm.fenced && vm.launchFailed === undefined;
  return ended && vm.exit?.cause === 'guest-shutdown' ? 'stopped' : 'failed';
}

function processState(process: LiveProcess, { guarded }: { readonly guarded: boolean }): VmState {
  if (process.killCause !== undefined || process.powerDownDueUs !== undefined) return 'stopping';
  switch (process.phase) {
    case 'held':
      return 'preparing';
    case 'running':
    case 'sending':
    case 'unresponsive':
    case 'panicked':
      return 'running';
    case 'paused':
      return 'paused';
    // Nobody sends it anything before the watchdog has it: it might run on without a lease.
    case 'incoming':
      return guarded ? 'incoming' : 'preparing';
    case 'arrived':
      return 'incoming';
    case 'stoppedBeforeHandOver':
    case 'handingOver':
      return 'handing-over';
    default:
      return unreachable(process.phase);
  }
}

function causeOf(vm: AgentVm): EndCause | undefined {
  return vm.fenced || vm.launchFailed !== undefined ? 'launch-failed' : vm.exit?.cause;
}

function messageOf(vm: AgentVm): string {
  if (vm.process?.phase === 'unresponsive') return 'the process does not answer';
  if (vm.process?.phase === 'panicked') return 'the guest has panicked';
  return vm.message;
}
