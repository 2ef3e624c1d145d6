import { type Truth } from './truth.ts';

/** What lies below a prefix. */
export interface KeysBelow {
  readonly bytes: number;
  readonly keys: number;
  readonly leases: number;
}

const none: KeysBelow = { bytes: 0, keys: 0, leases: 0 };

/** What lay below prefixes at every revision, worked out from what was applied alone: each change is looked at once a prefix. */
export class NamespaceTruth {
  readonly #truth: Truth;
  readonly #byPrefix = new Map<string, PrefixSums>();

  constructor(truth: Truth) {
    this.#truth = truth;
  }

  /** Undefined where it is not known. */
  at(prefix: string, revision: number): KeysBelow | undefined {
    const truth = this.#truth;
    if (!truth.isComplete || revision > truth.revision || revision < truth.firstRevision) return undefined;
    let sums = this.#byPrefix.get(prefix);
    if (sums === undefined) this.#byPrefix.set(prefix, (sums = new PrefixSums(truth, prefix)));
    return sums.at(revision);
  }
}

class PrefixSums {
  readonly #truth: Truth;
  readonly #prefix: string;
  /** Bytes and lease of each key that there is, behind the last of `#sums`. */
  readonly #live = new Map<string, { readonly bytes: number; readonly lease: bigint }>();
  readonly #leases = new Map<bigint, number>();
  #bytes = 0;
  /** By revision, from the first on. */
  readonly #sums: KeysBelow[] = [none];

  constructor(truth: Truth, prefix: string) {
    this.#truth = truth;
    this.#prefix = prefix;
  }

  at(revision: number): KeysBelow {
    const { firstRevision } = this.#truth;
    while (firstRevision + this.#sums.length <= revision) this.#advance(firstRevision + this.#sums.length);
    return this.#sums[revision - firstRevision] ?? none;
  }

  #advance(revision: number): void {
    let isChanged = false;
    for (const { key, value, version, lease } of this.#truth.changeAt(revision)?.rows ?? []) {
      if (!key.startsWith(this.#prefix)) continue;
      isChanged = true;
      this.#forget(key);
      if (version === 0) continue;
      const bytes = key.length + value.length;
      this.#live.set(key, { bytes, lease });
      this.#bytes += bytes;
      if (lease !== 0n) this.#leases.set(lease, (this.#leases.get(lease) ?? 0) + 1);
    }
    const before = this.#sums.at(-1) ?? none;
    const { size: keys } = this.#live;
    this.#sums.push(isChanged ? { bytes: this.#bytes, keys, leases: this.#leases.size } : before);
  }

  #forget(key: string): void {
    const known = this.#live.get(key);
    if (known === undefined) return;
    this.#live.delete(key);
    this.#bytes -= known.bytes;
    const left = (this.#leases.get(known.lease) ?? 0) - 1;
    if (left > 0) this.#leases.set(known.lease, left);
    else this.#leases.delete(known.lease);
  }
}
