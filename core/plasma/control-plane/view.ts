import { compareKeys } from '../../base/bytes.ts';
import { type NodeName, type ProjectName, type VmId } from '../types.ts';
import {
  type DeletedDiskRow,
  type DeletedRow,
  type DiskRow,
  type ImageRow,
  type NodeRow,
  type OperationRow,
  ownKey,
  placesOf,
  type QuotaRow,
  type TableName,
  type Tables,
  type VmRow,
} from './rows.ts';

/** A change of one row; undefined: it is no more. */
export interface RowChange<Name extends TableName = TableName> {
  readonly table: Name;
  readonly key: string;
  readonly row: Tables[Name] | undefined;
}

/** The rows as they are at one point, and what finds them. Rows are never changed, only replaced. */
export class View {
  readonly vms: ReadonlyMap<VmId, VmRow>;
  readonly nodes: ReadonlyMap<NodeName, NodeRow>;
  readonly images: ReadonlyMap<string, ImageRow>;
  readonly disks: ReadonlyMap<string, DiskRow>;
  readonly deletedDisks: ReadonlyMap<string, DeletedDiskRow>;
  readonly quotas: ReadonlyMap<ProjectName, QuotaRow>;
  readonly operations: ReadonlyMap<string, OperationRow>;
  readonly deleted: ReadonlyMap<VmId, DeletedRow>;
  readonly #tables: { readonly [Name in TableName]: Map<string, Tables[Name]> };
  readonly #vmOfName = new Map<string, VmId>();
  readonly #vmOfDisk = new Map<string, VmId>();
  readonly #vmsOnNode = new IdsByName();
  readonly #deletedOnNode = new IdsByName();
  readonly #vmsOfProject = new IdsByName();

  constructor() {
    this.#tables = {
      vms: new Map(),
      nodes: new Map(),
      images: new Map(),
      disks: new Map(),
      deletedDisks: new Map(),
      quotas: new Map(),
      operations: new Map(),
      deleted: new Map(),
    };
    this.vms = this.#tables.vms;
    this.nodes = this.#tables.nodes;
    this.images = this.#tables.images;
    this.disks = this.#tables.disks;
    this.deletedDisks = this.#tables.deletedDisks;
    this.quotas = this.#tables.quotas;
    this.operations = this.#tables.operations;
    this.deleted = this.#tables.deleted;
  }

  change<Name extends TableName>(table: Name, key: string, row: Tables[Name] | undefined): void {
    const rows: Map<string, Tables[Name]> = this.#tables[table];
    const before = rows.get(key);
    if (row === undefined) rows.delete(key);
    else rows.set(key, row);
    if (table === 'vms') this.#indexVm(before as VmRow | undefined, row as VmRow | undefined);
    if (table === 'deleted')
      this.#indexDeleted(before as DeletedRow | undefined, row as DeletedRow | undefined);
  }

  /** By id, or by its name in the project. */
  vm(project: ProjectName, idOrName: string): VmRow | undefined {
    const named = this.#vmOfName.get(ownKey(project, idOrName));
    const row = this.vms.get(named ?? idOrName);
    return row?.spec.project === project ? row : undefined;
  }

  vmOfDisk(project: ProjectName, disk: string): VmId | undefined {
    return this.#vmOfDisk.get(ownKey(project, disk));
  }

  /** All that has a place there, by id. */
  vmsOnNode(node: NodeName): readonly VmRow[] {
    return this.#rows(this.#vmsOnNode.of(node));
  }

  vmsOfProject(project: ProjectName): readonly VmRow[] {
    return this.#rows(this.#vmsOfProject.of(project));
  }

  /** Deleted ones of which something may be there, by id. */
  deletedOnNode(node: NodeName): readonly DeletedRow[] {
    const rows: DeletedRow[] = [];
    for (const id of this.#deletedOnNode.of(node)) {
      const row = this.deleted.get(id);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  imageOfDigest(project: ProjectName, digest: string): boolean {
    for (const image of this.images.values()) {
      if (image.digest === digest && image.project === project) return true;
    }
    return false;
  }

  #rows(ids: readonly VmId[]): readonly VmRow[] {
    const rows: VmRow[] = [];
    for (const id of ids) {
      const row = this.vms.get(id);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  #indexVm(before: VmRow | undefined, after: VmRow | undefined): void {
    if (before !== undefined) {
      const { id, spec } = before;
      this.#vmOfName.delete(ownKey(spec.project, spec.name));
      this.#vmsOfProject.remove(spec.project, id);
      for (const place of placesOf(before)) this.#vmsOnNode.remove(place.node, id);
      for (const disk of sharedDisksOf(before)) this.#vmOfDisk.delete(ownKey(spec.project, disk));
    }
    if (after === undefined) return;
    const { id, spec } = after;
    this.#vmOfName.set(ownKey(spec.project, spec.name), id);
    this.#vmsOfProject.add(spec.project, id);
    for (const place of placesOf(after)) this.#vmsOnNode.add(place.node, id);
    for (const disk of sharedDisksOf(after)) this.#vmOfDisk.set(ownKey(spec.project, disk), id);
  }

  #indexDeleted(before: DeletedRow | undefined, after: DeletedRow | undefined): void {
    for (const place of before?.remains ?? []) this.#deletedOnNode.remove(place.node, before?.id ?? '');
    for (const place of after?.remains ?? []) this.#deletedOnNode.add(place.node, after?.id ?? '');
  }
}

export function sharedDisksOf(row: Pick<VmRow, 'spec'>): readonly string[] {
  const names: string[] = [];
  for (const disk of row.spec.disks) if (disk.sharedDisk !== undefined) names.push(disk.sharedDisk);
  return names;
}

/** Sets of ids by a name. */
class IdsByName {
  readonly #ids = new Map<string, Set<string>>();

  add(name: string, id: string): void {
    const ids = this.#ids.get(name);
    if (ids === undefined) this.#ids.set(name, new Set([id]));
    else ids.add(id);
  }

  remove(name: string, id: string): void {
    const ids = this.#ids.get(name);
    ids?.delete(id);
    if (ids?.size === 0) this.#ids.delete(name);
  }

  /** In the order of the ids, whatever the order in which they came. */
  of(name: string): readonly string[] {
    return [...(this.#ids.get(name) ?? [])].toSorted(compareKeys);
  }
}
