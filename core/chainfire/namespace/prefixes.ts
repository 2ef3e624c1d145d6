import { fromKeyEnd, prefixEnd } from '../client/key-prefix.ts';
import { type KeyRange } from '../mvcc/key-range.ts';
import { type Namespace } from './namespace.ts';

/** All keys that begin with `prefix`. */
export function rangeOfPrefix(prefix: string): KeyRange {
  const end = prefixEnd(prefix);
  return { from: prefix, to: end === fromKeyEnd ? undefined : end, single: false };
}

/** Namespaces by their prefixes, none of which begins with another: so a key has one at most, found by a binary search. */
export class Prefixes {
  /** In the order of their prefixes. */
  #ordered: readonly Namespace[] = [];

  get isEmpty(): boolean {
    return this.#ordered.length === 0;
  }

  set(namespaces: Iterable<Namespace>): void {
    this.#ordered = [...namespaces].sort((left, right) =>
      left.prefix < right.prefix ? -1 : left.prefix > right.prefix ? 1 : 0,
    );
  }

  /** The one that the key belongs to. */
  find(key: string): Namespace | undefined {
    const ordered = this.#ordered;
    let low = 0;
    let high = ordered.length;
    // The first whose prefix lies behind the key.
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ordered[middle] as Namespace).prefix <= key) low = middle + 1;
      else high = middle;
    }
    const candidate = ordered[low - 1];
    return candidate !== undefined && key.startsWith(candidate.prefix) ? candidate : undefined;
  }

  /** The one that every key of the range belongs to. */
  holding({ from, to, single }: KeyRange): Namespace | undefined {
    const found = this.find(from);
    if (found === undefined || single) return found;
    const { to: end } = rangeOfPrefix(found.prefix);
    return end === undefined || (to !== undefined && to <= end) ? found : undefined;
  }

  /** One that has keys in common with those of the prefix. */
  overlapping(prefix: string): Namespace | undefined {
    return this.#ordered.find((known) => known.prefix.startsWith(prefix) || prefix.startsWith(known.prefix));
  }
}
