import { type Prng } from '../../base/prng.ts';
import { type Caller, type PlasmaMutation, type PlasmaResponse } from '../api.ts';
import { decideOnCatalogue } from './catalogue-requests.ts';
import { type Decision, refusedWith } from './decision.ts';
import { DiskRequests } from './disk-requests.ts';
import { type KeptRecords } from './kept-records.ts';
import { type Memory } from './memory.ts';
import { decideOnNode } from './node-requests.ts';
import { digestOf } from './request-digest.ts';
import { ownKey } from './rows.ts';
import { wrongNames } from './validation.ts';
import { type VmLife } from './vm-life.ts';
import { VmRequests } from './vm-requests.ts';

/**
 * Carries out what users ask for, each thing once: what has become of it lies under its operation id, in the same commit.
 */
export class Mutations {
  readonly vms: VmRequests;
  readonly #memory: Memory;
  readonly #kept: KeptRecords;
  readonly #disks: DiskRequests;

  constructor(memory: Memory, life: VmLife, kept: KeptRecords, prng: Prng) {
    this.#memory = memory;
    this.#kept = kept;
    this.vms = new VmRequests(memory, life, prng);
    this.#disks = new DiskRequests(memory, life);
  }

  /** @returns the answer, for when what is in memory has been committed */
  carryOut(request: PlasmaMutation, caller: Caller): PlasmaResponse {
    const wrong = wrongNames(request);
    if (wrong !== undefined) return refusedWith('INVALID', wrong);
    const { project, operationId: id } = request;
    const digest = digestOf(request);
    const before = this.#memory.working.operations.get(ownKey(project, id));
    if (before !== undefined) {
      if (before.digest !== digest) {
        return refusedWith('OPERATION_REUSED', `the operation id ${id} was used for something else`);
      }
      return { kind: 'committed', operationId: id, revision: before.revision, vm: before.vm };
    }
    const decision = this.#decide(request);
    if (decision.kind === 'refused') return decision;
    const { revision } = this.#memory.batch;
    const { vm, awaits } = decision;
    this.#memory.put('operations', {
      project,
      id,
      digest,
      revision,
      vm,
      generation: typeof awaits === 'object' ? awaits.generation : undefined,
      state: awaits === 'nothing' ? 'done' : 'running',
      message: '',
    });
    const node = 'node' in request ? request.node : undefined;
    this.#memory.note(request.kind, { project, vm, node, message: subjectOf(request) }, caller.identity);
    this.#kept.onOperation(project, id);
    return { kind: 'committed', operationId: id, revision, vm };
  }

  #decide(request: PlasmaMutation): Decision {
    switch (request.kind) {
      case 'vmCreate':
        return this.vms.create(request);
      case 'vmStart':
      case 'vmPause':
      case 'vmResume':
      case 'vmStop':
        return this.vms.setRunState(request);
      case 'vmDelete':
        return this.vms.delete(request);
      case 'vmMigrate':
        return this.vms.migrate(request);
      case 'vmSnapshot':
      case 'vmRestore':
      case 'vmDeleteSnapshot':
        return this.#disks.snapshot(request);
      case 'vmAttachDisk':
        return this.#disks.attach(request);
      case 'vmDetachDisk':
        return this.#disks.detach(request);
      case 'vmResizeDisk':
        return this.#disks.resize(request);
      case 'nodeCordon':
      case 'nodeUncordon':
      case 'nodeDrain':
      case 'nodeFence':
      case 'nodeForget':
        return decideOnNode(this.#memory, request);
      case 'imageAdd':
      case 'imageRemove':
      case 'sharedDiskCreate':
      case 'sharedDiskDelete':
      case 'quotaSet':
        return decideOnCatalogue(this.#memory, request);
    }
  }
}

/** What a record says a mutation was about, where neither virtual machine nor node does. */
function subjectOf(request: PlasmaMutation): string {
  switch (request.kind) {
    case 'vmCreate':
      return request.spec.name;
    case 'imageAdd':
    case 'imageRemove':
      return request.name;
    case 'vmSnapshot':
    case 'vmRestore':
    case 'vmDeleteSnapshot':
      return request.snapshot;
    case 'vmAttachDisk':
      return request.disk.name;
    case 'vmResizeDisk':
    case 'sharedDiskCreate':
    case 'sharedDiskDelete':
      return request.disk;
    default:
      return '';
  }
}
