import { assert, present, unreachable } from '../../base/assert.ts';
import { type DesiredVm } from '../agent-protocol.ts';
import { type HypervisorAct } from '../hypervisor.ts';
import { sharedDiskName } from '../shared-disk-name.ts';
import { type StorageRequest } from '../storage-protocol.ts';
import { type DiskSpec, type EndCause, type InstanceId } from '../types.ts';
import { type AgentOutput } from './agent-output.ts';
import { type AgentJournal } from './journal.ts';
import { type AgentSettings } from './protocol.ts';
import { type ActingStep, type AgentVm } from './vm.ts';

export interface StepParts {
  readonly settings: AgentSettings;
  readonly journal: AgentJournal;
  readonly output: AgentOutput;
}

/** A hand-over is over in a moment, or something is wrong. */
const handOverUs = 10_000_000;
/** From one attempt to kill a process to the next. */
const killAgainUs = 1_000_000;

/** Kills its process now, whatever else is under way for it. Once begun it is never taken back. */
export function beginKill(vm: AgentVm, cause: EndCause, { output }: StepParts, nowUs: number): void {
  const process = present(vm.process, 'only what has a process is killed');
  process.killCause ??= cause;
  if (process.killActId !== undefined || nowUs < process.killAgainUs) return;
  process.killActId = output.nextId();
  process.killAgainUs = nowUs + killAgainUs;
  output.act({
    kind: 'hypervisor',
    act: { kind: 'kill', actId: process.killActId, instance: process.instance },
  });
}

/** Has the step done; its outcome comes as a report. */
export function beginStep(vm: AgentVm, step: ActingStep, parts: StepParts, nowUs: number): void {
  assert(vm.pending === undefined, 'one thing at a time is done for a virtual machine');
  const desired = present(vm.desired, 'nothing is done for what nobody wants anything of');
  const id = parts.output.nextId();
  const storage = storageRequest(vm, desired, step);
  if (storage !== undefined) {
    const timeoutUs = parts.settings.storageTimeoutUs;
    vm.pending = { id, step, failsAtUs: nowUs + timeoutUs };
    parts.output.act({ kind: 'callStorage', callId: id, request: storage, timeoutUs });
    return;
  }
  vm.pending = { id, step, failsAtUs: Infinity };
  intend(vm, desired, step, parts, nowUs);
  const act = hypervisorAct(vm, desired, step, id);
  if (dependsOnJournal(step)) parts.output.actWhenDurable({ kind: 'hypervisor', act });
  else parts.output.act({ kind: 'hypervisor', act });
}

function dependsOnJournal(step: ActingStep): boolean {
  return (
    step.kind === 'prepare' || step.kind === 'launch' || step.kind === 'handOver' || step.kind === 'operate'
  );
}

/** Writes down what a new start of the agent must know of the step. */
function intend(
  vm: AgentVm,
  desired: DesiredVm,
  step: ActingStep,
  { journal, settings }: StepParts,
  nowUs: number,
): void {
  switch (step.kind) {
    case 'prepare':
      vm.files = true;
      journal.save(vm);
      break;
    case 'launch':
      vm.intent = 'launching';
      journal.save(vm);
      break;
    case 'handOver': {
      const process = present(vm.process, 'only a process hands over');
      process.phase = 'handingOver';
      process.handOverDueUs = nowUs + handOverUs;
      vm.intent = 'handingOver';
      journal.save(vm);
      break;
    }
    case 'powerDown': {
      const process = present(vm.process, 'only a process is powered down');
      process.powerDownFor = desired.generation;
      process.powerDownDueUs = nowUs + settings.powerDownUs;
      break;
    }
    case 'migrateOut': {
      const process = present(vm.process, 'only a process is sent');
      process.stoodBefore = process.phase !== 'running';
      break;
    }
    case 'operate':
      vm.operations = [
        ...vm.operations.filter(({ id }) => id !== step.operationId),
        { id: step.operationId, outcome: 'begun', message: '' },
      ];
      journal.save(vm);
      break;
    default:
      break;
  }
}

function storageRequest(vm: AgentVm, desired: DesiredVm, step: ActingStep): StorageRequest | undefined {
  switch (step.kind) {
    case 'openExport':
      return {
        kind: 'openExport',
        disk: diskOnStorage(desired, step.disk),
        vm: vm.vm,
        fenceToken: vm.fenceToken,
        activate: step.activate,
      };
    case 'createDisk':
      return { kind: 'createDisk', disk: diskOnStorage(desired, step.disk), sizeBytes: step.sizeBytes };
    case 'closeExport':
      return {
        kind: 'closeExport',
        disk: diskOnStorage(desired, step.disk),
        vm: vm.vm,
        fenceToken: vm.fenceToken,
      };
    default:
      return undefined;
  }
}

function hypervisorAct(vm: AgentVm, desired: DesiredVm, step: ActingStep, actId: number): HypervisorAct {
  const { fenceToken } = vm;
  const { spec } = desired;
  switch (step.kind) {
    case 'prepare':
      return { kind: 'prepare', actId, vm: vm.vm, fenceToken, spec, exports: exportUris(vm) };
    case 'launch': {
      const { incoming, paused } = step;
      return {
        kind: 'launch',
        actId,
        vm: vm.vm,
        fenceToken,
        spec,
        exports: exportUris(vm),
        incoming,
        paused,
      };
    }
    case 'pause':
    case 'resume':
    case 'powerDown':
    case 'cancelMigration':
    case 'handOver':
      return { kind: step.kind, actId, instance: instanceOf(vm) };
    case 'migrateOut':
      return { kind: 'migrateOut', actId, instance: instanceOf(vm), uri: step.uri };
    case 'operate':
      return operationAct(vm, desired, step.operationId, actId);
    case 'remove':
      return { kind: 'remove', actId, vm: vm.vm, fenceToken };
    case 'openExport':
    case 'createDisk':
    case 'closeExport':
      assert(false, 'a storage node does this');
      break;
    default:
      return unreachable(step);
  }
}

function operationAct(vm: AgentVm, desired: DesiredVm, operationId: string, actId: number): HypervisorAct {
  const wanted = desired.operations.find(({ id }) => id === operationId);
  const operation = present(wanted, 'only an operation that is wanted is begun');
  const instance = instanceOf(vm);
  switch (operation.kind) {
    case 'snapshot':
    case 'restore':
    case 'deleteSnapshot':
      return { kind: operation.kind, actId, instance, snapshot: operation.snapshot };
    case 'attachDisk':
    case 'resizeDisk': {
      const exportUri = vm.exports.get(operation.disk)?.uri;
      return { kind: operation.kind, actId, instance, spec: desired.spec, disk: operation.disk, exportUri };
    }
    default:
      return unreachable(operation);
  }
}

function instanceOf(vm: AgentVm): InstanceId {
  return present(vm.process, 'only a process is acted on').instance;
}

function exportUris(vm: AgentVm): Readonly<Record<string, string>> {
  const uris: Record<string, string> = {};
  for (const [disk, { uri }] of vm.exports) uris[disk] = uri;
  return uris;
}

export function sharedDiskOf(desired: DesiredVm, name: string): DiskSpec | undefined {
  return desired.spec.disks.find((disk) => disk.name === name && disk.kind === 'shared');
}

function diskOnStorage(desired: DesiredVm, name: string): string {
  const disk = present(sharedDiskOf(desired, name), 'only a shared disk is asked for at the storage node');
  return sharedDiskName(desired.spec.project, disk.sharedDisk ?? disk.name);
}
