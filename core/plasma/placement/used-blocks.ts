import { type Resources } from '../types.ts';
import { ResourceColumns } from './resource-columns.ts';

type Slot = number;

/** What is known of the nodes. */
export interface UsedNodes {
  readonly room: ResourceColumns;
  readonly placements: Int32Array;
  readonly open: Uint8Array;
  /** Another object after nodes came or went, and only then. */
  order(): Int32Array;
}

/** So many nodes, neighbours by name. */
const blockNodes = 64;

/**
 * The most room that any node in use has, of each resource, for blocks of nodes that are neighbours by name: full blocks are
 * passed over as a whole. Made up to date when it is asked, so that allocating costs a mark.
 */
export class UsedBlocks {
  readonly #nodes: UsedNodes;
  #order: Int32Array = new Int32Array(0);
  #rankOf = new Int32Array(0);
  #most = new ResourceColumns(0);
  #stale = new Uint8Array(0);

  constructor(nodes: UsedNodes) {
    this.#nodes = nodes;
  }

  /** Where each node is in the order of names, by slot. */
  ranks(): Int32Array {
    this.#renew();
    return this.#rankOf;
  }

  /** The room of this node has changed, or whether it is in use. */
  changed(slot: Slot): void {
    const rank = this.#rankOf[slot];
    if (rank !== undefined) this.#stale[Math.floor(rank / blockNodes)] = 1;
  }

  /** The first in use, by name, with so much room, that will do otherwise, too. */
  first(min: Resources, willDo: (slot: Slot) => boolean): Slot | undefined {
    this.#renew();
    const order = this.#order;
    const { room, placements } = this.#nodes;
    const { cpuMilli, memoryBytes, diskBytes } = this.#most;
    const blocks = Math.ceil(order.length / blockNodes);
    for (let block = 0; block < blocks; block += 1) {
      if (this.#stale[block] === 1) this.#mend(block);
      if (
        (cpuMilli[block] as number) < min.cpuMilli ||
        (memoryBytes[block] as number) < min.memoryBytes ||
        (diskBytes[block] as number) < min.diskBytes
      )
        continue;
      const end = Math.min(order.length, (block + 1) * blockNodes);
      for (let at = block * blockNodes; at < end; at += 1) {
        const slot = order[at] as Slot;
        if (
          placements[slot] !== 0 &&
          (room.cpuMilli[slot] as number) >= min.cpuMilli &&
          (room.memoryBytes[slot] as number) >= min.memoryBytes &&
          (room.diskBytes[slot] as number) >= min.diskBytes &&
          willDo(slot)
        )
          return slot;
      }
    }
    return undefined;
  }

  /** After nodes came or went every block is another. */
  #renew(): void {
    const order = this.#nodes.order();
    if (order === this.#order) return;
    this.#order = order;
    const slots = this.#nodes.open.length;
    if (this.#rankOf.length !== slots) this.#rankOf = new Int32Array(slots);
    for (let at = 0; at < order.length; at += 1) this.#rankOf[order[at] as Slot] = at;
    const blocks = Math.ceil(order.length / blockNodes);
    this.#most = new ResourceColumns(blocks);
    this.#stale = new Uint8Array(blocks).fill(1);
  }

  #mend(block: number): void {
    const { room, placements } = this.#nodes;
    let [cpu, memory, disk] = [-Infinity, -Infinity, -Infinity];
    const end = Math.min(this.#order.length, (block + 1) * blockNodes);
    for (let at = block * blockNodes; at < end; at += 1) {
      const slot = this.#order[at] as Slot;
      if (placements[slot] === 0) continue;
      cpu = Math.max(cpu, room.cpuMilli[slot] as number);
      memory = Math.max(memory, room.memoryBytes[slot] as number);
      disk = Math.max(disk, room.diskBytes[slot] as number);
    }
    this.#most.set(block, { cpuMilli: cpu, memoryBytes: memory, diskBytes: disk });
    this.#stale[block] = 0;
  }
}
