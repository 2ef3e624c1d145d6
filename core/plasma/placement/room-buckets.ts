import { present } from '../../base/assert.ts';

/** So many steps between a node that is full and one that is empty. */
export const bucketsOfNode = 64;

const nowhere = -1;

interface OfLimit {
  /** Slots by how many whole steps of room there are, each in no order. */
  readonly buckets: number[][];
  nodes: number;
}

/** Nodes by how much room they have of one resource: those that are left with next to nothing are found without looking at others. */
export class RoomBuckets {
  readonly #byLimit = new Map<number, OfLimit>();
  #limitAt: Float64Array;
  #bucketAt: Int32Array;
  #indexAt: Int32Array;

  constructor(slots: number) {
    this.#limitAt = new Float64Array(slots);
    this.#bucketAt = new Int32Array(slots).fill(nowhere);
    this.#indexAt = new Int32Array(slots);
  }

  grow(slots: number): void {
    const limitAt = new Float64Array(slots);
    const bucketAt = new Int32Array(slots).fill(nowhere);
    const indexAt = new Int32Array(slots);
    limitAt.set(this.#limitAt);
    bucketAt.set(this.#bucketAt);
    indexAt.set(this.#indexAt);
    this.#limitAt = limitAt;
    this.#bucketAt = bucketAt;
    this.#indexAt = indexAt;
  }

  /** A node with less than no room is in none. */
  set(slot: number, room: number, limit: number): void {
    const bucket = room < 0 || limit <= 0 ? nowhere : stepsOf(room, limit);
    if (bucket === this.#bucketAt[slot] && limit === this.#limitAt[slot]) return;
    this.#leave(slot);
    if (bucket === nowhere) return;
    let ofLimit = this.#byLimit.get(limit);
    if (ofLimit === undefined) {
      ofLimit = { buckets: Array.from({ length: bucketsOfNode + 1 }, () => []), nodes: 0 };
      this.#byLimit.set(limit, ofLimit);
    }
    const slots = present(ofLimit.buckets[bucket], 'room is no more than the limit');
    this.#limitAt[slot] = limit;
    this.#bucketAt[slot] = bucket;
    this.#indexAt[slot] = slots.length;
    slots.push(slot);
    ofLimit.nodes += 1;
  }

  /**
   * Lists of slots in which all are whose room is at least the demand, and less than one step more; others are in them, too. In
   * no order, which is history: whoever searches them must not depend on it.
   */
  about(demand: number): readonly (readonly number[])[] {
    const found: (readonly number[])[] = [];
    for (const [limit, { buckets }] of this.#byLimit) {
      const steps = stepsOf(demand, limit);
      for (const slots of [buckets[steps], buckets[steps + 1]])
        if (slots !== undefined && slots.length > 0) found.push(slots);
    }
    return found;
  }

  #leave(slot: number): void {
    const bucket = this.#bucketAt[slot] as number;
    if (bucket === nowhere) return;
    const limit = this.#limitAt[slot] as number;
    const ofLimit = present(this.#byLimit.get(limit), 'a limit of a node is known');
    const slots = present(ofLimit.buckets[bucket], 'a bucket of a node is there');
    const last = present(slots.pop(), 'a bucket of a node is not empty');
    if (last !== slot) {
      const index = this.#indexAt[slot] as number;
      slots[index] = last;
      this.#indexAt[last] = index;
    }
    this.#bucketAt[slot] = nowhere;
    ofLimit.nodes -= 1;
    if (ofLimit.nodes === 0) this.#byLimit.delete(limit);
  }
}

function stepsOf(amount: number, limit: number): number {
  return Math.floor((amount / limit) * bucketsOfNode);
}
