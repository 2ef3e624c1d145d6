import {
  type ImageShown,
  type NodeShown,
  type PlasmaQuery,
  type PlasmaResponse,
  type SharedDiskShown,
  type VmShown,
} from '../api.ts';
import { compareKeys } from '../../base/bytes.ts';
import { type ProjectName, type Resources, type Revision } from '../types.ts';
import { demandOf } from '../placement/placement-vm.ts';
import { refusedWith } from './decision.ts';
import { type DiskRemovals } from './disk-removals.ts';
import { type Memory } from './memory.ts';
import { type NodeSessions } from './node-sessions.ts';
import { countedPlacesOf, type NodeRow, ownKey, type OperationRow, type VmRow } from './rows.ts';
import { nothingUsed, sum, usedBySpec } from './usage.ts';
import { executing, toldSince, withoutProcess } from './vm-row-changes.ts';

type ReadQuery = Exclude<PlasmaQuery, { readonly kind: 'events' }>;

/** Answers from what is committed: nothing is shown that may not come to be. */
export class Queries {
  readonly #memory: Memory;
  readonly #sessions: NodeSessions;
  readonly #removals: DiskRemovals;

  constructor(memory: Memory, sessions: NodeSessions, removals: DiskRemovals) {
    this.#memory = memory;
    this.#sessions = sessions;
    this.#removals = removals;
  }

