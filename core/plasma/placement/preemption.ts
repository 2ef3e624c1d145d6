import { type Allocated } from './affinity-rules.ts';
import { type FilterParts, NodeFilter, type PlacementBounds } from './node-filter.ts';
import { plus, type Slot } from './node-table.ts';
import { type PreemptionOutcome } from './placement-outcome.ts';
import { type PlacementVm } from './placement-vm.ts';

export interface PreemptionAsked {
  readonly vm: PlacementVm;
  readonly self: Allocated | undefined;
  readonly bounds: PlacementBounds;
  /** Those on a node that may be displaced. */
  readonly lower: (slot: Slot) => readonly Allocated[];
}

/** Smaller is better, by its first number that differs. */
interface Displacement {
  readonly slot: Slot;
  readonly victims: readonly Allocated[];
  /** The highest priority, how many, the sum of priorities, the sum of processors and of memory. */
  readonly cost: readonly number[];
}

/** On the node where it costs the least. Ties go to the node whose name comes first. */
export function choosePreemption(parts: FilterParts, asked: PreemptionAsked): PreemptionOutcome {
  const filter = new NodeFilter(parts, asked.vm, asked);
  let best: Displacement | undefined;
  for (const slot of parts.nodes.order()) {
    if (filter.kind[slot] === 0 || filter.excludes(slot)) continue;
    const onNode = new Displacing(parts, asked, slot, filter);
    const found = onNode.choose(best?.cost);
    if (found !== undefined && (best === undefined || isLess(found.cost, best.cost))) best = found;
  }
  if (best === undefined) return { kind: 'noNode' };
  const victims = [...best.victims].sort(leastImportantFirst).map(({ vm }) => vm.id);
  return { kind: 'displace', node: parts.nodes.nodeAt(best.slot).name, victims };
}

/** Who has to go from one node. */
class Displacing {
  readonly #parts: FilterParts;
  readonly #asked: PreemptionAsked;
  readonly #slot: Slot;
  /** Who is gone has to be known before it can be said whether a rule forbids the node. */
  readonly #rulesMatter: boolean;

  constructor(parts: FilterParts, asked: PreemptionAsked, slot: Slot, filter: NodeFilter) {
    this.#parts = parts;
    this.#asked = asked;
    this.#slot = slot;
    this.#rulesMatter = filter.hasNear || !filter.mayBeAmong(slot);
  }

