import { unreachable } from '../../base/assert.ts';
import { type DesiredVm } from '../agent-protocol.ts';
import { type OperationId } from '../types.ts';
import { startsAgain } from './restart-policy.ts';
import { mustStop, type AgentVm, type LiveProcess, type VmStep } from './vm.ts';

/** What beside itself decides what may be done for a virtual machine now. */
export interface Circumstances {
  readonly nowUs: number;
  /** The inventory has been judged in this epoch, and a lease holds that is good for this virtual machine's policy. */
  readonly mayStart: boolean;
  /** The watchdog stops it when that lease ends, or need not. */
  readonly guarded: boolean;
  /** A process of another token of the same virtual machine is on the node, or about to be. */
  readonly occupied: boolean;
  /** The newest token of the virtual machine that this node has been told of. */
  readonly newestToken: number;
}

const rest: VmStep = { kind: 'rest' };
/** For something that enters as an event. */
const wait: VmStep = { kind: 'wait', untilUs: Infinity };

/**
 * What brings a virtual machine nearer to what is wanted of it. Decides from what is wanted and what is, not from what happened,
 * so it makes no difference what was lost on the way, or how often it is asked.
 */
export function nextStep(vm: AgentVm, now: Circumstances): VmStep {
  const { desired, process } = vm;
  if (process !== undefined && process.killCause !== undefined)
    return { kind: 'kill', cause: process.killCause };
  if (desired === undefined) {
    return vm.verdict === 'kill' && process !== undefined ? { kind: 'kill', cause: 'killed' } : rest;
  }
  const { want } = desired;
  switch (want.kind) {
    case 'run':
      if (want.runState === 'stopped')
        return process === undefined ? operate(vm, desired) : stop(vm, { force: want.force }, now);
      return run(vm, desired, { paused: want.runState === 'paused' }, now);
    case 'evict':
      return stop(vm, { force: false }, now);
    case 'receive':
      return receive(vm, desired, now);
    case 'migrate':
      return migrate(vm, want.uri, now);
    case 'handOver':
      return handOver(vm, now);
    case 'abandonMigration':
      return process === undefined ? rest : (backFromMigration(process, now) ?? rest);
    case 'remove':
      return remove(vm, desired);
    default:
      return unreachable(want);
  }
}

/** No new process is started under this token while nothing newer is wanted. */
export function isSettled(vm: AgentVm, desired: DesiredVm): boolean {
  if (vm.fenced) return true;
  if (vm.launchFailed !== undefined && vm.launchFailed.generation >= desired.generation) return true;
  if (vm.exit === undefined || vm.exit.generation < desired.generation) return false;
  return !startsAgain(desired.spec.restartPolicy, vm.exit.cause);
}

function run(
  vm: AgentVm,
  desired: DesiredVm,
  wanted: { readonly paused: boolean },
  now: Circumstances,
): VmStep {
  const { process } = vm;
  if (process === undefined)
    return start(vm, desired, { incoming: false, paused: wanted.paused || mustStop(vm) }, now);
  switch (process.phase) {
    case 'incoming':
      // What it waits for may never come. Its disks are as after a loss of power, which a cold start copes with.
      if (process.arrivalDueUs === undefined) return wait;
      if (now.nowUs < process.arrivalDueUs) return { kind: 'wait', untilUs: process.arrivalDueUs };
      return { kind: 'kill', cause: 'launch-failed' };
    case 'held':
    case 'paused':
    case 'arrived': {
      // Its disks are written by a newer one: its guest would run into errors.
      if (vm.fenced || vm.launchFailed !== undefined) return { kind: 'kill', cause: 'launch-failed' };
      // Whoever stands may have come here without his disks taking his writes.
      const opening = openNext(vm, desired, { activate: true });
      if (opening !== undefined) return opening;
      if (wanted.paused) return operate(vm, desired);
      return now.mayStart && now.guarded ? { kind: 'resume' } : wait;
    }
    case 'running':
      return wanted.paused ? { kind: 'pause' } : operate(vm, desired);
    case 'sending':
    case 'stoppedBeforeHandOver':
    case 'handingOver':
      return backFromMigration(process, now) ?? rest;
    case 'unresponsive':
    case 'panicked':
      // It stands as it is, and what is asked of it besides is done, or has failed.
      if (desired.spec.restartPolicy === 'never') return operate(vm, desired);
      return { kind: 'kill', cause: process.phase === 'panicked' ? 'guest-panic' : 'unresponsive' };
    default:
      return unreachable(process.phase);
  }
}

