import { assert, present } from '../../base/assert.ts';
import { type NodeName, type Placement, type Resources, type VmId } from '../types.ts';
import { AffinityRules, type Allocated } from './affinity-rules.ts';
import { brokenAntiAffinity } from './broken-rules.ts';
import { planEvacuation } from './evacuation.ts';
import { bestNode, countUnfit } from './node-search.ts';
import { NodeKinds } from './node-kinds.ts';
import { type FilterOptions, type FilterParts, NodeFilter, type PlacementBounds } from './node-filter.ts';
import { NodeTable, type Slot } from './node-table.ts';
import { type Overcommit, type PlacementNode, type Reservation } from './placement-node.ts';
import {
  type Evacuation,
  type PlacementOutcome,
  type PreemptionOutcome,
  type RuleBroken,
  type UnfitReason,
} from './placement-outcome.ts';
import { type PlacementVm } from './placement-vm.ts';
import { type PlacementPolicy, scoreBy } from './policy.ts';
import { packedNode } from './pack-search.ts';
import { choosePreemption } from './preemption.ts';
import { Reservations } from './reservations.ts';

export interface SchedulerSettings {
  readonly policy: PlacementPolicy;
  readonly overcommit: Overcommit;
}

/**
 * Who is where, and who may go where: filters nodes, scores what remains. It decides nothing that others must know of: `place`
 * changes nothing, and what its owner has decided enters by `allocate` and `release`.
 *
 * Answers depend only on what it holds, never on the order in which it came: ties go to the node whose name comes first.
 *
 * `allocate` states facts and is never refused, since a node's capacity may shrink and its labels may change below what is
 * there. Whoever decides asks `place` or `unfit` first.
 */
export class Scheduler {
  readonly #policy: PlacementPolicy;
  readonly #nodes: NodeTable;
  readonly #rules: AffinityRules;
  readonly #reservations = new Reservations();
  readonly #parts: FilterParts;
  readonly #vms = new Map<VmId, Allocated>();
  /** By slot: what is there, with the number of its placements there. */
  readonly #there: Map<VmId, number>[] = [];

  constructor({ policy, overcommit }: SchedulerSettings) {
    this.#policy = policy;
    this.#nodes = new NodeTable(overcommit);
    this.#rules = new AffinityRules(this.#nodes.columns);
    this.#parts = {
      nodes: this.#nodes,
      kinds: new NodeKinds(this.#nodes),
      rules: this.#rules,
      reservations: this.#reservations,
    };
  }

  /** Adds a node or changes what is known of it; what is allocated there stays. */
  setNode(node: PlacementNode): void {
    const known = this.#nodes.slotOf(node.name);
    if (known === undefined) {
      this.#there[this.#nodes.set(node)] = new Map();
      return;
    }
    // What is there is counted by the labels of its node.
    const recounted = this.#nodes.columns.changes(known, node) ? this.#placementsOn(known) : [];
    for (const allocated of recounted) this.#rules.count(allocated, known, -1);
    this.#nodes.set(node);
    for (const allocated of recounted) this.#rules.count(allocated, known, 1);
  }

