import { present } from '../../base/assert.ts';
import { demandOf, type PlacementVm, placementVm } from '../placement/placement-vm.ts';
import { Scheduler } from '../placement/scheduler.ts';
import { type NodeName, type OperationId, type ProjectName, type Revision, type VmId } from '../types.ts';
import { Batch } from './batch.ts';
import { type Desk } from './desk.ts';
import { keyOf } from './row-codec.ts';
import {
  countedPlacesOf,
  type DeletedDiskRow,
  type DiskRow,
  type ImageRow,
  type NodeRow,
  ownKey,
  type Place,
  type TableName,
  type Tables,
  type VmRow,
} from './rows.ts';
import { type ControlPlaneSettings } from './settings.ts';
import { nothingUsed, Usage, usedBySpec } from './usage.ts';
import { View } from './view.ts';

/** What a record is about, besides who and what. */
export interface Noted {
  readonly project?: ProjectName | undefined;
  readonly vm?: VmId | undefined;
  readonly node?: NodeName | undefined;
  readonly message?: string | undefined;
}

/** Of whatever others have said. */
export const messageCharsMax = 1_024;

/**
 * What a leader knows. Decisions are made against `working`, which shows what is under way as well; others are told only what
 * is in `committed`. Where a commit turns out not to have been done, all of it is dropped and read again.
 */
export class Memory {
  readonly settings: ControlPlaneSettings;
  readonly working = new View();
  readonly committed = new View();
  readonly scheduler: Scheduler;
  readonly usage = new Usage();
  /** What the next commit will change. */
  #batch: Batch;
  /** Nodes that hold a lease and have told what is on them, as far as is known now. */
  readonly #up = new Set<NodeName>();
  /** Rises when a node may have got room for what had none. */
  #roomEdition = 0;

  readonly #desk: Desk;

  constructor(settings: ControlPlaneSettings, desk: Desk, revision: Revision) {
    this.settings = settings;
    this.#desk = desk;
    this.scheduler = new Scheduler(settings.scheduler);
    this.#batch = new Batch(settings, revision + 1);
  }

  get batch(): Batch {
    return this.#batch;
  }

  get roomEdition(): number {
    return this.#roomEdition;
  }

  /** A row as it was read: nodes before virtual machines. */
  load<Name extends TableName>(table: Name, row: Tables[Name]): void {
    const key = keyOf(table, row);
    this.#follow(table, key, row);
    this.committed.change(table, key, row);
  }

  put<Name extends TableName>(table: Name, row: Tables[Name]): void {
    const key = keyOf(table, row);
    this.#follow(table, key, row);
    this.#batch.change(table, key, row);
  }

  remove(table: TableName, key: string): void {
    this.#follow(table, key, undefined);
    this.#batch.change(table, key, undefined);
  }

