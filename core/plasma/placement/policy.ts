import { type Resources } from '../types.ts';
import { bucketsOfNode } from './room-buckets.ts';
import { type NodeTable, share, type Slot, wholeShare } from './node-table.ts';
import { type ResourceColumns } from './resource-columns.ts';

/**
 * Which of the nodes that will do is taken; where several are as good, the first by name.
 *
 * `pack`: one that it fills, else the first that has something on it, else an empty one: nodes stay empty for as long as
 * possible. It is full when next to nothing is left of the resource that is scarcest in the cluster.
 * `first-fit`: the first by name. `best-fit`: the one with the least left of all resources together. `dot-product`: the one
 * whose use is the most like what is asked, and the largest. `spread`: the one with the most left.
 */
export const placementPolicies = ['pack', 'first-fit', 'best-fit', 'dot-product', 'spread'] as const;
export type PlacementPolicy = (typeof placementPolicies)[number];

/** Gives a node that will do a number, larger is better; whole numbers, so that equal is equal on every machine. */
export interface NodeScore {
  /** No node has more: a search that finds it may stop. */
  readonly best: number;
  of(slot: Slot): number;
}

export function scoreBy(policy: PlacementPolicy, nodes: NodeTable, demand: Resources): NodeScore {
  switch (policy) {
    case 'pack':
      return new Packing(nodes, demand);
    case 'first-fit':
      return firstFit;
    case 'best-fit':
      return new LeftTogether(nodes, demand, -1);
    case 'spread':
      return new LeftTogether(nodes, demand, 1);
    case 'dot-product':
      return new Alikeness(nodes, demand);
  }
}

const firstFit: NodeScore = { best: 0, of: () => 0 };

/** Less than one in so many of a node is next to nothing: hardly a virtual machine is so small. */
const nothingLeft = bucketsOfNode;

class Packing implements NodeScore {
  readonly best = 2;
  readonly #room: Float64Array;
  readonly #limit: Float64Array;
  readonly #placements: Int32Array;
  readonly #demand: number;

  constructor(nodes: NodeTable, demand: Resources) {
    const scarcest = nodes.scarcest();
    this.#room = nodes.room[scarcest];
    this.#limit = nodes.limit[scarcest];
    this.#placements = nodes.placements;
    this.#demand = demand[scarcest];
  }

  of(slot: Slot): number {
    if (this.#placements[slot] === 0) return 0;
    const left = (this.#room[slot] as number) - this.#demand;
    return fills(left, this.#limit[slot] as number) ? 2 : 1;
  }
}

/** Next to nothing is left of a node. */
export function fills(left: number, limit: number): boolean {
  return left * nothingLeft < limit;
}

/** The demand as shares of a node's limit. Most nodes are like the one before, so the shares of that one are kept. */
class DemandShares {
  readonly #limit: ResourceColumns;
  readonly #demand: Resources;
  #cpuLimit = -1;
  #memoryLimit = -1;
  #diskLimit = -1;
  cpu = 0;
  memory = 0;
  disk = 0;

  constructor({ limit }: NodeTable, demand: Resources) {
    this.#limit = limit;
    this.#demand = demand;
  }

  of(slot: Slot): void {
    const cpu = this.#limit.cpuMilli[slot] as number;
    const memory = this.#limit.memoryBytes[slot] as number;
    const disk = this.#limit.diskBytes[slot] as number;
    if (cpu !== this.#cpuLimit) {
      this.#cpuLimit = cpu;
      this.cpu = share(this.#demand.cpuMilli, cpu);
    }
    if (memory !== this.#memoryLimit) {
      this.#memoryLimit = memory;
      this.memory = share(this.#demand.memoryBytes, memory);
    }
    if (disk !== this.#diskLimit) {
      this.#diskLimit = disk;
      this.disk = share(this.#demand.diskBytes, disk);
    }
  }
}

/** What is left of all resources together, wanted (1) or not (−1). */
class LeftTogether implements NodeScore {
  readonly best = Infinity;
  readonly #room: ResourceColumns;
  readonly #shares: DemandShares;
  readonly #sign: 1 | -1;

  constructor(nodes: NodeTable, demand: Resources, sign: 1 | -1) {
    this.#room = nodes.roomShares;
    this.#shares = new DemandShares(nodes, demand);
    this.#sign = sign;
  }

  of(slot: Slot): number {
    this.#shares.of(slot);
    const { cpuMilli, memoryBytes, diskBytes } = this.#room;
    const room = (cpuMilli[slot] as number) + (memoryBytes[slot] as number) + (diskBytes[slot] as number);
    return this.#sign * (room - this.#shares.cpu - this.#shares.memory - this.#shares.disk);
  }
}

/** At most three times the square of a whole share: a safe integer. */
class Alikeness implements NodeScore {
  readonly best = Infinity;
  readonly #room: ResourceColumns;
  readonly #shares: DemandShares;

  constructor(nodes: NodeTable, demand: Resources) {
    this.#room = nodes.roomShares;
    this.#shares = new DemandShares(nodes, demand);
  }

  of(slot: Slot): number {
    this.#shares.of(slot);
    const { cpuMilli, memoryBytes, diskBytes } = this.#room;
    return (
      (wholeShare - (cpuMilli[slot] as number)) * this.#shares.cpu +
      (wholeShare - (memoryBytes[slot] as number)) * this.#shares.memory +
      (wholeShare - (diskBytes[slot] as number)) * this.#shares.disk
    );
  }
}
