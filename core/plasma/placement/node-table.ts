import { assert, present } from '../../base/assert.ts';
import { type NodeName, type Resources } from '../types.ts';
import { LabelColumns } from './label-column.ts';
import { type Overcommit, type PlacementNode } from './placement-node.ts';
import { ResourceColumns } from './resource-columns.ts';
import { RoomBuckets } from './room-buckets.ts';
import { UsedBlocks } from './used-blocks.ts';

/** Where a node is in the table: its own for as long as it is known, then another's. */
export type Slot = number;

const firstSlots = 64;

/** What is known of the nodes, in arrays by slot, and the order of their names, which breaks every tie. */
export class NodeTable {
  readonly columns: LabelColumns;
  readonly usedBlocks: UsedBlocks;
  readonly roomBuckets = { cpuMilli: new RoomBuckets(firstSlots), memoryBytes: new RoomBuckets(firstSlots) };
  readonly #overcommit: Overcommit;
  readonly #slotOf = new Map<NodeName, Slot>();
  readonly #nodes: (PlacementNode | undefined)[] = [];
  readonly #unused: Slot[] = [];
  #slots = firstSlots;
  #limit = new ResourceColumns(firstSlots);
  #allocated = new ResourceColumns(firstSlots);
  #idleReserved = new ResourceColumns(firstSlots);
  #room = new ResourceColumns(firstSlots);
  #roomShares = new ResourceColumns(firstSlots);
  #version = 0;
  #open = new Uint8Array(firstSlots);
  #reserved = new Uint8Array(firstSlots);
  #placements = new Int32Array(firstSlots);
  /** Slots in the order of names, as many as there are nodes; behind them nothing that means anything. */
  #sorted = new Int32Array(firstSlots);
  #order = this.#sorted.subarray(0, 0);
  /** Sums over nodes that are up; of memory in KiB, since the bytes of ten thousand nodes are no safe integer. */
  #cpuUp = { limit: 0, allocated: 0 };
  #memoryUp = { limit: 0, allocated: 0 };

