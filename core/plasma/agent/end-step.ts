import { present, unreachable } from '../../base/assert.ts';
import { type StorageResponse } from '../storage-protocol.ts';
import { type EndCause, type InstanceId } from '../types.ts';
import { doubled } from './backoff.ts';
import { sharedDiskOf, type StepParts } from './begin-step.ts';
import { type Guard } from './guard.ts';
import { waitsBeforeRestart } from './restart-policy.ts';
import { newProcess, type AgentVm, type LiveProcess, type PendingStep, type ProcessPhase } from './vm.ts';

export interface EndParts extends StepParts {
  readonly guard: Guard;
}

/** What operators are told of a failure, in a report: at most. */
const messageMax = 1_024;

export function shortened(message: string): string {
  return message.length <= messageMax ? message : message.slice(0, messageMax);
}

/** The launch that was under way has made a process. */
export function launched(
  vm: AgentVm,
  pending: PendingStep,
  report: { readonly instance: InstanceId; readonly incomingUri: string | undefined },
  parts: EndParts,
  nowUs: number,
): void {
  const { step } = pending;
  if (step.kind !== 'launch') return;
  vm.pending = undefined;
  vm.process = newProcess(
    report.instance,
    step.incoming ? 'incoming' : step.paused ? 'held' : 'running',
    nowUs,
  );
  vm.process.incomingUri = report.incomingUri;
  vm.intent = 'launched';
  vm.message = '';
  // One that waits for its state has not come to anything yet.
  if (!step.incoming) vm.attempts = 0;
  const { exit } = vm;
  // What was started for a newer wish was not started again.
  if (exit !== undefined && exit.generation >= vm.generation && waitsBeforeRestart(exit.cause))
    vm.restarts += 1;
  vm.exit = undefined;
  parts.journal.save(vm);
}

/** The hypervisor has done what was asked. */
export function done(vm: AgentVm, pending: PendingStep, parts: EndParts, nowUs: number): void {
  vm.pending = undefined;
  const { step } = pending;
  const { process } = vm;
  switch (step.kind) {
    case 'prepare':
      vm.prepared = true;
      return;
    case 'remove':
      vm.retries = 0;
      vm.files = false;
      vm.prepared = false;
      vm.gone = true;
      return;
    case 'operate':
      endOperation(vm, step.operationId, { outcome: 'done', message: '' }, parts);
      return;
    case 'pause':
      setPhase(process, 'paused');
      break;
    case 'resume':
      setPhase(process, 'running');
      if (process !== undefined) process.sinceUs = nowUs;
      break;
    case 'migrateOut':
      // That it stands already may have been told before.
      if (process?.phase !== 'stoppedBeforeHandOver') setPhase(process, 'sending');
      break;
    case 'cancelMigration':
      if (process !== undefined) setPhase(process, process.stoodBefore ? 'paused' : 'running');
      break;
    default:
      break;
  }
  vm.retries = 0;
}

function setPhase(process: LiveProcess | undefined, phase: ProcessPhase): void {
  // What ended, panicked or fell silent meanwhile is told by other reports, which count more.
  if (process === undefined || process.phase === 'panicked' || process.phase === 'unresponsive') return;
  process.phase = phase;
}

/** The hypervisor has not done it. */
export function failed(
  vm: AgentVm,
  pending: PendingStep,
  message: string,
  parts: EndParts,
  nowUs: number,
): void {
  vm.pending = undefined;
  const { step } = pending;
  const { process } = vm;
  if (step.kind === 'operate') {
    // It is the operation that has failed: the virtual machine is well.
    endOperation(vm, step.operationId, { outcome: 'failed', message: shortened(message) }, parts);
    return;
  }
  vm.message = shortened(message);
  switch (step.kind) {
    case 'prepare':
    case 'launch':
      launchFailed(vm, parts, nowUs);
      return;
    case 'migrateOut':
      vm.migrationFailedUri = step.uri;
      return;
    case 'handOver':
      // It may have begun to: it must not go on here.
      if (process !== undefined) process.killCause ??= 'migrated';
      return;
    case 'pause':
    case 'resume':
    case 'cancelMigration':
      retryLater(vm, parts, nowUs);
      if (vm.retries >= parts.settings.launchAttemptsMax && process !== undefined)
        process.killCause ??= 'unresponsive';
      return;
    case 'powerDown':
      // It is killed when its time is over.
      return;
    default:
      retryLater(vm, parts, nowUs);
  }
}

/** A storage node has answered. */
export function storageAnswered(
  vm: AgentVm,
  pending: PendingStep,
  response: StorageResponse,
  parts: EndParts,
  nowUs: number,
): void {
  vm.pending = undefined;
  const { step } = pending;
  if (response.kind === 'refused') {
    storageRefused(vm, step, response, parts, nowUs);
    return;
  }
  vm.retries = 0;
  vm.message = '';
  if (step.kind === 'openExport' && response.kind === 'opened')
    vm.exports.set(step.disk, { uri: response.uri, active: step.activate });
  if (step.kind === 'createDisk') vm.missingDisk = undefined;
  if (step.kind === 'closeExport') vm.closed.add(step.disk);
}

