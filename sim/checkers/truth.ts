import { assert } from '../../core/base/assert.ts';
import { equalBytes } from '../../core/base/bytes.ts';
import { type KeyValue } from '../../core/chainfire/api/kv.ts';

/** Everything that one revision changed. */
export interface TrueChange {
  readonly revision: number;
  /** When the first member had applied it, by the world's clock. */
  readonly atUs: number;
  /** One row a key, in the order of the change; of a deletion key and modRevision alone, version 0. */
  readonly rows: readonly KeyValue[];
}

/**
 * What was applied, revision by revision, as the members' stores have it: what clients were told is held against it.
 *
 * It begins behind the revision of the empty store and has no gaps; it is complete unless somebody could not read a revision
 * any more, from when on `isComplete` is false and what builds on it has no footing.
 */
export class Truth {
  readonly firstRevision: number;
  readonly #changes: TrueChange[] = [];
  /** By key, what was made of it, ascending by modRevision. */
  readonly #versions = new Map<string, KeyValue[]>();
  #complete = true;
  /** Values that were found equal to a row's: by buffer, and by their place in it. */
  readonly #compared = new Map<ArrayBufferLike, Map<number, KeyValue>>();
  readonly #compactions: { readonly atUs: number; readonly revision: number }[] = [];

  /** Up to here everything was there when the cluster's life began: that of the empty store, or of what it was restored from. */
  #inheritedRevision: number;

  /** @param firstRevision that of the empty store */
  constructor(firstRevision = 1) {
    this.firstRevision = firstRevision;
    this.#inheritedRevision = firstRevision;
  }

  /**
   * Of a cluster that goes on from what another one was at a revision, so much above it: what lies between was never written,
   * and changes nothing.
   *
   * @param other undefined: nobody recorded what was applied there
   */
  static goingOn(
    other: Truth | undefined,
    from: { readonly revision: number; readonly bump: number },
  ): Truth {
    const truth = new Truth(other?.firstRevision);
    const isKnown = other?.isComplete === true && other.revision >= from.revision;
    if (isKnown) {
      for (const change of other.changes) if (change.revision <= from.revision) truth.add(change);
      for (let gap = 0; gap < from.bump; gap += 1) {
        truth.#changes.push({ revision: truth.revision + 1, atUs: 0, rows: [] });
      }
    } else {
      truth.abandon();
    }
    truth.#inheritedRevision = from.revision + from.bump;
    return truth;
  }

  get inheritedRevision(): number {
    return this.#inheritedRevision;
  }

  /** It began with something of which not everything is known: what clients were told can be held against nothing. */
  get isLost(): boolean {
    return !this.#complete && this.#inheritedRevision > this.firstRevision;
  }

  /** No operation of this cluster's clients has made this revision. */
  isInherited(revision: number): boolean {
    return revision <= this.#inheritedRevision;
  }

  /** The highest revision here. */
  get revision(): number {
    return this.firstRevision + this.#changes.length;
  }

  get isComplete(): boolean {
    return this.#complete;
  }

  /** In order of revision. */
  get changes(): readonly TrueChange[] {
    return this.#changes;
  }

  get keys(): readonly string[] {
    return [...this.#versions.keys()];
  }

  add(change: TrueChange): void {
    assert(change.revision === this.revision + 1, 'revisions are recorded in order, each once');
    assert(change.rows.length > 0, 'a revision changes something');
    this.#changes.push(change);
    for (const row of change.rows) {
      const versions = this.#versions.get(row.key);
      if (versions === undefined) this.#versions.set(row.key, [row]);
      else versions.push(row);
    }
  }

  /** A revision was out of reach: nothing more is recorded. */
  abandon(): void {
    this.#complete = false;
  }

  /**
   * Whether a row that somebody was told is the one that was applied. The same bytes are told many times over, in what are
   * views of one buffer, and are compared once.
   */
  isRow(told: KeyValue, row: KeyValue): boolean {
    const { value } = told;
    const numbers =
      told.key === row.key &&
      told.createRevision === row.createRevision &&
      told.modRevision === row.modRevision &&
      told.version === row.version &&
      told.lease === row.lease;
    if (!numbers || value.length !== row.value.length) return false;
    let compared = this.#compared.get(value.buffer);
    if (compared === undefined) this.#compared.set(value.buffer, (compared = new Map()));
    if (compared.get(value.byteOffset) === row) return true;
    if (!equalBytes(value, row.value)) return false;
    compared.set(value.byteOffset, row);
    return true;
  }

  /** Some member has compacted up to here. */
  compacted(revision: number, atUs: number): void {
    if (revision > this.compactRevisionAt(atUs)) this.#compactions.push({ atUs, revision });
  }

  /** The highest revision that any member had compacted at a time. */
  compactRevisionAt(atUs: number): number {
    for (let at = this.#compactions.length - 1; at >= 0; at -= 1) {
      const compaction = this.#compactions[at];
      if (compaction !== undefined && compaction.atUs <= atUs) return compaction.revision;
    }
    return 0;
  }

  changeAt(revision: number): TrueChange | undefined {
    return this.#changes[revision - this.firstRevision - 1];
  }

  /** The key as it was at a revision; undefined when it did not exist. */
  rowAt(key: string, revision: number): KeyValue | undefined {
    const versions = this.#versions.get(key) ?? [];
    let [low, high] = [0, versions.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((versions[middle]?.modRevision ?? Infinity) <= revision) low = middle + 1;
      else high = middle;
    }
    const row = versions[low - 1];
    return row === undefined || isDeletion(row) ? undefined : row;
  }
}

export function isDeletion(row: KeyValue): boolean {
  return row.version === 0;
}