  answer(query: ReadQuery, revision: Revision): PlasmaResponse {
    const view = this.#memory.committed;
    switch (query.kind) {
      case 'vmGet': {
        const row = view.vm(query.project, query.vm);
        if (row === undefined) {
          return refusedWith('NOT_FOUND', `there is no virtual machine ${query.vm} in ${query.project}`);
        }
        return { kind: 'vms', revision, vms: [this.#shownVm(row)] };
      }
      case 'vmList': {
        const wanted = Object.entries(query.matches);
        const rows = view
          .vmsOfProject(query.project)
          .filter(({ spec }) => wanted.every(([name, value]) => spec.labels[name] === value))
          .toSorted((left, right) => compareKeys(left.spec.name, right.spec.name));
        return { kind: 'vms', revision, vms: rows.map((row) => this.#shownVm(row)) };
      }
      case 'nodeList': {
        const rows = [...view.nodes.values()].filter(({ lost }) => lost !== 'forgotten');
        const sorted = rows.toSorted((left, right) => compareKeys(left.name, right.name));
        return { kind: 'nodes', revision, nodes: sorted.map((row) => this.#shownNode(row)) };
      }
      case 'imageList':
        return { kind: 'images', images: this.#images(query.project) };
      case 'sharedDiskList':
        return { kind: 'sharedDisks', disks: this.#disks(query.project) };
      case 'quotaGet':
        return { kind: 'quota', ...this.#quota(query.project) };
      case 'operationGet': {
        const row = view.operations.get(ownKey(query.project, query.operationId));
        return row === undefined
          ? refusedWith('NOT_FOUND', `there is no operation ${query.operationId} in ${query.project}`)
          : this.#shownOperation(row);
      }
    }
  }

  #shownVm(row: VmRow): VmShown {
    const { id, spec, generation, wanted, placement, migration, revision } = row;
    const observed = placement?.observed;
    const isDeleted = wanted === 'deleted';
    return {
      id,
      spec,
      generation,
      wanted,
      node: placement?.node,
      fenceToken: placement?.fenceToken,
      migratingTo: migration?.phase === 'handing-over' ? undefined : migration?.to.node,
      state: this.#stateOf(row),
      instance: observed?.instance,
      cause: observed?.cause,
      message: row.pendingReason === '' || isDeleted ? (observed?.message ?? '') : row.pendingReason,
      restarts: observed?.restarts ?? 0,
      snapshots: row.snapshots,
      revision,
    };
  }

  #stateOf({ placement, wanted, remains }: VmRow): VmShown['state'] {
    if (placement === undefined) {
      if (wanted === 'stopped') return 'stopped';
      if (wanted !== 'deleted') return 'pending';
      return remains.some(({ alive }) => alive) ? 'stopping' : 'stopped';
    }
    if (this.#sessions.isSilent(placement.node)) return 'unknown';
    return placement.observed?.state ?? 'preparing';
  }

  #shownNode(row: NodeRow): NodeShown {
    const { name, epoch, cordoned, draining, labels, accelerators, capacity, address, orphans } = row;
    const vms = this.#memory.committed.vmsOnNode(name);
    let allocated: Resources = { cpuMilli: 0, memoryBytes: 0, diskBytes: 0 };
    for (const vm of vms) {
      const times = countedPlacesOf(vm).filter((place) => place.node === name).length;
      for (let time = 0; time < times; time += 1) allocated = plus(allocated, takenBy(vm));
    }
    const state = row.lost !== undefined ? 'lost' : this.#sessions.isSilent(name) ? 'silent' : 'up';
    return {
      name,
      epoch,
      state,
      cordoned,
      draining,
      labels,
      accelerators,
      capacity,
      allocated,
      vms: vms.length,
      orphans,
      address,
    };
  }

  #images(project: ProjectName): readonly ImageShown[] {
    const view = this.#memory.committed;
    const uses = new Map<string, number>();
    for (const { spec } of view.vmsOfProject(project)) {
      for (const { image } of spec.disks) {
        if (image !== undefined) uses.set(image, (uses.get(image) ?? 0) + 1);
      }
    }
    return [...view.images.values()]
      .filter((row) => row.project === project)
      .toSorted((left, right) => compareKeys(left.name, right.name))
      .map(({ name, digest, format, fileBytes, virtualBytes }) => {
        return { name, digest, format, fileBytes, virtualBytes, usedBy: uses.get(digest) ?? 0 };
      });
  }

  #disks(project: ProjectName): readonly SharedDiskShown[] {
    const view = this.#memory.committed;
    const shown: SharedDiskShown[] = [];
    for (const { project: own, name, sizeBytes } of view.disks.values()) {
      const usedBy = view.vmOfDisk(project, name);
      if (own === project) shown.push({ name, sizeBytes, usedBy, state: 'there' });
    }
    for (const { project: own, name, sizeBytes } of view.deletedDisks.values())
      if (own === project) shown.push({ name, sizeBytes, usedBy: undefined, state: 'deleting' });
    return shown.toSorted((left, right) => compareKeys(left.name, right.name));
  }

  #quota(project: ProjectName): Pick<Extract<PlasmaResponse, { kind: 'quota' }>, 'quota' | 'used'> {
    const view = this.#memory.committed;
    let used = nothingUsed;
    for (const { spec } of view.vmsOfProject(project)) used = sum(used, usedBySpec(spec));
    for (const disk of [...view.disks.values(), ...view.deletedDisks.values()]) {
      if (disk.project === project) used = sum(used, { ...nothingUsed, diskBytes: disk.sizeBytes });
    }
    for (const image of view.images.values()) {
      if (image.project === project) used = sum(used, { ...nothingUsed, imageBytes: image.fileBytes });
    }
    const unbounded = {
      vmsMax: undefined,
      cpusMax: undefined,
      memoryBytesMax: undefined,
      diskBytesMax: undefined,
      imageBytesMax: undefined,
    };
    return { quota: view.quotas.get(project)?.quota ?? unbounded, used };
  }

  #shownOperation(row: OperationRow): PlasmaResponse {
    const { revision, vm, generation } = row;
    const shown = { kind: 'operation', revision, vm, state: row.state, message: row.message } as const;
    if (row.state !== 'running') return shown;
    if (generation === undefined) return { ...shown, message: this.#whyRunning(row) };
    // Nobody writes down when an agent has carried a generation out: it shows in what it has told.
    const found = vm === undefined ? undefined : this.#memory.committed.vms.get(vm);
    if (found === undefined) return { ...shown, state: 'done' };
    const { placement } = found;
    if (placement === undefined) {
      return found.wanted === 'stopped'
        ? { ...shown, state: 'done' }
        : { ...shown, message: found.pendingReason };
    }
    if (!toldSince(placement, generation, executing) && !toldSince(placement, generation, withoutProcess)) {
      return { ...shown, message: found.pendingReason };
    }
    if (placement.observed?.state !== 'failed') return { ...shown, state: 'done' };
    return { ...shown, state: 'failed', message: placement.observed.message };
  }

  /** Of one that does not end by what an agent tells of a generation. */
  #whyRunning({ project, id, message }: OperationRow): string {
    for (const row of this.#memory.committed.deletedDisks.values())
      if (row.project === project && row.operation === id) return this.#removals.troubleOf(row) ?? '';
    return message;
  }
}

function takenBy(row: VmRow): Resources {
  const demand = demandOf(row.spec);
  return row.counts === 'all' ? demand : { cpuMilli: 0, memoryBytes: 0, diskBytes: demand.diskBytes };
}

function plus(left: Resources, right: Resources): Resources {
  return {
    cpuMilli: left.cpuMilli + right.cpuMilli,
    memoryBytes: left.memoryBytes + right.memoryBytes,
    diskBytes: left.diskBytes + right.diskBytes,
  };
}