export function storageFailed(vm: AgentVm, reason: string, parts: EndParts, nowUs: number): void {
  vm.pending = undefined;
  vm.message = shortened(`storage node: ${reason}`);
  retryLater(vm, parts, nowUs);
}

function storageRefused(
  vm: AgentVm,
  step: PendingStep['step'],
  refusal: StorageResponse & { kind: 'refused' },
  parts: EndParts,
  nowUs: number,
): void {
  const { code } = refusal;
  // There is nothing to close then.
  if (step.kind === 'closeExport' && code !== 'UNAVAILABLE' && code !== 'IN_USE') {
    vm.closed.add(step.disk);
    return;
  }
  vm.message = shortened(`storage node: ${code}: ${refusal.message}`);
  switch (code) {
    case 'STALE_TOKEN':
      vm.fenced = true;
      return;
    case 'UNAVAILABLE':
    case 'IN_USE':
      retryLater(vm, parts, nowUs);
      return;
    case 'NOT_FOUND': {
      const { desired } = vm;
      const opens = step.kind === 'openExport' && step.activate;
      const disk = opens && desired !== undefined ? sharedDiskOf(desired, step.disk) : undefined;
      if (disk !== undefined) {
        // As each disk is before it is used for the first time.
        vm.message = '';
        vm.missingDisk = { name: disk.name, sizeBytes: disk.sizeBytes };
        return;
      }
      exportFailed(vm, step, parts, nowUs);
      return;
    }
    case 'INVALID':
    case 'NO_SPACE':
    case 'PERMISSION_DENIED':
      exportFailed(vm, step, parts, nowUs);
      return;
    default:
      unreachable(code);
  }
}

function exportFailed(vm: AgentVm, step: PendingStep['step'], parts: EndParts, nowUs: number): void {
  if (step.kind === 'openExport' && step.operationId !== undefined)
    endOperation(vm, step.operationId, { outcome: 'failed', message: vm.message }, parts);
  else launchFailed(vm, parts, nowUs);
}

/** The process is gone, surely. */
export function exited(vm: AgentVm, told: EndCause, parts: EndParts, nowUs: number): void {
  const process = present(vm.process, 'what has ended was there');
  const cause = causeOf(process, told);
  parts.guard.release(process.instance);
  vm.process = undefined;
  vm.lastInstance = process.instance;
  vm.prepared = false;
  vm.exports.clear();
  vm.migrationFailedUri = undefined;
  vm.intent = 'known';
  // A guest that shuts down as it was asked to does so for that wish, whatever is wanted by now.
  const generation = cause === 'guest-shutdown' ? (process.powerDownFor ?? vm.generation) : vm.generation;
  vm.exit = { cause, generation };
  if (cause === 'launch-failed') launchFailed(vm, parts, nowUs);
  else if (waitsBeforeRestart(cause)) delayRestart(vm, process, parts, nowUs);
  parts.journal.save(vm);
}

function causeOf(process: LiveProcess, told: EndCause): EndCause {
  if (process.killCause !== undefined) return process.killCause;
  switch (process.phase) {
    case 'handingOver':
      return 'migrated';
    // Its guest has never run here.
    case 'incoming':
    case 'held':
      return 'launch-failed';
    case 'panicked':
      return 'guest-panic';
    default:
      return told;
  }
}

function delayRestart(vm: AgentVm, process: LiveProcess, { settings }: StepParts, nowUs: number): void {
  if (nowUs - process.sinceUs >= settings.restartResetUs) vm.restartsInRow = 0;
  vm.startNotBeforeUs = nowUs + doubled(settings.restartUsMin, settings.restartUsMax, vm.restartsInRow);
  vm.restartsInRow += 1;
}

/** Something that must come before its guest runs has failed: it is tried again after a wait, a bounded number of times. */
export function launchFailed(vm: AgentVm, { settings }: StepParts, nowUs: number): void {
  vm.prepared = false;
  vm.exports.clear();
  vm.attempts += 1;
  if (vm.attempts >= settings.launchAttemptsMax) vm.launchFailed = { generation: vm.generation };
  vm.startNotBeforeUs = nowUs + doubled(settings.restartUsMin, settings.restartUsMax, vm.attempts - 1);
  vm.retryNotBeforeUs = vm.startNotBeforeUs;
}

function retryLater(vm: AgentVm, { settings }: StepParts, nowUs: number): void {
  vm.retryNotBeforeUs = nowUs + doubled(settings.retryUsMin, settings.retryUsMax, vm.retries);
  vm.retries += 1;
}

/** An operation takes effect once: its outcome is kept until it is wanted no more. */
export function endOperation(
  vm: AgentVm,
  id: string,
  outcome: { readonly outcome: 'done' | 'failed'; readonly message: string },
  { journal }: StepParts,
): void {
  vm.operations = [...vm.operations.filter((operation) => operation.id !== id), { id, ...outcome }];
  journal.save(vm);
}
