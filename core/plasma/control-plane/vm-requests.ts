import { between, type Prng } from '../../base/prng.ts';
import { unfitInWords } from '../placement/placement-outcome.ts';
import { placementVm } from '../placement/placement-vm.ts';
import { type RunState, type VmId } from '../types.ts';
import { type Decision, type MutationOf, refusedWith } from './decision.ts';
import { type Memory } from './memory.ts';
import { hasLocalDisks, ownKey, type VmRow } from './rows.ts';
import { exceeded, sum, usedBySpec } from './usage.ts';
import { wrongSpec } from './validation.ts';
import { type VmLife } from './vm-life.ts';
import { abandonMigration } from './vm-moves.ts';
import { leftBehind, wantedAnew } from './vm-row-changes.ts';

/** Decides what users want of virtual machines: made, started, stopped, moved, deleted. */
export class VmRequests {
  readonly #memory: Memory;
  readonly #life: VmLife;
  readonly #prng: Prng;

  constructor(memory: Memory, life: VmLife, prng: Prng) {
    this.#memory = memory;
    this.#life = life;
    this.#prng = prng;
  }

  create(request: MutationOf<'vmCreate'>): Decision {
    const { spec, start, project } = request;
    const wrong = wrongSpec(spec, project);
    if (wrong !== undefined) return refusedWith('INVALID', wrong);
    const { working, settings } = this.#memory;
    if (working.vm(project, spec.name) !== undefined) {
      return refusedWith('ALREADY_EXISTS', `there is a virtual machine ${spec.name} in ${project}`);
    }
    if (working.vms.size >= settings.vmsMax) {
      return refusedWith(
        'QUOTA_EXCEEDED',
        `there are ${settings.vmsMax} virtual machines, and no more are allowed`,
      );
    }
    const refusal = this.#unusableDisks(request);
    if (refusal !== undefined) return refusal;
    const over = exceeded(
      working.quotas.get(project)?.quota,
      sum(this.#memory.usage.of(project), usedBySpec(spec)),
    );
    if (over !== undefined) return refusedWith('QUOTA_EXCEEDED', over);
    const id = this.#newId();
    this.#memory.put('vms', {
      id,
      spec,
      generation: 1,
      wanted: start ? 'running' : 'stopped',
      force: false,
      fenceToken: 0,
      counts: 'all',
      placement: undefined,
      migration: undefined,
      eviction: undefined,
      abandonedGeneration: undefined,
      remains: [],
      operations: [],
      snapshots: [],
      revision: this.#memory.batch.revision,
      pendingReason: '',
    });
    this.#life.settle(id);
    return start ? this.#decided(id) : { kind: 'decided', vm: id, awaits: 'nothing' };
  }

  setRunState(request: MutationOf<'vmStart' | 'vmPause' | 'vmResume' | 'vmStop'>): Decision {
    const row = this.#find(request);
    if (!('spec' in row)) return row;
    const state = runStates[request.kind];
    if (request.kind === 'vmPause' || request.kind === 'vmResume') {
      const needed = request.kind === 'vmPause' ? 'running' : 'paused';
      if (row.wanted !== needed && row.wanted !== state) {
        return refusedWith('FAILED_PRECONDITION', `${row.spec.name} is to be ${row.wanted}, not ${needed}`);
      }
      if (row.migration !== undefined) return this.#onTheMove(row);
    }
    const settled = state === 'stopped' ? abandonMigration(this.#memory, row, 'it is to stop') : row;
    this.#change(settled, { wanted: state, force: request.kind === 'vmStop' && request.force });
    return this.#decided(row.id);
  }

  delete(request: MutationOf<'vmDelete'>): Decision {
    const row = this.#find(request);
    if (!('spec' in row)) return row;
    const settled = abandonMigration(this.#memory, row, 'it is deleted');
    for (const { id } of settled.operations) {
      this.#memory.finishOperation(row.spec.project, id, 'failed', 'it is deleted');
    }
    this.#memory.finishOperation(row.spec.project, settled.migration?.operation, 'failed', 'it is deleted');
    this.#memory.finishOperation(row.spec.project, settled.eviction?.operation, 'failed', 'it is deleted');
    const { placement } = settled;
    this.#change(settled, {
      wanted: 'deleted',
      placement: undefined,
      migration: undefined,
      eviction: undefined,
      abandonedGeneration: undefined,
      operations: [],
      remains:
        placement === undefined
          ? settled.remains
          : [...settled.remains, leftBehind(settled, placement, true)],
    });
    return { kind: 'decided', vm: row.id, awaits: { generation: settled.generation + 1 } };
  }

  migrate(request: MutationOf<'vmMigrate'>): Decision {
    const row = this.#find(request);
    if (!('spec' in row)) return row;
    const { placement, spec } = row;
    if (row.migration !== undefined || row.eviction !== undefined) return this.#onTheMove(row);
    if (placement === undefined) return refusedWith('FAILED_PRECONDITION', `${spec.name} is nowhere`);
    if (hasLocalDisks(spec)) {
      return refusedWith('FAILED_PRECONDITION', `${spec.name} has local disks, which stay where they are`);
    }
    if (request.node === placement.node) {
      return refusedWith('FAILED_PRECONDITION', `${spec.name} is on ${placement.node} already`);
    }
    if (request.node !== undefined && !this.#memory.working.nodes.has(request.node)) {
      return refusedWith('NOT_FOUND', `there is no node ${request.node}`);
    }
    const refused = request.live
      ? this.beginMigration(row, request.node, request.operationId)
      : this.#beginEviction(row, request.node, request.operationId);
    return refused === undefined
      ? { kind: 'decided', vm: row.id, awaits: 'end' }
      : refusedWith('FAILED_PRECONDITION', refused);
  }

  /** @returns why it cannot be, for people; undefined: it has begun */
  beginMigration(row: VmRow, node: string | undefined, operation: string | undefined): string | undefined {
    const { placement, spec } = row;
    if (placement === undefined || hasLocalDisks(spec)) return `${spec.name} cannot be moved`;
    if (!spec.migratable) return `${spec.name} is not migratable`;
    if (row.operations.length > 0) return `${spec.name} has operations under way`;
    const state = placement.observed?.state;
    if (row.wanted === 'stopped' || (state !== 'running' && state !== 'paused')) {
      return `${spec.name} does not run now`;
    }
    if (row.abandonedGeneration !== undefined) return `an earlier migration of ${spec.name} is not over`;
    const outcome = this.#place(row, node);
    if ('reason' in outcome) return outcome.reason;
    const fenceToken = row.fenceToken + 1;
    this.#memory.note('migrationBegun', { project: spec.project, vm: row.id, node: outcome.node });
    this.#change(row, {
      fenceToken,
      migration: {
        to: { node: outcome.node, fenceToken, observed: undefined },
        phase: 'preparing',
        sinceGeneration: row.generation + 1,
        from: { node: placement.node, fenceToken: placement.fenceToken },
        operation,
      },
    });
    return undefined;
  }

  /** To have it stopped where it is, and to run elsewhere. */
  evict(row: VmRow): string | undefined {
    return this.#beginEviction(row, undefined, undefined);
  }

  #beginEviction(row: VmRow, node: string | undefined, operation: string | undefined): string | undefined {
    const outcome = this.#place(row, node);
    if ('reason' in outcome) return outcome.reason;
    this.#change(row, {
      eviction: { to: outcome.node, sinceGeneration: row.generation + 1, operation },
    });
    return undefined;
  }

  #place(row: VmRow, node: string | undefined): { readonly node: string } | { readonly reason: string } {
    const except = row.remains.map((place) => place.node);
    if (row.placement !== undefined) except.push(row.placement.node);
    if (node !== undefined && except.includes(node)) {
      return { reason: `something of ${row.spec.name} is still on ${node}` };
    }
    return placed(this.#memory, row, except, node);
  }

  #unusableDisks({ spec, project }: MutationOf<'vmCreate'>): Decision | undefined {
    const { working } = this.#memory;
    for (const { image, sharedDisk, sizeBytes } of spec.disks) {
      if (image !== undefined && !working.imageOfDigest(project, image)) {
        return refusedWith('NOT_FOUND', `there is no image ${image} in ${project}`);
      }
      if (sharedDisk === undefined) continue;
      const refusal = unusableSharedDisk(this.#memory, project, sharedDisk, sizeBytes);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  #find(request: {
    readonly project: string;
    readonly vm: string;
  }): VmRow | Extract<Decision, { kind: 'refused' }> {
    return findVm(this.#memory, request);
  }

  #onTheMove(row: VmRow): Decision {
    return refusedWith('FAILED_PRECONDITION', `${row.spec.name} is on its way to another node`);
  }

  #change(row: VmRow, changes: Partial<VmRow>): void {
    this.#memory.put('vms', wantedAnew(row, { ...changes, revision: this.#memory.batch.revision }));
    this.#life.settle(row.id);
  }

  #decided(id: VmId): Decision {
    const generation = this.#memory.working.vms.get(id)?.generation ?? 0;
    return { kind: 'decided', vm: id, awaits: { generation } };
  }

  #newId(): VmId {
    for (;;) {
      let digits = '';
      for (let word = 0; word < 4; word += 1) {
        digits += between(this.#prng, 0, 2 ** 32 - 1)
          .toString(16)
          .padStart(8, '0');
      }
      const id = `vm-${digits}`;
      if (!this.#memory.working.vms.has(id) && !this.#memory.working.deleted.has(id)) return id;
    }
  }
}

