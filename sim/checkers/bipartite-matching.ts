/**
 * Pairs each of the lefts with one of its candidates, no candidate twice: Kuhn's algorithm of augmenting paths. A left that
 * was paired stays so, perhaps with another candidate; when one cannot be added, no pairing of all of them exists.
 */
export class BipartiteMatching {
  readonly #candidates = new Map<number, readonly number[]>();
  /** By candidate. */
  readonly #leftOf = new Map<number, number>();

  /** Each left with its candidate, in no order. */
  get pairs(): readonly (readonly [left: number, candidate: number])[] {
    return [...this.#leftOf].map(([candidate, left]) => [left, candidate] as const);
  }

  /** @returns false when the lefts so far and this one cannot all be paired */
  add(left: number, candidates: readonly number[]): boolean {
    this.#candidates.set(left, candidates);
    return this.#augment(left, new Set());
  }

  #augment(left: number, tried: Set<number>): boolean {
    const candidates = this.#candidates.get(left) ?? [];
    for (const candidate of candidates) {
      if (this.#leftOf.has(candidate)) continue;
      this.#leftOf.set(candidate, left);
      return true;
    }
    for (const candidate of candidates) {
      if (tried.has(candidate)) continue;
      tried.add(candidate);
      const other = this.#leftOf.get(candidate);
      if (other === undefined || !this.#augment(other, tried)) continue;
      this.#leftOf.set(candidate, left);
      return true;
    }
    return false;
  }
}
