import { assert } from './assert.ts';
import { type Pass, type StateForm } from './capture.ts';

const initialSlots = 16;

/**
 * A bounded queue in a circle of slots: first in, first out, each operation in constant time. It grows up to its
 * capacity as it fills, so that a generous bound costs nothing while it is not needed.
 */
export class Ring<T> {
  readonly capacity: number;
  /** Length is a power of two, so that a position wraps by a mask. */
  #slots: (T | undefined)[] = new Array<T | undefined>(initialSlots).fill(undefined);
  #head = 0;
  #length = 0;

  /** @param capacity items at most; at least 1 */
  constructor(capacity: number) {
    assert(Number.isSafeInteger(capacity) && capacity >= 1, 'a ring holds at least one item');
    this.capacity = capacity;
  }

  get length(): number {
    return this.#length;
  }

  get full(): boolean {
    return this.#length === this.capacity;
  }

  /** @throws InvariantError when full: whoever pushes must have looked */
  push(item: T): void {
    assert(this.#length < this.capacity, 'a ring never holds more than its capacity');
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = item;
    this.#length += 1;
  }

  /** Takes the oldest item out; undefined when empty. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#slots[this.#head];
    // A slot that keeps its item would keep it from being collected.
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#length -= 1;
    return item;
  }

  /** The item at `position`, 0 being the oldest; undefined behind the end. */
  at(position: number): T | undefined {
    if (position < 0 || position >= this.#length) return undefined;
    return this.#slots[(this.#head + position) & (this.#slots.length - 1)];
  }

  clear(): void {
    this.#slots = new Array<T | undefined>(initialSlots).fill(undefined);
    this.#head = 0;
    this.#length = 0;
  }

  passState(form: StateForm, blank: T, pass: Pass<T>): void {
    const held = Array.from({ length: this.#length }, (_, at) => this.at(at) as T);
    const items = form.list('items', held, blank, pass);
    if (!form.restores) return;
    this.clear();
    for (const item of items) this.push(item);
  }

  #grow(): void {
    const grown = new Array<T | undefined>(this.#slots.length * 2).fill(undefined);
    for (let at = 0; at < this.#length; at += 1) grown[at] = this.at(at);
    this.#slots = grown;
    this.#head = 0;
  }
}
