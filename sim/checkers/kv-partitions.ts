import { present } from '../../core/base/assert.ts';
import { type Operation } from '../types.ts';
import { comparesOf, type KvMove } from './kv-moves.ts';
import { isInRange, isWholeDelete, isWholeRange } from './kv-state.ts';
import { executedLeaves, executedTxns, type Leaf, possibleLeaves } from './outcomes.ts';

export interface KvPartition {
  readonly keys: readonly string[];
  readonly moves: readonly KvMove[];
}

/**
 * Splits a search by key. Two keys belong together only when some operation says something about both that cannot be said
 * of each alone: an operation of unknown outcome that touches both, a count without the rows, a failed list of compares.
 * A move takes part in every partition that holds one of its keys.
 *
 * Sound because a ranked move's place among the writes is the same in every partition; what is lost is that a write of
 * unknown outcome in one partition and one in another could claim the same unclaimed revision (the checker of revisions
 * counts those).
 */
export function kvPartitions(keys: readonly string[], moves: readonly KvMove[]): readonly KvPartition[] {
  const joined = new JoinedKeys(keys);
  const touched = moves.map((move) => joined.touch(move.operation));
  const partitions = new Map<number, { keys: string[]; moves: KvMove[] }>();
  keys.forEach((key, position) => {
    const root = joined.root(position);
    const partition = partitions.get(root);
    if (partition === undefined) partitions.set(root, { keys: [key], moves: [] });
    else partition.keys.push(key);
  });
  moves.forEach((move, at) => {
    const roots = new Set([...present(touched[at], 'one a move')].map((position) => joined.root(position)));
    for (const root of roots) partitions.get(root)?.moves.push(move);
  });
  return [...partitions.values()].filter((partition) => partition.moves.length > 0);
}

/** Union-find over positions of keys. */
class JoinedKeys {
  readonly #keys: readonly string[];
  readonly #positions: ReadonlyMap<string, number>;
  readonly #parents: number[];

  constructor(keys: readonly string[]) {
    this.#keys = keys;
    this.#positions = new Map(keys.map((key, position) => [key, position]));
    this.#parents = [...keys.keys()];
  }

  root(position: number): number {
    let at = position;
    while (this.#parents[at] !== at) {
      const up = present(this.#parents[at], 'every position has a parent');
      this.#parents[at] = this.#parents[up] ?? up;
      at = up;
    }
    return at;
  }

  /** Joins what the operation binds together. @returns positions of all keys that it touches */
  touch(operation: Operation): ReadonlySet<number> {
    const touched = new Set<number>();
    if (operation.outcome.kind !== 'answered') {
      for (const leaf of possibleLeaves(operation.request)) this.#add(touched, rangeOf(leaf));
      for (const compare of compares(operation)) this.#add(touched, compare);
      this.#join([...touched]);
      return touched;
    }
    for (const leaf of executedLeaves(operation)) {
      const positions = this.#add(touched, rangeOf(leaf));
      if (!splits(leaf)) this.#join(positions);
    }
    for (const { request, response } of executedTxns(operation)) {
      const compared: number[] = [];
      for (const compare of request.compare) {
        const positions = this.#add(touched, compare);
        if (compare.rangeEnd !== '') this.#join(positions);
        compared.push(...positions);
      }
      if (!response.succeeded) this.#join(compared);
    }
    return touched;
  }

  #add(touched: Set<number>, range: { readonly key: string; readonly rangeEnd: string }): number[] {
    const own = this.#positions.get(range.key);
    if (range.rangeEnd === '') {
      if (own !== undefined) touched.add(own);
      return own === undefined ? [] : [own];
    }
    const positions: number[] = [];
    this.#keys.forEach((key, position) => {
      if (isInRange(key, range.key, range.rangeEnd)) positions.push(position);
    });
    for (const position of positions) touched.add(position);
    return positions;
  }

  #join(positions: readonly number[]): void {
    const [first] = positions;
    if (first === undefined) return;
    for (const position of positions) this.#parents[this.root(position)] = this.root(first);
  }
}

function compares(operation: Operation): readonly { key: string; rangeEnd: string }[] {
  return operation.request.kind === 'txn' ? comparesOf(operation.request.request) : [];
}

function rangeOf(leaf: Leaf): { key: string; rangeEnd: string } {
  return leaf.kind === 'put' ? { key: leaf.request.key, rangeEnd: '' } : leaf.request;
}

/** True when the answer speaks of each key on its own. */
function splits(leaf: Leaf): boolean {
  if (leaf.response === undefined || leaf.kind === 'put') return true;
  if (leaf.kind === 'range') return isWholeRange(leaf.request, leaf.response);
  return isWholeDelete(leaf.request, leaf.response);
}
