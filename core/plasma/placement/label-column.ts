import { assert, present } from '../../base/assert.ts';
import { labelOf, type PlacementNode } from './placement-node.ts';

/** A domain of a topology: the nodes that share the value of a label, by a small number. −1: of none. */
export type Domain = number;
export const noDomain: Domain = -1;

/**
 * One label of all nodes as a column of small numbers, so that a search compares integers. A value's number is free again
 * when the last node that has it is gone.
 */
export class LabelColumn {
  readonly #label: string;
  readonly #domains = new Map<string, { readonly domain: Domain; nodes: number }>();
  readonly #valueAt: (string | undefined)[] = [];
  readonly #unused: Domain[] = [];
  #domainCount = 0;
  #domainAt: Int32Array;
  /** Rules that count by it: it is kept for as long as there is one. */
  rules = 0;

  constructor(label: string, slots: number) {
    this.#label = label;
    this.#domainAt = new Int32Array(slots).fill(noDomain);
  }

  /** By slot of the node. */
  get domainAt(): Int32Array {
    return this.#domainAt;
  }

  /** All domains are below it. */
  get domainsEnd(): number {
    return this.#domainCount;
  }

  /** Would this node be in another domain than what was in its slot? */
  changes(slot: number, node: PlacementNode | undefined): boolean {
    return this.#valueAt[slot] !== (node === undefined ? undefined : labelOf(node, this.#label));
  }

  set(slot: number, node: PlacementNode | undefined): void {
    if (!this.changes(slot, node)) return;
    this.#leave(slot);
    const value = node === undefined ? undefined : labelOf(node, this.#label);
    this.#valueAt[slot] = value;
    this.#domainAt[slot] = value === undefined ? noDomain : this.#enter(value);
  }

  grow(slots: number): void {
    const grown = new Int32Array(slots).fill(noDomain);
    grown.set(this.#domainAt);
    this.#domainAt = grown;
  }

  #enter(value: string): Domain {
    const known = this.#domains.get(value);
    if (known !== undefined) {
      known.nodes += 1;
      return known.domain;
    }
    const domain = this.#unused.pop() ?? this.#domainCount;
    this.#domainCount = Math.max(this.#domainCount, domain + 1);
    this.#domains.set(value, { domain, nodes: 1 });
    return domain;
  }

  #leave(slot: number): void {
    const value = this.#valueAt[slot];
    if (value === undefined) return;
    const known = present(this.#domains.get(value), 'the value of a node has a domain');
    known.nodes -= 1;
    assert(known.nodes >= 0, 'a domain has no fewer than no nodes');
    if (known.nodes > 0) return;
    this.#domains.delete(value);
    this.#unused.push(known.domain);
  }
}

/** Columns that nothing counts by and that were asked for once: this many are kept. */
const idleColumnsMax = 256;

/** The columns that somebody has asked for, by label. */
export class LabelColumns {
  readonly #columns = new Map<string, LabelColumn>();
  readonly #nodes: () => Iterable<readonly [number, PlacementNode]>;
  #slots = 0;

  /** @param nodes all that there are, by slot */
  constructor(nodes: () => Iterable<readonly [number, PlacementNode]>) {
    this.#nodes = nodes;
  }

  ofLabel(label: string): LabelColumn {
    const known = this.#columns.get(label);
    if (known !== undefined) return known;
    if (this.#columns.size >= idleColumnsMax) this.#dropIdle();
    const column = new LabelColumn(label, this.#slots);
    for (const [slot, node] of this.#nodes()) column.set(slot, node);
    this.#columns.set(label, column);
    return column;
  }

  changes(slot: number, node: PlacementNode | undefined): boolean {
    for (const column of this.#columns.values()) if (column.changes(slot, node)) return true;
    return false;
  }

  set(slot: number, node: PlacementNode | undefined): void {
    for (const column of this.#columns.values()) column.set(slot, node);
  }

  grow(slots: number): void {
    this.#slots = slots;
    for (const column of this.#columns.values()) column.grow(slots);
  }

  /** Users name labels: what they name must not pile up. */
  #dropIdle(): void {
    for (const [key, column] of this.#columns) if (column.rules === 0) this.#columns.delete(key);
  }
}
