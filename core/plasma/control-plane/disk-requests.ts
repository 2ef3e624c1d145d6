import { demandOf } from '../placement/placement-vm.ts';
import { type DesiredOperation } from '../agent-protocol.ts';
import { type DiskSpec, type VmSpec } from '../types.ts';
import { type Decision, type MutationOf, refusedWith } from './decision.ts';
import { type Memory } from './memory.ts';
import { ownKey, vmOperationsMax, type VmRow, vmSnapshotsMax } from './rows.ts';
import { exceeded, nothingUsed, sum, usedBySpec } from './usage.ts';
import { wrongDisk, wrongOwnName, wrongSize } from './validation.ts';
import { type VmLife } from './vm-life.ts';
import { findVm, unusableSharedDisk } from './vm-requests.ts';
import { leaveDisks, wantedAnew } from './vm-row-changes.ts';

type Refusal = Extract<Decision, { kind: 'refused' }>;

/** Decides what users want of the disks of virtual machines: snapshots, disks that are attached, disks that grow. */
export class DiskRequests {
  readonly #memory: Memory;
  readonly #life: VmLife;

  constructor(memory: Memory, life: VmLife) {
    this.#memory = memory;
    this.#life = life;
  }

  snapshot(request: MutationOf<'vmSnapshot' | 'vmRestore' | 'vmDeleteSnapshot'>): Decision {
    const { snapshot, operationId: id } = request;
    const wrong = wrongOwnName('snapshot', snapshot);
    if (wrong !== undefined) return refusedWith('INVALID', wrong);
    const row = this.#findStill(request);
    if (!('spec' in row)) return row;
    if (!isThere(row)) return refusedWith('FAILED_PRECONDITION', `${row.spec.name} does not run now`);
    const taken = row.snapshots.includes(snapshot);
    const pending = row.operations.some((one) => 'snapshot' in one && one.snapshot === snapshot);
    if (pending)
      return refusedWith('FAILED_PRECONDITION', `something is under way with the snapshot ${snapshot}`);
    if (request.kind === 'vmSnapshot') {
      if (taken) return refusedWith('ALREADY_EXISTS', `${row.spec.name} has a snapshot ${snapshot}`);
      if (row.snapshots.length >= vmSnapshotsMax) {
        return refusedWith(
          'FAILED_PRECONDITION',
          `${row.spec.name} has ${vmSnapshotsMax} snapshots, and no more are allowed`,
        );
      }
      return this.#order(row, { id, kind: 'snapshot', snapshot }, row.spec);
    }
    if (!taken) return refusedWith('NOT_FOUND', `${row.spec.name} has no snapshot ${snapshot}`);
    const kind = request.kind === 'vmRestore' ? 'restore' : 'deleteSnapshot';
    return this.#order(row, { id, kind, snapshot }, row.spec);
  }

  attach(request: MutationOf<'vmAttachDisk'>): Decision {
    const { disk, operationId: id } = request;
    const wrong = wrongDisk(disk);
    if (wrong !== undefined) return refusedWith('INVALID', wrong);
    const row = this.#findStill(request);
    if (!('spec' in row)) return row;
    if (row.spec.disks.length >= 16)
      return refusedWith('FAILED_PRECONDITION', `${row.spec.name} has 16 disks`);
    if (row.spec.disks.some(({ name }) => name === disk.name)) {
      return refusedWith('ALREADY_EXISTS', `${row.spec.name} has a disk ${disk.name}`);
    }
    const unusable = this.#unusable(row, disk);
    if (unusable !== undefined) return unusable;
    const spec = { ...row.spec, disks: [...row.spec.disks, disk] };
    return this.#lacksRoom(row, spec) ?? this.#order(row, { id, kind: 'attachDisk', disk: disk.name }, spec);
  }

