import { assert } from '../../base/assert.ts';
import { type Links, type Pass, type StateForm } from '../../base/capture.ts';
import { type KeyRange } from '../mvcc/key-range.ts';
import { type WatchEvent } from './event.ts';
import { WatchGroup } from './group.ts';
import { IntervalTree } from './interval-tree.ts';
import { blankWatch, type Watch, type WatchBucket, type WatchHome, wantsPrevious } from './stream.ts';

/**
 * Watches that go through the revisions together: all those at the present are one cohort, and each reading of history
 * serves one. An event finds who wants it by its key: single keys in a map, ranges in an interval tree, equal ranges once.
 */
export class Cohort implements WatchHome {
  /** The first revision that its watches have not been given. */
  cursor: number;
  readonly #keys = new Map<string, WatchGroup>();
  readonly #ranges = new IntervalTree<WatchGroup>();
  #size = 0;
  /** Buckets with events to deliver. */
  #touched: WatchBucket[] = [];
  /** Of one look-up. */
  readonly #found: WatchGroup[] = [];
  #lookedAt = 0;

  constructor(cursor: number) {
    this.cursor = cursor;
  }

  get size(): number {
    return this.#size;
  }

  /** Groups and tree nodes that events have looked at so far: what matching costs. */
  get lookedAt(): number {
    return this.#lookedAt + this.#ranges.visited;
  }

  /** The one key that all its watches watch; undefined where they watch more. */
  get onlyKey(): string | undefined {
    if (this.#ranges.size > 0 || this.#keys.size !== 1) return undefined;
    const [key] = this.#keys.keys();
    return key;
  }

  add(watch: Watch): void {
    assert(watch.cohort === undefined, 'a watch is in one cohort');
    const { range } = watch;
    let group = this.#groupOf(range);
    if (group === undefined) {
      group = new WatchGroup(range);
      if (range.single) this.#keys.set(range.from, group);
      else this.#ranges.add(range.from, range.to, group);
    }
    group.add(watch);
    watch.cohort = this;
    this.#size += 1;
  }

  remove(watch: Watch): void {
    const { range } = watch;
    const group = this.#groupOf(range);
    assert(watch.cohort === this && group !== undefined, 'a watch leaves the cohort that it is in');
    group.remove(watch);
    watch.cohort = undefined;
    this.#size -= 1;
    if (!group.isEmpty) return;
    if (range.single) this.#keys.delete(range.from);
    else this.#ranges.delete(range.from, range.to);
  }

  /**
   * Lays the event before everybody who wants it.
   *
   * @returns whether somebody wants to know what was before
   */
  match(event: WatchEvent): boolean {
    const found = this.#found;
    found.length = 0;
    const group = this.#keys.get(event.key);
    if (group !== undefined) found.push(group);
    if (this.#ranges.size > 0) this.#ranges.find(event.key, found);
    this.#lookedAt += found.length;
    let previousWanted = false;
    for (const { buckets } of found) {
      for (const bucket of buckets) {
        if (!bucket.accepts(event)) continue;
        if (bucket.events.length === 0) this.#touched.push(bucket);
        bucket.events.push(event);
        if ((bucket.wants & wantsPrevious) !== 0) previousWanted = true;
      }
    }
    return previousWanted;
  }

  /** The buckets that have events to deliver; the caller empties them. */
  takeTouched(): readonly WatchBucket[] {
    const touched = this.#touched;
    if (touched.length > 0) this.#touched = [];
    return touched;
  }

  /** Any of its watches; undefined when it is empty. */
  any(): Watch | undefined {
    for (const watch of this.watches()) return watch;
    return undefined;
  }

  /** All of its watches; it must not change meanwhile. */
  *watches(): Iterable<Watch> {
    for (const group of this.#keys.values()) for (const { watches } of group.buckets) yield* watches;
    for (const group of this.#ranges.values()) for (const { watches } of group.buckets) yield* watches;
  }

  /** Who stands where decides who is told first: watches are added again in an order that gives every group its own. */
  passState(form: StateForm, watches: Links<Watch>): void {
    assert(this.#touched.length === 0, 'a cohort is captured when everything is delivered');
    this.cursor = form.number('cursor', this.cursor);
    const lookedAt = form.number('lookedAt', this.lookedAt);
    const added = form.list('watches', this.#additions(), blankWatch, watches.each);
    if (!form.restores) return;
    this.#lookedAt = lookedAt;
    for (const watch of added) this.add(watch);
  }

  *#additions(): Iterable<Watch> {
    for (const group of this.#keys.values()) for (const { watches } of group.buckets) yield* watches;
    for (const group of this.#ranges.levels()) for (const { watches } of group.buckets) yield* watches;
  }

  #groupOf(range: KeyRange): WatchGroup | undefined {
    return range.single ? this.#keys.get(range.from) : this.#ranges.get(range.from, range.to);
  }
}

export function passCohort(watches: Links<Watch>): Pass<Cohort> {
  return (form, cohort) => {
    const passed = form.restores ? new Cohort(0) : cohort;
    passed.passState(form, watches);
    return passed;
  };
}
