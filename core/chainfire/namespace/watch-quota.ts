import { type MemberRefusal } from '../member-protocol.ts';
import { type KeyRange } from '../mvcc/key-range.ts';
import { type Namespace } from './namespace.ts';
import { type Namespaces } from './namespaces.ts';
import { quotaExceeded } from './quota.ts';

/**
 * Counts this member's watches by namespace, and refuses those beyond a limit. A watch belongs to the namespace that holds every
 * key of its range: one that looks further, an operator's say, is nobody's.
 *
 * Which members there are, and what each has open, is nothing that the log knows: a limit is one of each member. Where
 * namespaces come or go, all watches are counted anew.
 */
export class WatchQuota {
  readonly #namespaces: Namespaces;
  /** Every watch that is open. */
  #open: () => Iterable<KeyRange> = () => [];
  readonly #counts = new Map<Namespace, number>();
  #countedVersion = -1;

  constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces;
  }

  /** @param open the ranges of all watches, whenever it is asked */
  countFrom(open: () => Iterable<KeyRange>): void {
    this.#open = open;
  }

  countOf(namespace: Namespace): number {
    this.#follow();
    return this.#counts.get(namespace) ?? 0;
  }

  /** Why a watch of the range may not be opened. */
  refuse(range: KeyRange): MemberRefusal | undefined {
    const namespace = this.#namespaces.holding(range);
    if (namespace === undefined) return undefined;
    const limit = namespace.limits.watches;
    const used = this.countOf(namespace);
    if (limit === 0 || used < limit) return undefined;
    this.#namespaces.countRefusal(namespace);
    return quotaExceeded(namespace.name, 'watches', { limit, used, added: 1 });
  }

  /** Said when it is among those that are open. */
  opened(range: KeyRange): void {
    this.#move(range, 1);
  }

  /** Said when it is no more among them. */
  closed(range: KeyRange): void {
    this.#move(range, -1);
  }

  #move(range: KeyRange, by: 1 | -1): void {
    if (this.#namespaces.isEmpty || this.#follow()) return;
    this.#count(range, by);
  }

  /** @returns whether everything was counted just now */
  #follow(): boolean {
    const { version } = this.#namespaces;
    if (version === this.#countedVersion) return false;
    this.#countedVersion = version;
    this.#counts.clear();
    if (!this.#namespaces.isEmpty) for (const range of this.#open()) this.#count(range, 1);
    return true;
  }

  #count(range: KeyRange, by: 1 | -1): void {
    const namespace = this.#namespaces.holding(range);
    if (namespace !== undefined) this.#counts.set(namespace, (this.#counts.get(namespace) ?? 0) + by);
  }
}