  detach(request: MutationOf<'vmDetachDisk'>): Decision {
    const row = this.#findStill(request);
    if (!('spec' in row)) return row;
    const { spec } = row;
    const disk = spec.disks.find(({ name }) => name === request.disk);
    if (disk === undefined) return refusedWith('NOT_FOUND', `${spec.name} has no disk ${request.disk}`);
    if (disk.sharedDisk === undefined) {
      return refusedWith('FAILED_PRECONDITION', `the disk ${disk.name} is local, and goes with ${spec.name}`);
    }
    // Until it is confirmed to have stopped somebody may still write to the disk, and look for it in vain.
    if (row.wanted !== 'stopped' || (row.placement !== undefined && row.counts === 'all')) {
      return refusedWith('FAILED_PRECONDITION', `${spec.name} must have stopped first`);
    }
    leaveDisks(this.#memory, row, [disk.sharedDisk]);
    const disks = spec.disks.filter((one) => one !== disk);
    const { revision } = this.#memory.batch;
    this.#memory.put('vms', wantedAnew(row, { spec: { ...spec, disks }, revision }));
    this.#life.settle(row.id);
    return { kind: 'decided', vm: row.id, awaits: 'nothing' };
  }

  resize(request: MutationOf<'vmResizeDisk'>): Decision {
    const { disk: name, sizeBytes, operationId: id } = request;
    const wrong = wrongSize(`the disk ${name}`, sizeBytes);
    if (wrong !== undefined) return refusedWith('INVALID', wrong);
    const row = this.#findStill(request);
    if (!('spec' in row)) return row;
    const disk = row.spec.disks.find((one) => one.name === name);
    if (disk === undefined) return refusedWith('NOT_FOUND', `${row.spec.name} has no disk ${name}`);
    if (disk.kind === 'shared')
      return refusedWith('FAILED_PRECONDITION', `the disk ${name} is shared, and keeps its size`);
    if (sizeBytes <= disk.sizeBytes) {
      return refusedWith('INVALID', `the disk ${name} has ${disk.sizeBytes} bytes, and can only grow`);
    }
    // Each goes to the size in the specification; of one that fails the size before it is what is so.
    if (row.operations.some((one) => 'disk' in one && one.disk === name))
      return refusedWith('FAILED_PRECONDITION', `something is under way with the disk ${name}`);
    const spec = withDisk(row.spec, { ...disk, sizeBytes });
    const operation = { id, kind: 'resizeDisk', disk: name, fromBytes: disk.sizeBytes } as const;
    return this.#lacksRoom(row, spec) ?? this.#order(row, operation, spec);
  }

  /** What is not to be done while it moves. */
  #findStill(request: { readonly project: string; readonly vm: string }): VmRow | Refusal {
    const row = findVm(this.#memory, request);
    if (!('spec' in row)) return row;
    const { name } = row.spec;
    if (row.migration !== undefined || row.eviction !== undefined) {
      return refusedWith('FAILED_PRECONDITION', `${name} is on its way to another node`);
    }
    if (row.operations.length < vmOperationsMax) return row;
    return refusedWith(
      'TOO_MANY_REQUESTS',
      `${name} has ${vmOperationsMax} operations under way, and no more are allowed`,
    );
  }

  #unusable(row: VmRow, disk: DiskSpec): Refusal | undefined {
    const { project } = row.spec;
    if (disk.image !== undefined && !this.#memory.working.imageOfDigest(project, disk.image)) {
      return refusedWith('NOT_FOUND', `there is no image ${disk.image} in ${project}`);
    }
    if (disk.sharedDisk === undefined) return undefined;
    const unusable = unusableSharedDisk(this.#memory, project, disk.sharedDisk, disk.sizeBytes);
    if (unusable !== undefined) return unusable;
    const newest = this.#memory.working.disks.get(ownKey(project, disk.sharedDisk))?.fenceToken ?? 0;
    if (row.placement === undefined || row.placement.fenceToken > newest) return undefined;
    // What an older owner may still write comes under tokens up to that one.
    return refusedWith(
      'FAILED_PRECONDITION',
      `the shared disk ${disk.sharedDisk} was written under token ${newest}, ${row.spec.name} runs under ${row.placement.fenceToken}: migrate it first`,
    );
  }

  #lacksRoom(row: VmRow, spec: VmSpec): Refusal | undefined {
    const { project } = spec;
    const { usage, working, scheduler } = this.#memory;
    const more = usedBySpec(spec).diskBytes - usedBySpec(row.spec).diskBytes;
    const would = sum(usage.of(project), { ...nothingUsed, diskBytes: more });
    const over = exceeded(working.quotas.get(project)?.quota, would);
    if (over !== undefined) return refusedWith('QUOTA_EXCEEDED', over);
    if (row.placement === undefined) return undefined;
    const demand = row.counts === 'all' ? demandOf(spec) : { ...demandOf(spec), cpuMilli: 0, memoryBytes: 0 };
    const missing = scheduler.missingFor(row.id, demand);
    if (missing === undefined) return undefined;
    return refusedWith('FAILED_PRECONDITION', `the node of ${spec.name} has no room for it: ${missing}`);
  }

  /** At its agent, where there is something there already; what starts later starts with its disks as they are then. */
  #order(row: VmRow, operation: DesiredOperation, spec: VmSpec): Decision {
    const { revision } = this.#memory.batch;
    const atOnce = !isThere(row) && row.counts === 'disk';
    const operations =
      atOnce || row.placement === undefined ? row.operations : [...row.operations, operation];
    this.#memory.put('vms', wantedAnew(row, { spec, revision, operations }));
    this.#life.settle(row.id);
    return {
      kind: 'decided',
      vm: row.id,
      awaits: operations === row.operations ? 'nothing' : 'end',
    };
  }
}

function withDisk(spec: VmSpec, disk: DiskSpec): VmSpec {
  return { ...spec, disks: spec.disks.map((one) => (one.name === disk.name ? disk : one)) };
}

function isThere({ placement }: VmRow): boolean {
  const state = placement?.observed?.state;
  return state === 'running' || state === 'paused';
}
