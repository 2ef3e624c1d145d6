import { compareKeys } from '../base/bytes.ts';
import { RollingHash } from '../base/rolling-hash.ts';
import { type MemberRecord } from './types.ts';

/** What came of what is known by now. */
export type InitialClusterVerdict =
  /** Too few are known, or not all say the same yet. `missing`: who was named, and does not say so (any more). */
  | { readonly kind: 'waiting'; readonly known: readonly string[]; readonly missing: readonly string[] }
  /** Everybody is to be told that this is what this member takes for the cluster. */
  | { readonly kind: 'announce'; readonly note: string }
  /** All of them say the same: this is the cluster, by name. */
  | { readonly kind: 'agreed'; readonly members: readonly MemberRecord[] }
  /** More have come than the cluster is to have: whoever started them must say which. */
  | { readonly kind: 'tooMany'; readonly known: readonly string[] };

/**
 * How members that know only how many they are to be become a cluster: each waits until it knows so many, says which, and begins
 * when all of those say the same. What it has said once it never takes back while it runs, so that two sets of members that
 * overlap are never both agreed on: who is in both has said one of them.
 *
 * The one decision that rests on gossip, made once, before there is anything to lose; afterwards the cluster's own log says who its
 * members are. A process that is ended and started anew before it has written down what was agreed on may say something else: to
 * start more members than the cluster is to have is an error for that reason, and is told as one.
 */
export class InitialCluster {
  readonly #size: number;
  /** Those that were announced, by name; undefined before. */
  #announced: readonly MemberRecord[] | undefined;
  #note = '';

  /** @param size how many the cluster is to have */
  constructor(size: number) {
    this.#size = size;
  }

  /** @param live this member and the others that are there; those without a peer address are not meant */
  consider(live: readonly MemberRecord[]): InitialClusterVerdict {
    const able = live.filter(({ peerAddress }) => peerAddress !== '');
    const sorted = able.toSorted((left, right) => compareKeys(left.name, right.name));
    const known = sorted.map(({ name }) => name);
    if (this.#announced === undefined) {
      if (sorted.length < this.#size) return { kind: 'waiting', known, missing: [] };
      if (sorted.length > this.#size) return { kind: 'tooMany', known };
      this.#announced = sorted;
      this.#note = noteOf(sorted);
      return { kind: 'announce', note: this.#note };
    }
    const saying = new Set(sorted.filter(({ note }) => note === this.#note).map(({ name }) => name));
    const missing = this.#announced.map(({ name }) => name).filter((name) => !saying.has(name));
    return missing.length > 0
      ? { kind: 'waiting', known, missing }
      : { kind: 'agreed', members: this.#announced };
  }
}

/** Equal where the names and the peer addresses are. */
function noteOf(members: readonly MemberRecord[]): string {
  const hash = new RollingHash();
  for (const { name, peerAddress } of members) {
    hash.text(name);
    hash.text(peerAddress);
  }
  return `initial ${members.length} ${hash.digest()}`;
}