const runStates: Readonly<Record<'vmStart' | 'vmPause' | 'vmResume' | 'vmStop', RunState>> = {
  vmStart: 'running',
  vmPause: 'paused',
  vmResume: 'running',
  vmStop: 'stopped',
};

/** One that is being deleted can be asked for nothing any more. */
export function findVm(
  memory: Memory,
  { project, vm }: { readonly project: string; readonly vm: string },
): VmRow | Extract<Decision, { kind: 'refused' }> {
  const row = memory.working.vm(project, vm);
  if (row === undefined) return refusedWith('NOT_FOUND', `there is no virtual machine ${vm} in ${project}`);
  if (row.wanted === 'deleted')
    return refusedWith('FAILED_PRECONDITION', `${row.spec.name} is being deleted`);
  return row;
}

export function unusableSharedDisk(
  memory: Memory,
  project: string,
  name: string,
  sizeBytes: number,
): Extract<Decision, { kind: 'refused' }> | undefined {
  const disk = memory.working.disks.get(ownKey(project, name));
  if (disk === undefined) return refusedWith('NOT_FOUND', `there is no shared disk ${name} in ${project}`);
  if (disk.sizeBytes !== sizeBytes) {
    return refusedWith('INVALID', `the shared disk ${name} has ${disk.sizeBytes} bytes, not ${sizeBytes}`);
  }
  const user = memory.working.vmOfDisk(project, name);
  if (user === undefined) return undefined;
  return refusedWith('FAILED_PRECONDITION', `the shared disk ${name} belongs to ${vmNamed(memory, user)}`);
}

/** For people, who know it by its name. */
export function vmNamed(memory: Memory, id: VmId): string {
  return memory.working.vms.get(id)?.spec.name ?? id;
}

function placed(
  memory: Memory,
  row: VmRow,
  except: readonly string[],
  only: string | undefined,
): { readonly node: string } | { readonly reason: string } {
  const bounds = only === undefined ? { except } : { except, only };
  const outcome = memory.scheduler.place(placementVm(row.id, row.spec), bounds);
  return outcome.kind === 'placed' ? outcome : { reason: unfitInWords(outcome.unfit) };
}
