import { assert } from '../../base/assert.ts';
import { type Resources } from '../types.ts';
import { noResources, plus, type Slot } from './node-table.ts';
import { type Reservation } from './placement-node.ts';
import { type PlacementVm } from './placement-vm.ts';

/** What is kept for one beneficiary on one node, and how much of it he uses there. */
interface Kept {
  kept: Resources;
  used: Resources;
}

interface OfNode {
  readonly reservations: Map<string, Reservation>;
  readonly byBeneficiary: Map<string, Kept>;
}

/** The reservations of all nodes. A virtual machine's own are charged before its project's. */
export class Reservations {
  readonly #nodes = new Map<Slot, OfNode>();
  readonly #slotOf = new Map<string, Slot>();
  /** How many reservations each beneficiary has; those with none are not in it. */
  readonly #beneficiaries = new Map<string, number>();

  has(slot: Slot): boolean {
    return this.#nodes.has(slot);
  }

  slotOf(id: string): Slot | undefined {
    return this.#slotOf.get(id);
  }

  /** There is a reservation on some node that is for it. */
  isKeptFor({ id, project }: PlacementVm): boolean {
    if (this.#beneficiaries.size === 0) return false;
    return this.#beneficiaries.has(`vm ${id}`) || this.#beneficiaries.has(`project ${project}`);
  }

  /** @param there what is allocated on the node, one for each placement */
  add(slot: Slot, reservation: Reservation, there: readonly PlacementVm[]): void {
    assert(!this.#slotOf.has(reservation.id), 'the id of a reservation is new');
    let node = this.#nodes.get(slot);
    if (node === undefined) {
      node = { reservations: new Map(), byBeneficiary: new Map() };
      this.#nodes.set(slot, node);
    }
    node.reservations.set(reservation.id, reservation);
    this.#slotOf.set(reservation.id, slot);
    const key = beneficiaryKey(reservation);
    this.#beneficiaries.set(key, (this.#beneficiaries.get(key) ?? 0) + 1);
    recount(node, there);
  }

  remove(slot: Slot, id: string, there: readonly PlacementVm[]): void {
    const node = this.#nodes.get(slot);
    const reservation = node?.reservations.get(id);
    assert(node !== undefined && reservation !== undefined, 'a reservation that is removed is known');
    node.reservations.delete(id);
    this.#slotOf.delete(id);
    const key = beneficiaryKey(reservation);
    const left = (this.#beneficiaries.get(key) ?? 0) - 1;
    if (left > 0) this.#beneficiaries.set(key, left);
    else this.#beneficiaries.delete(key);
    if (node.reservations.size === 0) this.#nodes.delete(slot);
    else recount(node, there);
  }

  /** A placement has come, or is going. */
  charge(slot: Slot, vm: PlacementVm, sign: 1 | -1): void {
    const node = this.#nodes.get(slot);
    if (node === undefined) return;
    const kept = keptFor(node, vm);
    if (kept !== undefined) kept.used = plus(kept.used, vm.demand, sign);
  }

  /** Kept on the node, and not in use. */
  idle(slot: Slot): Resources {
    const node = this.#nodes.get(slot);
    return node === undefined ? noResources : idleOf(node);
  }

  /** What `idle` and `keptFor` would be without some of the placements that are there. */
  without(slot: Slot, gone: readonly PlacementVm[], vm: PlacementVm): { idle: Resources; kept: Resources } {
    const node = this.#nodes.get(slot);
    if (node === undefined) return { idle: noResources, kept: noResources };
    for (const each of gone) this.charge(slot, each, -1);
    const found = { idle: idleOf(node), kept: this.keptFor(slot, vm) };
    for (const each of gone) this.charge(slot, each, 1);
    return found;
  }

  /** How much of a node's room beyond what is free for all it would find kept for it. */
  keptFor(slot: Slot, vm: PlacementVm): Resources {
    const node = this.#nodes.get(slot);
    const kept = node === undefined ? undefined : keptFor(node, vm);
    return kept === undefined ? noResources : unused(kept);
  }
}

function recount(node: OfNode, there: readonly PlacementVm[]): void {
  node.byBeneficiary.clear();
  for (const reservation of node.reservations.values()) {
    const { kept } = reservation;
    const key = beneficiaryKey(reservation);
    const known = node.byBeneficiary.get(key);
    if (known === undefined) node.byBeneficiary.set(key, { kept, used: noResources });
    else known.kept = plus(known.kept, kept, 1);
  }
  for (const vm of there) {
    const kept = keptFor(node, vm);
    if (kept !== undefined) kept.used = plus(kept.used, vm.demand, 1);
  }
}

function idleOf(node: OfNode): Resources {
  let idle = noResources;
  for (const kept of node.byBeneficiary.values()) idle = plus(idle, unused(kept), 1);
  return idle;
}

function keptFor(node: OfNode, vm: PlacementVm): Kept | undefined {
  return node.byBeneficiary.get(`vm ${vm.id}`) ?? node.byBeneficiary.get(`project ${vm.project}`);
}

function unused({ kept, used }: Kept): Resources {
  const left = plus(kept, used, -1);
  return {
    cpuMilli: Math.max(0, left.cpuMilli),
    memoryBytes: Math.max(0, left.memoryBytes),
    diskBytes: Math.max(0, left.diskBytes),
  };
}

function beneficiaryKey({ beneficiary }: Reservation): string {
  return beneficiary.kind === 'vm' ? `vm ${beneficiary.vm}` : `project ${beneficiary.project}`;
}
