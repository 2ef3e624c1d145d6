import { assert, present } from '../base/assert.ts';
import { type StateForm } from '../base/capture.ts';

interface Slot {
  atUs: number;
  position: number;
}

/**
 * The deadlines of many groups: a binary heap with one place for each group. A deadline that moves away, as at every
 * heartbeat, costs nothing: it is found out when the old one comes.
 */
export class DeadlineHeap<T> {
  readonly #heap: T[] = [];
  readonly #slots = new Map<T, Slot>();

  /** The earliest time at which some deadline may have come; `Infinity` when there is none. */
  get earliestUs(): number {
    const first = this.#heap[0];
    return first === undefined ? Infinity : this.#slot(first).atUs;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** The deadline is `atUs`, or later than what was said before. */
  schedule(item: T, atUs: number): void {
    const slot = this.#slots.get(item);
    if (slot === undefined) {
      if (atUs === Infinity) return;
      this.#slots.set(item, { atUs, position: this.#heap.length });
      this.#heap.push(item);
      this.#rise(this.#heap.length - 1);
    } else if (atUs < slot.atUs) {
      slot.atUs = atUs;
      this.#rise(slot.position);
    }
  }

  /** Takes out an item whose time may have come; the caller schedules it anew. */
  popDue(nowUs: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || this.#slot(first).atUs > nowUs) return undefined;
    this.#slots.delete(first);
    const last = this.#heap.pop() as T;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#slot(last).position = 0;
      this.#sink(0);
    }
    return first;
  }

  /** Forgets the item, if it is there: it will never be due. */
  remove(item: T): void {
    const slot = this.#slots.get(item);
    if (slot === undefined) return;
    this.#slots.delete(item);
    const last = this.#heap.pop() as T;
    if (last === item) return;
    this.#heap[slot.position] = last;
    this.#slot(last).position = slot.position;
    this.#rise(slot.position);
    this.#sink(this.#slot(last).position);
  }

  /** Items by a number of each. In the heap's own order: what is due at once leaves in the same one. */
  passState(form: StateForm, keys: { of(item: T): number; at(key: number): T }): void {
    const slots = this.#heap.map((item) => ({ key: keys.of(item), atUs: this.#slot(item).atUs }));
    const passed = form.list('slots', slots, { key: 0, atUs: 0 }, (row, { key, atUs }) => ({
      key: row.number('key', key),
      atUs: row.number('atUs', atUs),
    }));
    if (!form.restores) return;
    this.#slots.clear();
    this.#heap.length = 0;
    for (const { key, atUs } of passed) {
      this.#slots.set(keys.at(key), { atUs, position: this.#heap.length });
      this.#heap.push(keys.at(key));
    }
  }

  #slot(item: T): Slot {
    return present(this.#slots.get(item), 'whatever is in the heap has a slot');
  }

  #at(position: number): number {
    return this.#slot(this.#heap[position] as T).atUs;
  }

  #rise(from: number): void {
    let position = from;
    while (position > 0) {
      const parent = (position - 1) >>> 1;
      if (this.#at(parent) <= this.#at(position)) return;
      this.#swap(parent, position);
      position = parent;
    }
  }

  #sink(from: number): void {
    for (let position = from; ;) {
      const left = 2 * position + 1;
      const right = left + 1;
      let least = position;
      if (left < this.#heap.length && this.#at(left) < this.#at(least)) least = left;
      if (right < this.#heap.length && this.#at(right) < this.#at(least)) least = right;
      if (least === position) return;
      this.#swap(least, position);
      position = least;
    }
  }

  #swap(left: number, right: number): void {
    const item = this.#heap[left] as T;
    const other = this.#heap[right] as T;
    assert(left !== right, 'a swap moves something');
    this.#heap[left] = other;
    this.#heap[right] = item;
    this.#slot(other).position = left;
    this.#slot(item).position = right;
  }
}