  /** A record of what was decided, in the same commit. `by` undefined: this server, of its own accord. */
  note(what: string, about: Noted, by?: string): void {
    const { project, vm, node, message } = about;
    this.#batch.record({
      atMs: this.#desk.wallMs,
      by: by ?? `photon://plasma/server-${this.settings.server}`,
      what,
      project,
      vm,
      node,
      message: (message ?? '').slice(0, messageCharsMax),
    });
  }

  /** Ends what was asked for under this id; one that is not kept any more is left alone. */
  finishOperation(
    project: ProjectName,
    id: OperationId | undefined,
    state: 'done' | 'failed',
    message: string,
  ): void {
    if (id === undefined) return;
    const row = this.working.operations.get(ownKey(project, id));
    if (row === undefined || row.state !== 'running') return;
    this.put('operations', {
      ...row,
      generation: undefined,
      state,
      message: message.slice(0, messageCharsMax),
    });
  }

  /** What was gathered, to be committed now. */
  takeBatch(): Batch {
    const batch = this.#batch;
    this.#batch = new Batch(this.settings, batch.revision + 1);
    return batch;
  }

  onCommitted(batch: Batch): void {
    for (const { table, key, row } of batch.rows) this.committed.change(table, key, row);
  }

  isUp(node: NodeName): boolean {
    return this.#up.has(node);
  }

  setUp(node: NodeName, up: boolean): void {
    if (this.#up.has(node) === up) return;
    if (up) this.#up.add(node);
    else this.#up.delete(node);
    const row = this.working.nodes.get(node);
    if (row !== undefined) this.#tellOfNode(row);
  }

  #follow<Name extends TableName>(table: Name, key: string, row: Tables[Name] | undefined): void {
    if (table === 'vms') {
      this.#followVm(this.working.vms.get(key), row as VmRow | undefined);
    } else if (table === 'disks') {
      this.#followDisk(this.working.disks.get(key), row as DiskRow | undefined);
    } else if (table === 'images') {
      this.#followImage(this.working.images.get(key), row as ImageRow | undefined);
    } else if (table === 'deletedDisks') {
      // It takes its room until nothing of it is left.
      this.#followDisk(this.working.deletedDisks.get(key), row as DeletedDiskRow | undefined);
    }
    this.working.change(table, key, row);
    if (table === 'nodes' && row !== undefined) this.#tellOfNode(row as NodeRow);
  }

  #tellOfNode(row: NodeRow): void {
    const { name, capacity, labels, accelerators } = row;
    const up = this.#up.has(name) && row.lost === undefined;
    const cordoned = row.cordoned || row.draining;
    this.scheduler.setNode({ name, capacity, labels, accelerators, up, cordoned });
    if (up && !cordoned) this.#roomEdition += 1;
  }

  #followVm(before: VmRow | undefined, after: VmRow | undefined): void {
    const { project } = present(before ?? after, 'a row changes').spec;
    this.usage.change(
      project,
      before === undefined ? nothingUsed : usedBySpec(before.spec),
      after === undefined ? nothingUsed : usedBySpec(after.spec),
    );
    const old = before === undefined ? [] : countedPlacesOf(before);
    const now = after === undefined ? [] : countedPlacesOf(after);
    for (const { node, fenceToken } of old) {
      if (holds(now, node, fenceToken)) continue;
      this.scheduler.release(present(before, 'it was somewhere').id, { node, fenceToken });
      this.#roomEdition += 1;
    }
    this.#keepRoom(before, after);
    if (after === undefined) return;
    const asked = placementOf(after);
    if (before !== undefined && (before.counts !== after.counts || before.spec !== after.spec)) {
      this.scheduler.update(asked);
      this.#roomEdition += 1;
    }
    for (const { node, fenceToken } of now) {
      if (!holds(old, node, fenceToken)) this.scheduler.allocate(asked, { node, fenceToken });
    }
  }

  /** What is to leave a node for another finds room there when it has left: nobody else is given it meanwhile. */
  #keepRoom(before: VmRow | undefined, after: VmRow | undefined): void {
    const [old, now] = [before?.eviction?.to, after?.eviction?.to];
    if (old === now) return;
    const { id, spec } = present(before ?? after, 'a row changes');
    if (old !== undefined) {
      this.scheduler.unreserve(roomFor(id));
      this.#roomEdition += 1;
    }
    if (now === undefined || !this.scheduler.hasNode(now)) return;
    const kept = demandOf(spec);
    this.scheduler.reserve({ id: roomFor(id), node: now, kept, beneficiary: { kind: 'vm', vm: id } });
  }

  #followImage(before: ImageRow | undefined, after: ImageRow | undefined): void {
    const { project } = present(before ?? after, 'a row changes');
    this.usage.change(
      project,
      { ...nothingUsed, imageBytes: before?.fileBytes ?? 0 },
      { ...nothingUsed, imageBytes: after?.fileBytes ?? 0 },
    );
  }

  #followDisk(before: SharedDisk | undefined, after: SharedDisk | undefined): void {
    const { project } = present(before ?? after, 'a row changes');
    this.usage.change(
      project,
      { ...nothingUsed, diskBytes: before?.sizeBytes ?? 0 },
      { ...nothingUsed, diskBytes: after?.sizeBytes ?? 0 },
    );
  }
}

type SharedDisk = Pick<DiskRow, 'project' | 'sizeBytes'>;

/** What it takes where it is. */
export function placementOf(row: VmRow): PlacementVm {
  const whole = placementVm(row.id, row.spec);
  if (row.counts === 'all') return whole;
  return { ...whole, demand: { cpuMilli: 0, memoryBytes: 0, diskBytes: whole.demand.diskBytes } };
}

/** A reservation's id. One for whom others have to leave has another. */
function roomFor(vm: VmId): string {
  return `${vm} leaves`;
}

function holds(places: readonly Place[], node: NodeName, fenceToken: number): boolean {
  return places.some((place) => place.node === node && place.fenceToken === fenceToken);
}
