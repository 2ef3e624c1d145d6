import { assert } from './assert.ts';

/**
 * An ordered map from string keys to values, cheap to copy: the store of the simulator's disk, of read views and of
 * everything that is pending.
 *
 * A B+tree whose nodes carry the tag of the map that may change them in place. `clone` gives both sides a fresh tag, so
 * that afterwards neither owns what they share, and whichever writes first copies the path that it touches. Keys are in
 * code-unit order, which for latin1 strings is byte order.
 *
 * Nodes are mended on the way down (a full one is split, a small one is merged, before it is entered), so that no
 * operation walks back up.
 */
export class OrderedMap<V> {
  #root: TreeNode<V>;
  #owner: Owner = {};
  #size = 0;
  /** Shared with cursors, which refuse to go on after a change. */
  readonly #edition: Edition = { number: 0 };

  constructor() {
    this.#root = new TreeNode<V>(this.#owner, [], [], undefined);
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    const leaf = this.#leafOf(key);
    const at = lowerBound(leaf.keys, key);
    return leaf.keys[at] === key ? leaf.values[at] : undefined;
  }

  has(key: string): boolean {
    const leaf = this.#leafOf(key);
    return leaf.keys[lowerBound(leaf.keys, key)] === key;
  }

  set(key: string, value: V): void {
    this.#edition.number += 1;
    const owner = this.#owner;
    let node = this.#ownRoot();
    if (sizeOf(node) === nodeSizeMax) {
      node = new TreeNode<V>(owner, [], [], [node]);
      this.#root = node;
    }
    while (node.children !== undefined) {
      let at = upperBound(node.keys, key);
      let child = ownChild(node, at, owner);
      if (sizeOf(child) === nodeSizeMax) {
        splitChild(node, at, key, owner);
        // The key may now belong to the right half, which the split created and this map owns.
        at = upperBound(node.keys, key);
        child = node.children[at] as TreeNode<V>;
      }
      node = child;
    }
    const at = lowerBound(node.keys, key);
    if (node.keys[at] === key) {
      node.values[at] = value;
      return;
    }
    insertAt(node.keys, at, key);
    insertAt(node.values, at, value);
    this.#size += 1;
  }