function start(
  vm: AgentVm,
  desired: DesiredVm,
  launch: { readonly incoming: boolean; readonly paused: boolean },
  now: Circumstances,
): VmStep {
  if (vm.fenceToken < now.newestToken) return rest;
  if (isSettled(vm, desired)) return launch.incoming ? rest : operate(vm, desired);
  if (!now.mayStart || now.occupied) return wait;
  if (now.nowUs < vm.startNotBeforeUs) return { kind: 'wait', untilUs: vm.startNotBeforeUs };
  const opening = openNext(vm, desired, { activate: !launch.incoming });
  if (opening !== undefined) return opening;
  return vm.prepared ? { kind: 'launch', ...launch } : { kind: 'prepare' };
}

/** The next shared disk whose export is to be opened, or to become the one that writes. */
function openNext(
  vm: AgentVm,
  desired: DesiredVm,
  options: { readonly activate: boolean; readonly operationId?: OperationId },
): VmStep | undefined {
  if (vm.missingDisk !== undefined && options.activate) {
    const { name, sizeBytes } = vm.missingDisk;
    return { kind: 'createDisk', disk: name, sizeBytes };
  }
  for (const disk of desired.spec.disks) {
    if (disk.kind !== 'shared') continue;
    const open = vm.exports.get(disk.name);
    if (open === undefined || (options.activate && !open.active))
      return {
        kind: 'openExport',
        disk: disk.name,
        activate: options.activate,
        operationId: options.operationId,
      };
  }
  return undefined;
}

function stop(vm: AgentVm, options: { readonly force: boolean }, now: Circumstances): VmStep {
  const { process } = vm;
  if (process === undefined) return rest;
  if (options.force) return { kind: 'kill', cause: 'killed' };
  const sends = process.phase === 'sending' || process.phase === 'stoppedBeforeHandOver';
  // Its guest runs again before it can be asked to shut down.
  if (sends && now.mayStart) return { kind: 'cancelMigration' };
  if (process.phase !== 'running') return { kind: 'kill', cause: 'killed' };
  if (process.powerDownDueUs === undefined) return { kind: 'powerDown' };
  if (now.nowUs < process.powerDownDueUs) return { kind: 'wait', untilUs: process.powerDownDueUs };
  return { kind: 'kill', cause: 'killed' };
}

function receive(vm: AgentVm, desired: DesiredVm, now: Circumstances): VmStep {
  if (vm.process === undefined) return start(vm, desired, { incoming: true, paused: true }, now);
  return vm.process.phase === 'incoming' && !now.guarded ? wait : rest;
}

function migrate(vm: AgentVm, uri: string, now: Circumstances): VmStep {
  const { process } = vm;
  if (process === undefined || vm.migrationFailedUri === uri) return rest;
  switch (process.phase) {
    case 'running':
    case 'paused':
    case 'held':
      return now.mayStart ? { kind: 'migrateOut', uri } : wait;
    case 'sending':
      return wait;
    default:
      return rest;
  }
}

/** Another node owns it: what is here ends, one way or another. */
function handOver(vm: AgentVm, now: Circumstances): VmStep {
  const { process } = vm;
  if (process === undefined) return rest;
  const kill: VmStep = { kind: 'kill', cause: 'migrated' };
  if (process.phase === 'stoppedBeforeHandOver')
    return now.mayStart || !mustStop(vm) ? { kind: 'handOver' } : kill;
  if (process.phase !== 'handingOver' || process.handOverDueUs === undefined) return kill;
  return now.nowUs < process.handOverDueUs ? { kind: 'wait', untilUs: process.handOverDueUs } : kill;
}

/** The guest goes on here, unless it has been told to hand over: it might run in both places. */
function backFromMigration(process: LiveProcess, now: Circumstances): VmStep | undefined {
  if (process.phase === 'handingOver') return { kind: 'kill', cause: 'migrated' };
  if (process.phase !== 'sending' && process.phase !== 'stoppedBeforeHandOver') return undefined;
  return now.mayStart ? { kind: 'cancelMigration' } : wait;
}

function remove(vm: AgentVm, desired: DesiredVm): VmStep {
  if (vm.process !== undefined) return { kind: 'kill', cause: 'killed' };
  if (vm.gone) return rest;
  for (const disk of desired.spec.disks) {
    if (disk.kind !== 'shared' || vm.closed.has(disk.name)) continue;
    return { kind: 'closeExport', disk: disk.name };
  }
  return { kind: 'remove' };
}

/** The first operation that has no outcome. */
function operate(vm: AgentVm, desired: DesiredVm): VmStep {
  for (const { id, kind } of desired.operations) {
    const known = vm.operations.find((operation) => operation.id === id);
    if (known !== undefined && known.outcome !== 'begun') continue;
    const attaches = kind === 'attachDisk' && vm.process !== undefined;
    const opening = attaches ? openNext(vm, desired, { activate: true, operationId: id }) : undefined;
    return opening ?? { kind: 'operate', operationId: id };
  }
  return rest;
}