  constructor(overcommit: Overcommit) {
    this.#overcommit = overcommit;
    this.columns = new LabelColumns(() => this.#entries());
    this.columns.grow(firstSlots);
    this.usedBlocks = new UsedBlocks(this);
  }

  /** May be given away. */
  get limit(): ResourceColumns {
    return this.#limit;
  }

  /** Limit less what is allocated, less what is reserved and not in use; below 0 where a node's capacity has shrunk. */
  get room(): ResourceColumns {
    return this.#room;
  }

  /** Room as shares of the limit. */
  get roomShares(): ResourceColumns {
    return this.#roomShares;
  }

  /** Rises with each change of a node; allocations and reservations change none. */
  get version(): number {
    return this.#version;
  }

  get allocated(): ResourceColumns {
    return this.#allocated;
  }

  /** 1: up and not cordoned. */
  get open(): Uint8Array {
    return this.#open;
  }

  /** 1: has reservations. */
  get reserved(): Uint8Array {
    return this.#reserved;
  }

  /** How many placements there are. */
  get placements(): Int32Array {
    return this.#placements;
  }

  slotOf(name: NodeName): Slot | undefined {
    return this.#slotOf.get(name);
  }

  nodeAt(slot: Slot): PlacementNode {
    return present(this.#nodes[slot], 'there is a node in this slot');
  }

  /** All slots that hold a node, in the order of names. */
  order(): Int32Array {
    return this.#order;
  }

  set(node: PlacementNode): Slot {
    let slot = this.#slotOf.get(node.name);
    if (slot === undefined) {
      slot = this.#unused.pop() ?? this.#nodes.length;
      if (slot >= this.#slots) this.#grow();
      this.#slotOf.set(node.name, slot);
      const at = this.#firstFrom(node.name);
      this.#sorted.copyWithin(at + 1, at, this.#order.length);
      this.#sorted[at] = slot;
      this.#order = this.#sorted.subarray(0, this.#slotOf.size);
    }
    this.#version += 1;
    this.#count(slot, -1);
    this.#nodes[slot] = node;
    const { cpuPerMille, memoryPerMille, diskPerMille } = this.#overcommit;
    this.#limit.set(slot, {
      cpuMilli: times(node.capacity.cpuMilli, cpuPerMille),
      memoryBytes: times(node.capacity.memoryBytes, memoryPerMille),
      diskBytes: times(node.capacity.diskBytes, diskPerMille),
    });
    this.#open[slot] = node.up && !node.cordoned ? 1 : 0;
    this.columns.set(slot, node);
    this.#count(slot, 1);
    this.#mendRoom(slot);
    return slot;
  }

  remove(slot: Slot): void {
    assert(this.#placements[slot] === 0, 'a node that is removed has nothing allocated');
    this.#version += 1;
    this.#count(slot, -1);
    const { name } = this.nodeAt(slot);
    this.#sorted.copyWithin(this.#firstFrom(name), this.#firstFrom(name) + 1, this.#order.length);
    this.#slotOf.delete(name);
    this.#order = this.#sorted.subarray(0, this.#slotOf.size);
    this.#nodes[slot] = undefined;
    this.#open[slot] = 0;
    this.#limit.set(slot, noResources);
    this.columns.set(slot, undefined);
    this.#mendRoom(slot);
    this.#unused.push(slot);
  }

  /** Adds (or, with −1, takes away) one placement with this demand. */
  charge(slot: Slot, demand: Resources, sign: 1 | -1): void {
    this.#count(slot, -1);
    this.#allocated.set(slot, plus(this.#allocated.at(slot), demand, sign));
    this.#placements[slot] = (this.#placements[slot] as number) + sign;
    assert((this.#placements[slot] as number) >= 0, 'no more is released than was allocated');
    this.#count(slot, 1);
    this.#mendRoom(slot);
  }

  /** What is reserved on a node and not in use; undefined: nothing is reserved. */
  reserveIdle(slot: Slot, idle: Resources | undefined): void {
    this.#reserved[slot] = idle === undefined ? 0 : 1;
    this.#idleReserved.set(slot, idle ?? noResources);
    this.#mendRoom(slot);
  }

  /** The resource of which the nodes that are up have the largest share allocated. */
  scarcest(): 'cpuMilli' | 'memoryBytes' {
    const cpu = share(this.#cpuUp.allocated, this.#cpuUp.limit);
    const memory = share(this.#memoryUp.allocated, this.#memoryUp.limit);
    return memory > cpu ? 'memoryBytes' : 'cpuMilli';
  }

  *#entries(): Iterable<readonly [Slot, PlacementNode]> {
    for (const [slot, node] of this.#nodes.entries()) if (node !== undefined) yield [slot, node];
  }

  /** Where the first is, in the order of names, whose name does not come before this one. */
  #firstFrom(name: NodeName): number {
    let from = 0;
    let to = this.#order.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.nodeAt(this.#order[middle] as Slot).name < name) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #mendRoom(slot: Slot): void {
    this.#mendResource(slot, 'cpuMilli');
    this.#mendResource(slot, 'memoryBytes');
    this.#mendResource(slot, 'diskBytes');
    const { cpuMilli, memoryBytes } = this.#room;
    const limit = this.#limit;
    this.roomBuckets.cpuMilli.set(slot, cpuMilli[slot] as number, limit.cpuMilli[slot] as number);
    this.roomBuckets.memoryBytes.set(slot, memoryBytes[slot] as number, limit.memoryBytes[slot] as number);
    this.usedBlocks.changed(slot);
  }

  #mendResource(slot: Slot, resource: keyof Resources): void {
    const limit = this.#limit[resource][slot] as number;
    const taken =
      (this.#allocated[resource][slot] as number) + (this.#idleReserved[resource][slot] as number);
    this.#room[resource][slot] = limit - taken;
    this.#roomShares[resource][slot] = share(limit - taken, limit);
  }

  #count(slot: Slot, sign: 1 | -1): void {
    if (this.#nodes[slot]?.up !== true) return;
    this.#cpuUp.limit += sign * (this.#limit.cpuMilli[slot] as number);
    this.#cpuUp.allocated += sign * (this.#allocated.cpuMilli[slot] as number);
    this.#memoryUp.limit += sign * kibibytes(this.#limit.memoryBytes[slot] as number);
    this.#memoryUp.allocated += sign * kibibytes(this.#allocated.memoryBytes[slot] as number);
  }

  #grow(): void {
    this.#slots *= 2;
    this.#limit = this.#limit.grown(this.#slots);
    this.#allocated = this.#allocated.grown(this.#slots);
    this.#idleReserved = this.#idleReserved.grown(this.#slots);
    this.#room = this.#room.grown(this.#slots);
    this.#roomShares = this.#roomShares.grown(this.#slots);
    this.#open = grownBytes(this.#open, this.#slots);
    this.#reserved = grownBytes(this.#reserved, this.#slots);
    const placements = new Int32Array(this.#slots);
    placements.set(this.#placements);
    this.#placements = placements;
    const sorted = new Int32Array(this.#slots);
    sorted.set(this.#sorted);
    this.#sorted = sorted;
    this.#order = sorted.subarray(0, this.#order.length);
    this.roomBuckets.cpuMilli.grow(this.#slots);
    this.roomBuckets.memoryBytes.grow(this.#slots);
    this.columns.grow(this.#slots);
  }
}

export const noResources: Resources = { cpuMilli: 0, memoryBytes: 0, diskBytes: 0 };

/** Shares are whole numbers of this. */
export const wholeShare = 65_536;

/** Quantised at once: the division is the same on every machine, what is compared afterwards is whole. */
export function share(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.floor((part / whole) * wholeShare);
}

export function plus(a: Resources, b: Resources, sign: 1 | -1): Resources {
  return {
    cpuMilli: a.cpuMilli + sign * b.cpuMilli,
    memoryBytes: a.memoryBytes + sign * b.memoryBytes,
    diskBytes: a.diskBytes + sign * b.diskBytes,
  };
}

function grownBytes(bytes: Uint8Array, slots: number): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(slots);
  grown.set(bytes);
  return grown;
}

function kibibytes(bytes: number): number {
  return Math.floor(bytes / 1_024);
}

function times(amount: number, perMille: number): number {
  if (perMille === 1_000) return amount;
  // Thousands first: bytes times thousandths would not be a safe integer.
  return Math.floor(amount / 1_000) * perMille + Math.floor(((amount % 1_000) * perMille) / 1_000);
}