  /** @returns whether the key was there */
  delete(key: string): boolean {
    // Asked first, so that a miss copies and reshapes nothing.
    if (!this.has(key)) return false;
    this.#edition.number += 1;
    const owner = this.#owner;
    let node = this.#ownRoot();
    while (node.children !== undefined) {
      let at = upperBound(node.keys, key);
      let child = ownChild(node, at, owner);
      if (sizeOf(child) <= nodeSizeMin) {
        mendChild(node, at, owner);
        at = upperBound(node.keys, key);
        child = node.children[at] as TreeNode<V>;
        if (node === this.#root && node.children.length === 1) this.#root = child;
      }
      node = child;
    }
    const at = lowerBound(node.keys, key);
    node.keys.splice(at, 1);
    node.values.splice(at, 1);
    this.#size -= 1;
    return true;
  }

  first(): [string, V] | undefined {
    let node = this.#root;
    while (node.children !== undefined) node = node.children[0] as TreeNode<V>;
    return this.#size === 0 ? undefined : [node.keys[0] as string, node.values[0] as V];
  }

  last(): [string, V] | undefined {
    let node = this.#root;
    while (node.children !== undefined) node = node.children[node.children.length - 1] as TreeNode<V>;
    const at = node.keys.length - 1;
    return this.#size === 0 ? undefined : [node.keys[at] as string, node.values[at] as V];
  }

  /**
   * Entries with from ≤ key < to, ascending, or descending when `reverse`; lazily, so that stopping early costs nothing.
   *
   * @throws InvariantError from the iterator when the map has changed since iteration began
   */
  range(bounds: KeyRange): Iterable<[string, V]> {
    const { from, to, reverse = false, limit = Infinity } = bounds;
    assert(limit >= 0, 'a limit is not negative');
    return {
      [Symbol.iterator]: () =>
        reverse
          ? new DescendingCursor(this.#root, this.#edition, from, to, limit)
          : new AscendingCursor(this.#root, this.#edition, from, to, limit),
    };
  }

  /** Entries with from ≤ key < to; `to` undefined: to the end. Looks at no entry but those at the bounds. */
  count(from: string, to: string | undefined): number {
    if (to !== undefined && to <= from) return 0;
    return countBetween(this.#root, from, to);
  }

  /** A map with the same entries, in constant time; from now on neither sees the other's changes. */
  clone(): OrderedMap<V> {
    const copy = new OrderedMap<V>();
    copy.#root = this.#root;
    copy.#size = this.#size;
    this.#owner = {};
    return copy;
  }

  #leafOf(key: string): TreeNode<V> {
    let node = this.#root;
    while (node.children !== undefined) node = node.children[upperBound(node.keys, key)] as TreeNode<V>;
    return node;
  }

  #ownRoot(): TreeNode<V> {
    if (this.#root.owner !== this.#owner) this.#root = copyNode(this.#root, this.#owner);
    return this.#root;
  }
}

/** Bounds of an iteration, as in `StoreRange`. */
export interface KeyRange {
  /** Inclusive lower bound; '' for the beginning. */
  readonly from: string;
  /** Exclusive upper bound; undefined for the end. */
  readonly to?: string | undefined;
  readonly reverse?: boolean | undefined;
  /** Entries at most. */
  readonly limit?: number | undefined;
}

/** Compared by identity alone: whoever holds the object may change the nodes that carry it. */
type Owner = object;

interface Edition {
  number: number;
}

/** Entries of a leaf, or children of a branch. Chosen by measurement: wider nodes copy more, narrower ones descend more. */
const nodeSizeMax = 32;
/** Below half of the maximum, so that deletes and inserts at one spot do not split and merge in turns. */
const nodeSizeMin = 8;

/**
 * A leaf holds keys and values side by side. A branch holds children, and between each two of them a key: everything to
 * the left is below it, everything to the right at or above it. No leaf but an empty map's root is empty.
 */
class TreeNode<V> {
  readonly owner: Owner;
  readonly keys: string[];
  readonly values: V[];
  readonly children: TreeNode<V>[] | undefined;

  constructor(owner: Owner, keys: string[], values: V[], children: TreeNode<V>[] | undefined) {
    this.owner = owner;
    this.keys = keys;
    this.values = values;
    this.children = children;
  }
}

function sizeOf(node: TreeNode<unknown>): number {
  return node.children === undefined ? node.keys.length : node.children.length;
}

/** Entries below the node; undefined bounds are those that the node lies within. */
function countBetween(node: TreeNode<unknown>, from: string | undefined, to: string | undefined): number {
  const { keys, children } = node;
  if (children === undefined) {
    const first = from === undefined ? 0 : lowerBound(keys, from);
    const end = to === undefined ? keys.length : lowerBound(keys, to);
    return end - first;
  }
  const first = from === undefined ? 0 : upperBound(keys, from);
  const last = to === undefined ? children.length - 1 : upperBound(keys, to);
  let count = 0;
  for (let at = first; at <= last; at += 1) {
    const child = children[at] as TreeNode<unknown>;
    count += countBetween(child, at === first ? from : undefined, at === last ? to : undefined);
  }
  return count;
}

/** Position of the first key that is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Position of the first key that is above `key`: in a branch, the child where `key` belongs. */
function upperBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Like `splice`, several times faster for arrays this short. */
function insertAt<T>(items: T[], at: number, item: T): void {
  items.push(item);
  for (let to = items.length - 1; to > at; to -= 1) items[to] = items[to - 1] as T;
  items[at] = item;
}

function copyNode<V>(node: TreeNode<V>, owner: Owner): TreeNode<V> {
  return new TreeNode(owner, node.keys.slice(), node.values.slice(), node.children?.slice());
}

/** The child, copied first when another map may see it. */
function ownChild<V>(parent: TreeNode<V>, at: number, owner: Owner): TreeNode<V> {
  const children = parent.children as TreeNode<V>[];
  const child = children[at] as TreeNode<V>;
  if (child.owner === owner) return child;
  const own = copyNode(child, owner);
  children[at] = own;
  return own;
}

/** Splits a full, owned child in two. */
function splitChild<V>(parent: TreeNode<V>, at: number, key: string, owner: Owner): void {
  const children = parent.children as TreeNode<V>[];
  const left = children[at] as TreeNode<V>;
  // Keys that arrive in ascending order leave full nodes behind them rather than halves.
  const appends = (left.keys[left.keys.length - 1] as string) < key;
  const cut = appends ? nodeSizeMax - 1 : nodeSizeMax >> 1;
  const right =
    left.children === undefined
      ? new TreeNode<V>(owner, left.keys.splice(cut), left.values.splice(cut), undefined)
      : new TreeNode<V>(owner, left.keys.splice(cut), [], left.children.splice(cut));
  // Cutting between two children leaves the key between them at the left's end: it moves up.
  const separator = left.children === undefined ? right.keys[0] : left.keys.pop();
  insertAt(parent.keys, at, separator as string);
  insertAt(children, at + 1, right);
}

/** Merges a small, owned child with a neighbour, or evens the two out where one node could not hold both. */
function mendChild<V>(parent: TreeNode<V>, at: number, owner: Owner): void {
  const leftAt = at > 0 ? at - 1 : at;
  const left = ownChild(parent, leftAt, owner);
  const right = ownChild(parent, leftAt + 1, owner);
  const size = sizeOf(left) + sizeOf(right);
  const separator = parent.keys[leftAt] as string;
  if (left.children !== undefined) left.keys.push(separator);
  left.keys.push(...right.keys);
  left.values.push(...right.values);
  left.children?.push(...(right.children as TreeNode<V>[]));
  if (size <= nodeSizeMax) {
    parent.keys.splice(leftAt, 1);
    parent.children?.splice(leftAt + 1, 1);
    return;
  }
  const cut = size >> 1;
  const rest =
    left.children === undefined
      ? new TreeNode<V>(owner, left.keys.splice(cut), left.values.splice(cut), undefined)
      : new TreeNode<V>(owner, left.keys.splice(cut), [], left.children.splice(cut));
  parent.keys[leftAt] = (left.children === undefined ? rest.keys[0] : left.keys.pop()) as string;
  (parent.children as TreeNode<V>[])[leftAt + 1] = rest;
}

/** Walks leaves from left to right. Bounds are compared once a leaf, not once an entry. */
class AscendingCursor<V> implements Iterator<[string, V]> {
  readonly #edition: Edition;
  readonly #editionAtStart: number;
  readonly #to: string | undefined;
  #remaining: number;
  /** The branches above the leaf, and which child of each is entered. */
  readonly #branches: TreeNode<V>[] = [];
  readonly #positions: number[] = [];
  #leaf: TreeNode<V>;
  #at: number;
  #end: number;

  constructor(root: TreeNode<V>, edition: Edition, from: string, to: string | undefined, limit: number) {
    this.#edition = edition;
    this.#editionAtStart = edition.number;
    this.#to = to;
    this.#remaining = limit;
    let node = root;
    while (node.children !== undefined) {
      const at = upperBound(node.keys, from);
      this.#branches.push(node);
      this.#positions.push(at);
      node = node.children[at] as TreeNode<V>;
    }
    this.#leaf = node;
    this.#at = lowerBound(node.keys, from);
    this.#end = this.#endOf(node);
  }

  next(): IteratorResult<[string, V], undefined> {
    assert(this.#edition.number === this.#editionAtStart, 'a map does not change while it is iterated');
    if (this.#remaining < 1) return { done: true, value: undefined };
    if (this.#at >= this.#end) {
      // A leaf that the upper bound cuts is the last one.
      if (this.#end < this.#leaf.keys.length || !this.#enterNextLeaf() || this.#end === 0) {
        this.#remaining = 0;
        return { done: true, value: undefined };
      }
    }
    const at = this.#at;
    this.#at = at + 1;
    this.#remaining -= 1;
    return { done: false, value: [this.#leaf.keys[at] as string, this.#leaf.values[at] as V] };
  }

  #enterNextLeaf(): boolean {
    let depth = this.#branches.length - 1;
    for (; depth >= 0; depth -= 1) {
      const position = (this.#positions[depth] as number) + 1;
      if (position < sizeOf(this.#branches[depth] as TreeNode<V>)) {
        this.#positions[depth] = position;
        break;
      }
    }
    if (depth < 0) return false;
    for (; ; depth += 1) {
      const branch = this.#branches[depth] as TreeNode<V>;
      const child = (branch.children as TreeNode<V>[])[this.#positions[depth] as number] as TreeNode<V>;
      if (child.children === undefined) {
        this.#leaf = child;
        this.#at = 0;
        this.#end = this.#endOf(child);
        return true;
      }
      this.#branches[depth + 1] = child;
      this.#positions[depth + 1] = 0;
    }
  }

  #endOf(leaf: TreeNode<V>): number {
    const length = leaf.keys.length;
    if (this.#to === undefined || length === 0 || (leaf.keys[length - 1] as string) < this.#to) return length;
    return lowerBound(leaf.keys, this.#to);
  }
}

/** Walks leaves from right to left. */
class DescendingCursor<V> implements Iterator<[string, V]> {
  readonly #edition: Edition;
  readonly #editionAtStart: number;
  readonly #from: string;
  #remaining: number;
  readonly #branches: TreeNode<V>[] = [];
  readonly #positions: number[] = [];
  #leaf: TreeNode<V>;
  /** The next entry; below `#end` when the leaf has no more. */
  #at: number;
  #end: number;

  constructor(root: TreeNode<V>, edition: Edition, from: string, to: string | undefined, limit: number) {
    this.#edition = edition;
    this.#editionAtStart = edition.number;
    this.#from = from;
    this.#remaining = limit;
    let node = root;
    while (node.children !== undefined) {
      const at = to === undefined ? node.keys.length : upperBound(node.keys, to);
      this.#branches.push(node);
      this.#positions.push(at);
      node = node.children[at] as TreeNode<V>;
    }
    this.#leaf = node;
    this.#at = (to === undefined ? node.keys.length : lowerBound(node.keys, to)) - 1;
    this.#end = lowerBound(node.keys, from);
  }

  next(): IteratorResult<[string, V], undefined> {
    assert(this.#edition.number === this.#editionAtStart, 'a map does not change while it is iterated');
    if (this.#remaining < 1) return { done: true, value: undefined };
    if (this.#at < this.#end) {
      // A leaf that the lower bound cuts is the last one.
      if (this.#end > 0 || !this.#enterPreviousLeaf() || this.#at < this.#end) {
        this.#remaining = 0;
        return { done: true, value: undefined };
      }
    }
    const at = this.#at;
    this.#at = at - 1;
    this.#remaining -= 1;
    return { done: false, value: [this.#leaf.keys[at] as string, this.#leaf.values[at] as V] };
  }

  #enterPreviousLeaf(): boolean {
    let depth = this.#branches.length - 1;
    for (; depth >= 0; depth -= 1) {
      const position = (this.#positions[depth] as number) - 1;
      if (position >= 0) {
        this.#positions[depth] = position;
        break;
      }
    }
    if (depth < 0) return false;
    for (; ; depth += 1) {
      const branch = this.#branches[depth] as TreeNode<V>;
      const child = (branch.children as TreeNode<V>[])[this.#positions[depth] as number] as TreeNode<V>;
      if (child.children === undefined) {
        this.#leaf = child;
        this.#at = child.keys.length - 1;
        this.#end = (child.keys[0] as string) >= this.#from ? 0 : lowerBound(child.keys, this.#from);
        return true;
      }
      this.#branches[depth + 1] = child;
      this.#positions[depth + 1] = sizeOf(child) - 1;
    }
  }
}