  /** Nothing may be allocated or reserved there. */
  removeNode(name: NodeName): void {
    const slot = this.#slot(name);
    assert(!this.#reservations.has(slot), 'a node that is removed has no reservations');
    this.#nodes.remove(slot);
  }

  hasNode(name: NodeName): boolean {
    return this.#nodes.slotOf(name) !== undefined;
  }

  /** Allocated there, without what is only reserved. */
  allocatedOn(name: NodeName): Resources {
    return this.#nodes.allocated.at(this.#slot(name));
  }

  /** What is there, by id; one that is there under several tokens once. */
  vmsOn(name: NodeName): readonly VmId[] {
    return [...this.#thereOn(this.#slot(name)).keys()].sort(byText);
  }

  /**
   * It runs there, or may. Counts once for each of its placements, of which it may have several: while it migrates, and while
   * an older place is not known to be clean. The node must be known, the placement (node and token) new.
   */
  allocate(vm: PlacementVm, { node, fenceToken }: Placement): void {
    const slot = this.#slot(node);
    let allocated = this.#vms.get(vm.id);
    if (allocated === undefined) {
      allocated = this.#rules.hold(vm);
      this.#vms.set(vm.id, allocated);
    } else if (allocated.vm !== vm) {
      this.update(vm);
      allocated = present(this.#vms.get(vm.id), 'what is updated stays');
    }
    assert(
      !allocated.places.some((place) => place.slot === slot && place.token === fenceToken),
      'a placement is allocated once',
    );
    this.#put(allocated, slot, fenceToken);
  }

  /** It is surely not there any more. The placement must be one that was allocated. */
  release(vm: VmId, { node, fenceToken }: Placement): void {
    const allocated = present(this.#vms.get(vm), 'what is released was allocated');
    this.#take(allocated, this.#slot(node), fenceToken);
    if (allocated.places.length > 0) return;
    this.#rules.letGo(allocated);
    this.#vms.delete(vm);
  }

  /** What is asked for it has changed, in all of its places. Nothing happens to one that is nowhere. */
  update(vm: PlacementVm): void {
    const before = this.#vms.get(vm.id);
    if (before === undefined) return;
    const places = [...before.places];
    for (const { slot, token } of places) this.#take(before, slot, token);
    this.#rules.letGo(before);
    const after = this.#rules.hold(vm);
    this.#vms.set(vm.id, after);
    for (const { slot, token } of places) this.#put(after, slot, token);
  }

  reserve(reservation: Reservation): void {
    const slot = this.#slot(reservation.node);
    this.#reservations.add(
      slot,
      reservation,
      this.#placementsOn(slot).map(({ vm }) => vm),
    );
    this.#mendReserved(slot);
  }

  /** Nothing happens if there is none of this id. */
  unreserve(id: string): void {
    const slot = this.#reservations.slotOf(id);
    if (slot === undefined) return;
    this.#reservations.remove(
      slot,
      id,
      this.#placementsOn(slot).map(({ vm }) => vm),
    );
    this.#mendReserved(slot);
  }

  /** Where it should run. Its own places, if it has any, count as taken and forbid it nothing. */
  place(vm: PlacementVm, bounds: PlacementBounds = {}): PlacementOutcome {
    return this.#placeBy(vm, { bounds, self: this.#vms.get(vm.id) });
  }

  /** Why it may not be on this node, which must be known; undefined: it may. */
  unfit(vm: PlacementVm, node: NodeName): UnfitReason | undefined {
    return this.#filter(vm, { self: this.#vms.get(vm.id) }).unfit(this.#slot(node));
  }

  /**
   * May it have this demand where it is? For disks that grow: the resource that is missing on a node of its, undefined if none
   * is. What it has there now is counted once.
   */
  missingFor(id: VmId, demand: Resources): 'cpu' | 'memory' | 'disk' | undefined {
    const allocated = this.#vms.get(id);
    if (allocated === undefined) return undefined;
    const { vm } = allocated;
    const slots = allocated.places.map(({ slot }) => slot);
    this.update({ ...vm, demand });
    const { room } = this.#nodes;
    const lacks = (resource: keyof Resources): boolean =>
      demand[resource] > vm.demand[resource] && slots.some((slot) => (room[resource][slot] as number) < 0);
    const missing = lacks('cpuMilli')
      ? 'cpu'
      : lacks('memoryBytes')
        ? 'memory'
        : lacks('diskBytes')
          ? 'disk'
          : undefined;
    this.update(vm);
    return missing;
  }

  /**
   * Who has to go so that it fits, where it fits nowhere now: virtual machines of a lower priority on one node; the node where
   * the most important of them is the least important, then where they are fewest. `mayGo` keeps some out of it.
   */
  preempt(
    vm: PlacementVm,
    bounds: PlacementBounds = {},
    mayGo: (vm: VmId) => boolean = () => true,
  ): PreemptionOutcome {
    const placed = this.place(vm, bounds);
    if (placed.kind === 'placed') return { kind: 'displace', node: placed.node, victims: [] };
    const self = this.#vms.get(vm.id);
    const lower = (slot: Slot): readonly Allocated[] => {
      const found: Allocated[] = [];
      for (const id of this.#thereOn(slot).keys()) {
        const each = present(this.#vms.get(id), 'what is there is allocated');
        if (id !== vm.id && each.vm.priority < vm.priority && mayGo(id)) found.push(each);
      }
      return found;
    };
    return choosePreemption(this.#parts, { vm, self, bounds, lower });
  }

  /**
   * Where those of a node may go, most important first, then largest; those that others want to be near before the others. They
   * go on counting on the node, too. `only` names those that are to go; undefined: all.
   */
  evacuate(node: NodeName, only?: readonly VmId[]): Evacuation {
    const slot = this.#slot(node);
    const chosen = only === undefined ? undefined : new Set(only);
    const going = this.#allocatedOn(slot).filter(({ vm }) => chosen === undefined || chosen.has(vm.id));
    return planEvacuation(going, {
      place: (vm, vms) =>
        this.#placeBy(vm, {
          bounds: { except: [node] },
          self: this.#vms.get(vm.id),
          leaving: { slot, vms },
        }),
      allocate: (vm, placement) => {
        this.allocate(vm, placement);
      },
      release: (vm, placement) => {
        this.release(vm, placement);
      },
    });
  }

  /** Required anti-affinity that does not hold between those that are allocated, in the order of their ids. */
  brokenRules(): readonly RuleBroken[] {
    return brokenAntiAffinity([...this.#vms.values()].sort(byId), this.#rules);
  }

  #placeBy(vm: PlacementVm, options: FilterOptions): PlacementOutcome {
    const filter = this.#filter(vm, options);
    const slot = this.#search(vm, filter);
    if (slot === undefined) return { kind: 'noNode', unfit: countUnfit(this.#nodes, filter) };
    return { kind: 'placed', node: this.#nodes.nodeAt(slot).name };
  }

  #search(vm: PlacementVm, filter: NodeFilter): Slot | undefined {
    const isPlain = !filter.hasWishes && !filter.hasReserved && filter.only === undefined;
    if (this.#policy === 'pack' && isPlain) return packedNode(this.#nodes, filter);
    return bestNode(this.#nodes, filter, scoreBy(this.#policy, this.#nodes, vm.demand));
  }

  #filter(vm: PlacementVm, options: FilterOptions): NodeFilter {
    return new NodeFilter(this.#parts, vm, options);
  }

  #put(allocated: Allocated, slot: Slot, token: number): void {
    const { vm } = allocated;
    allocated.places.push({ slot, token });
    const there = this.#thereOn(slot);
    there.set(vm.id, (there.get(vm.id) ?? 0) + 1);
    this.#charge(slot, vm, 1);
    this.#rules.count(allocated, slot, 1);
  }

  #take(allocated: Allocated, slot: Slot, token: number): void {
    const { vm, places } = allocated;
    const at = places.findIndex((place) => place.slot === slot && place.token === token);
    assert(at >= 0, 'what is released was allocated');
    this.#rules.count(allocated, slot, -1);
    places.splice(at, 1);
    const there = this.#thereOn(slot);
    const left = present(there.get(vm.id), 'what is released is there') - 1;
    if (left === 0) there.delete(vm.id);
    else there.set(vm.id, left);
    this.#charge(slot, vm, -1);
  }

  #charge(slot: Slot, vm: PlacementVm, sign: 1 | -1): void {
    this.#reservations.charge(slot, vm, sign);
    this.#nodes.charge(slot, vm.demand, sign);
    if (this.#reservations.has(slot)) this.#mendReserved(slot);
  }

  #mendReserved(slot: Slot): void {
    this.#nodes.reserveIdle(slot, this.#reservations.has(slot) ? this.#reservations.idle(slot) : undefined);
  }

  #slot(name: NodeName): Slot {
    return present(this.#nodes.slotOf(name), 'the node is known');
  }

  #thereOn(slot: Slot): Map<VmId, number> {
    return present(this.#there[slot], 'every slot with a node says what is there');
  }

  /** By id. */
  #allocatedOn(slot: Slot): readonly Allocated[] {
    return [...this.#thereOn(slot).keys()]
      .sort(byText)
      .map((id) => present(this.#vms.get(id), 'what is there is allocated'));
  }

  /** One for each placement. */
  #placementsOn(slot: Slot): readonly Allocated[] {
    return this.#allocatedOn(slot).flatMap((allocated) =>
      allocated.places.filter((place) => place.slot === slot).map(() => allocated),
    );
  }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function byId(a: Allocated, b: Allocated): number {
  return byText(a.vm.id, b.vm.id);
}
