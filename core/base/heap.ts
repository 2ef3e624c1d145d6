import { passArray, type Pass, type StateForm } from './capture.ts';

/**
 * A binary heap: the least item first. Equal items leave in an order that depends on the history of pushes; a caller to
 * whom it matters adds a sequence number to its comparison.
 */
export class Heap<T> {
  readonly #compare: (left: T, right: T) => number;
  readonly #items: T[] = [];

  /** @param compare negative when `left` leaves before `right`; must be a total order over what is pushed */
  constructor(compare: (left: T, right: T) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The least item, which stays; undefined when empty. */
  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent] as T;
      if (this.#compare(item, above) >= 0) break;
      items[at] = above;
      at = parent;
    }
    items[at] = item;
  }

  /** Takes the least item out; undefined when empty. */
  pop(): T | undefined {
    const items = this.#items;
    const least = items[0];
    const last = items.pop();
    if (items.length > 0) this.#sink(last as T);
    return least;
  }

  /** In the heap's own order, so that equal items leave as they would have. */
  passState(form: StateForm, blank: T, pass: Pass<T>): void {
    passArray(form, 'items', this.#items, blank, pass);
  }

  /** Puts the item into the hole at the root and lets it down to its place. */
  #sink(item: T): void {
    const items = this.#items;
    const size = items.length;
    let at = 0;
    for (let child = 1; child < size; child = 2 * at + 1) {
      if (child + 1 < size && this.#compare(items[child + 1] as T, items[child] as T) < 0) child += 1;
      const below = items[child] as T;
      if (this.#compare(item, below) <= 0) break;
      items[at] = below;
      at = child;
    }
    items[at] = item;
  }
}
