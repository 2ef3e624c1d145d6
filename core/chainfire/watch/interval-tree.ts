/**
 * Values under half-open key ranges [from, to), found by a key that lies in them.
 *
 * A balanced search tree (AVL) by (from, to) in which every node knows the furthest end below it, so that whole subtrees
 * that end too early are passed over: a look-up costs about log n and what it finds. Its shape follows from what was added
 * and removed, never from chance.
 *
 * Source: Cormen, Leiserson, Rivest, Stein, "Introduction to Algorithms", §14.3.
 */
interface Node<V> {
  readonly from: string;
  /** Undefined: to the end of all keys. */
  readonly to: string | undefined;
  readonly value: V;
  left: Node<V> | undefined;
  right: Node<V> | undefined;
  height: number;
  /** The furthest end of this node and all below it; undefined: to the end of all keys. */
  furthestTo: string | undefined;
}

export class IntervalTree<V> {
  #root: Node<V> | undefined;
  #size = 0;
  #visited = 0;

  get size(): number {
    return this.#size;
  }

  /** Nodes that look-ups by key have looked at so far. */
  get visited(): number {
    return this.#visited;
  }

  /** The value under exactly this range. */
  get(from: string, to: string | undefined): V | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const order = compareRanges(from, to, node);
      if (order === 0) return node.value;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  /** Adds a range that is not there. */
  add(from: string, to: string | undefined, value: V): void {
    this.#root = inserted(this.#root, {
      from,
      to,
      value,
      left: undefined,
      right: undefined,
      height: 1,
      furthestTo: to,
    });
    this.#size += 1;
  }

  /** Removes a range that is there. */
  delete(from: string, to: string | undefined): void {
    this.#root = removed(this.#root, from, to);
    this.#size -= 1;
  }

  /** Appends the values of every range that the key lies in, in the order of the ranges. */
  find(key: string, found: V[]): void {
    this.#find(this.#root, key, found);
  }

  /** Every value, in the order of the ranges; not to be changed meanwhile. */
  *values(): Iterable<V> {
    const path: Node<V>[] = [];
    let node = this.#root;
    while (node !== undefined || path.length > 0) {
      for (; node !== undefined; node = node.left) path.push(node);
      const next = path.pop() as Node<V>;
      yield next.value;
      node = next.right;
    }
  }

  /** Every value, level by level from the root: added to an empty tree in this order, they give the same tree again. */
  *levels(): Iterable<V> {
    let level = this.#root === undefined ? [] : [this.#root];
    while (level.length > 0) {
      const below: Node<V>[] = [];
      for (const { value, left, right } of level) {
        yield value;
        if (left !== undefined) below.push(left);
        if (right !== undefined) below.push(right);
      }
      level = below;
    }
  }

  #find(root: Node<V> | undefined, key: string, found: V[]): void {
    for (let node = root; node !== undefined; node = node.right) {
      this.#visited += 1;
      if (!isBefore(key, node.furthestTo)) return;
      this.#find(node.left, key, found);
      // Whatever lies to the right begins later still.
      if (key < node.from) return;
      if (isBefore(key, node.to)) found.push(node.value);
    }
  }
}

function isBefore(key: string, to: string | undefined): boolean {
  return to === undefined || key < to;
}

function compareRanges<V>(from: string, to: string | undefined, node: Node<V>): number {
  if (from !== node.from) return from < node.from ? -1 : 1;
  if (to === node.to) return 0;
  return to !== undefined && isBefore(to, node.to) ? -1 : 1;
}

function inserted<V>(node: Node<V> | undefined, added: Node<V>): Node<V> {
  if (node === undefined) return added;
  if (compareRanges(added.from, added.to, node) < 0) node.left = inserted(node.left, added);
  else node.right = inserted(node.right, added);
  return balanced(node);
}

function removed<V>(node: Node<V> | undefined, from: string, to: string | undefined): Node<V> | undefined {
  if (node === undefined) return undefined;
  const order = compareRanges(from, to, node);
  if (order < 0) node.left = removed(node.left, from, to);
  else if (order > 0) node.right = removed(node.right, from, to);
  else {
    const { left, right } = node;
    if (left === undefined) return right;
    if (right === undefined) return left;
    let successor = right;
    while (successor.left !== undefined) successor = successor.left;
    successor.right = removed(right, successor.from, successor.to);
    successor.left = left;
    return balanced(successor);
  }
  return balanced(node);
}

function balanced<V>(node: Node<V>): Node<V> {
  const lean = heightOf(node.left) - heightOf(node.right);
  if (lean > 1) {
    const left = node.left as Node<V>;
    if (heightOf(left.left) < heightOf(left.right)) node.left = rotatedLeft(left);
    return rotatedRight(node);
  }
  if (lean < -1) {
    const right = node.right as Node<V>;
    if (heightOf(right.right) < heightOf(right.left)) node.right = rotatedRight(right);
    return rotatedLeft(node);
  }
  summarize(node);
  return node;
}

function rotatedLeft<V>(node: Node<V>): Node<V> {
  const top = node.right as Node<V>;
  node.right = top.left;
  top.left = node;
  summarize(node);
  summarize(top);
  return top;
}

function rotatedRight<V>(node: Node<V>): Node<V> {
  const top = node.left as Node<V>;
  node.left = top.right;
  top.right = node;
  summarize(node);
  summarize(top);
  return top;
}

function summarize<V>(node: Node<V>): void {
  const { left, right } = node;
  node.height = 1 + Math.max(heightOf(left), heightOf(right));
  let furthest = node.to;
  if (left !== undefined) furthest = furtherOf(furthest, left.furthestTo);
  if (right !== undefined) furthest = furtherOf(furthest, right.furthestTo);
  node.furthestTo = furthest;
}

function furtherOf(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return undefined;
  return one < other ? other : one;
}

function heightOf<V>(node: Node<V> | undefined): number {
  return node === undefined ? 0 : node.height;
}
