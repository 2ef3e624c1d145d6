import { present } from '../../base/assert.ts';
import {
  type DesiredOperation,
  type DesiredState,
  type DesiredVm,
  type FoundVm,
  type InventoryVerdict,
} from '../agent-protocol.ts';
import { type NodeName, type VmSpec } from '../types.ts';
import { ownKey, type RemainingPlace, type VmRow } from './rows.ts';
import { type View } from './view.ts';

const noOperations: readonly DesiredOperation[] = [];

/** All that is wanted of a node, by virtual machine and token. */
export function desiredOn(view: View, node: NodeName): readonly DesiredVm[] {
  const wanted: DesiredVm[] = [];
  for (const row of view.vmsOnNode(node)) wanted.push(...desiredOf(row, specToldOf(view, row.spec), node));
  for (const { id, generation, spec, remains } of view.deletedOnNode(node)) {
    for (const { fenceToken } of remains.filter((place) => place.node === node)) {
      wanted.push({ id, generation, fenceToken, spec, want: { kind: 'remove' }, operations: noOperations });
    }
  }
  return wanted;
}

/** As agents are told it: shared disks by their names on the storage node. */
export function specToldOf(view: View, spec: VmSpec): VmSpec {
  if (spec.disks.every(({ sharedDisk }) => sharedDisk === undefined)) return spec;
  const disks = spec.disks.map((disk) => {
    if (disk.sharedDisk === undefined) return disk;
    const row = view.disks.get(ownKey(spec.project, disk.sharedDisk));
    return { ...disk, sharedDisk: present(row, 'a shared disk that is used is there').onStorage };
  });
  return { ...spec, disks };
}

function desiredOf(row: VmRow, spec: VmSpec, node: NodeName): readonly DesiredVm[] {
  const { id, generation, placement, migration } = row;
  const wanted: DesiredVm[] = [];
  const add = (fenceToken: number, want: DesiredState): void => {
    const operations = want.kind === 'run' ? row.operations : noOperations;
    wanted.push({ id, generation, fenceToken, spec, want, operations });
  };
  for (const place of row.remains) {
    if (place.node === node) add(place.fenceToken, wantOfRemaining(row, place));
  }
  if (placement?.node === node) add(placement.fenceToken, wantOfPlacement(row));
  if (migration?.to.node === node && migration.phase !== 'handing-over') {
    add(migration.to.fenceToken, { kind: 'receive', source: migration.from.node });
  }
  return wanted;
}

function wantOfRemaining({ migration }: VmRow, { node, fenceToken }: RemainingPlace): DesiredState {
  const handsOver =
    migration?.phase === 'handing-over' &&
    migration.from.node === node &&
    migration.from.fenceToken === fenceToken;
  return handsOver ? { kind: 'handOver' } : { kind: 'remove' };
}

function wantOfPlacement(row: VmRow): DesiredState {
  if (row.eviction !== undefined) return { kind: 'evict' };
  const { migration } = row;
  if (migration?.phase === 'sending' && migration.to.observed?.incomingUri !== undefined) {
    return { kind: 'migrate', uri: migration.to.observed.incomingUri };
  }
  if (row.abandonedGeneration !== undefined) return { kind: 'abandonMigration' };
  // One that has stopped takes no more than its disks, and starts again only once there is room for it.
  const runState = row.wanted === 'deleted' || row.counts === 'disk' ? 'stopped' : row.wanted;
  return { kind: 'run', runState, force: row.force };
}

/** What is to become of something that was found on a node. */
export function verdictOn(view: View, node: NodeName, { vm, fenceToken }: FoundVm): InventoryVerdict {
  return { vm, fenceToken, verdict: judged(view, node, vm, fenceToken) };
}

function judged(view: View, node: NodeName, vm: string, fenceToken: number): InventoryVerdict['verdict'] {
  const row = view.vms.get(vm);
  if (row === undefined) {
    const proof = view.deleted.get(vm);
    return proof !== undefined && fenceToken <= proof.fenceToken ? 'kill' : 'orphan';
  }
  const { placement, migration } = row;
  if (placement?.node === node && placement.fenceToken === fenceToken) return 'adopt';
  if (migration?.to.node === node && migration.to.fenceToken === fenceToken) return 'adopt';
  if (row.remains.some((place) => place.node === node && place.fenceToken === fenceToken)) return 'kill';
  // What the store has never given out is of another store, or of an older copy of this one.
  const elsewhere = placement?.fenceToken === fenceToken || migration?.to.fenceToken === fenceToken;
  return fenceToken <= row.fenceToken && !elsewhere ? 'kill' : 'orphan';
}