  /**
   * First as many of the least important as are needed, whole priorities at a time; then those of them that need not go stay,
   * most important first. Smaller ones staying first leaves fewer that go; larger ones first leaves smaller ones: the better of
   * both is taken.
   */
  choose(toBeat: readonly number[] | undefined): Displacement | undefined {
    const lower = [...this.#asked.lower(this.#slot)];
    if (lower.length === 0 || !this.#hasRoom(lower)) return undefined;
    const [priorityMax = Infinity, victimsMax = Infinity] = toBeat ?? [];
    const going = this.#enough(lower.sort(leastImportantFirst), priorityMax);
    if (going === undefined) return undefined;
    if (going.at(-1)?.vm.priority === priorityMax && this.#fewest(going) > victimsMax) return undefined;
    const small = this.#displacement(this.#spare(going, 1));
    const large = this.#displacement(this.#spare(going, -1));
    return isLess(large.cost, small.cost) ? large : small;
  }

  /** The fewest whole priorities, from the lowest, without which it fits. */
  #enough(lower: readonly Allocated[], priorityMax: number): readonly Allocated[] | undefined {
    for (let end = 1; end <= lower.length; end += 1) {
      const priority = lower[end - 1]?.vm.priority as number;
      if (priority > priorityMax) return undefined;
      if (lower[end]?.vm.priority === priority) continue;
      const going = lower.slice(0, end);
      if (this.#fits(going)) return going;
    }
    return undefined;
  }

  #spare(going: readonly Allocated[], sizeOrder: 1 | -1): readonly Allocated[] {
    let left = going;
    const order = [...going].sort(
      (a, b) => b.vm.priority - a.vm.priority || sizeOrder * bySize(a, b) || byId(a, b),
    );
    for (const each of order) {
      const without = left.filter((other) => other !== each);
      if (this.#fits(without)) left = without;
    }
    return left;
  }

  #fits(gone: readonly Allocated[]): boolean {
    if (!this.#hasRoom(gone)) return false;
    if (!this.#rulesMatter) return true;
    const { vm, self, bounds } = this.#asked;
    const options = { self, bounds, gone: { slot: this.#slot, vms: gone } };
    return new NodeFilter(this.#parts, vm, options).mayBeAmong(this.#slot);
  }

  /** No fewer than so many of them free the processors that are missing: the largest. */
  #fewest(going: readonly Allocated[]): number {
    const room = this.#parts.nodes.room.cpuMilli[this.#slot] as number;
    let missing = this.#asked.vm.demand.cpuMilli - room;
    if (this.#parts.nodes.reserved[this.#slot] === 1 || missing <= 0) return 0;
    const freed = going.map((each) => each.vm.demand.cpuMilli * this.#placesOf(each)).sort((a, b) => b - a);
    let count = 0;
    for (; missing > 0 && count < freed.length; count += 1) missing -= freed[count] as number;
    return count;
  }

  #hasRoom(gone: readonly Allocated[]): boolean {
    const { nodes } = this.#parts;
    if (nodes.reserved[this.#slot] === 1) return this.#hasRoomBesideReserved(gone);
    const { demand } = this.#asked.vm;
    let cpuMilli = nodes.room.cpuMilli[this.#slot] as number;
    let memoryBytes = nodes.room.memoryBytes[this.#slot] as number;
    let diskBytes = nodes.room.diskBytes[this.#slot] as number;
    for (const each of gone) {
      const places = this.#placesOf(each);
      cpuMilli += places * each.vm.demand.cpuMilli;
      memoryBytes += places * each.vm.demand.memoryBytes;
      diskBytes += places * each.vm.demand.diskBytes;
    }
    return (
      isEnough(cpuMilli, demand.cpuMilli) &&
      isEnough(memoryBytes, demand.memoryBytes) &&
      isEnough(diskBytes, demand.diskBytes)
    );
  }

  /** What one uses of a reservation is kept when it goes, and not free. */
  #hasRoomBesideReserved(gone: readonly Allocated[]): boolean {
    const { nodes, reservations } = this.#parts;
    const { vm } = this.#asked;
    const placements = gone.flatMap((each) => Array.from({ length: this.#placesOf(each) }, () => each.vm));
    const { idle, kept } = reservations.without(this.#slot, placements, vm);
    let room = plus(plus(nodes.limit.at(this.#slot), nodes.allocated.at(this.#slot), -1), idle, -1);
    for (const { demand } of placements) room = plus(room, demand, 1);
    return (
      isEnough(room.cpuMilli, vm.demand.cpuMilli - kept.cpuMilli) &&
      isEnough(room.memoryBytes, vm.demand.memoryBytes - kept.memoryBytes) &&
      isEnough(room.diskBytes, vm.demand.diskBytes - kept.diskBytes)
    );
  }

  #placesOf({ places }: Allocated): number {
    let count = 0;
    for (const { slot } of places) if (slot === this.#slot) count += 1;
    return count;
  }

  #displacement(victims: readonly Allocated[]): Displacement {
    const sum = (of: (vm: PlacementVm) => number): number =>
      victims.reduce((before, { vm }) => before + of(vm), 0);
    const priority = victims.reduce((before, { vm }) => Math.max(before, vm.priority), -1);
    const cost = [
      priority,
      victims.length,
      sum((vm) => vm.priority),
      sum((vm) => vm.demand.cpuMilli),
      sum((vm) => vm.demand.memoryBytes),
    ];
    return { slot: this.#slot, victims, cost };
  }
}

function isEnough(room: number, demand: number): boolean {
  return demand <= 0 || room >= demand;
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  for (const [at, number] of a.entries()) {
    const other = b[at] as number;
    if (number !== other) return number < other;
  }
  return false;
}

function leastImportantFirst(a: Allocated, b: Allocated): number {
  return a.vm.priority - b.vm.priority || bySize(a, b) || byId(a, b);
}

function bySize(a: Allocated, b: Allocated): number {
  return a.vm.demand.cpuMilli - b.vm.demand.cpuMilli || a.vm.demand.memoryBytes - b.vm.demand.memoryBytes;
}

function byId(a: Allocated, b: Allocated): number {
  return a.vm.id < b.vm.id ? -1 : 1;
}
