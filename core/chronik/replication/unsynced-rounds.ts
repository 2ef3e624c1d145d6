interface Round<T> {
  readonly syncSeq: number;
  readonly items: Set<T>;
  bytes: number;
}

/** Who has appended what a sync has not covered yet, by the number of the sync that will. */
export class UnsyncedRounds<T> {
  /** Numbers rise. */
  #rounds: Round<T>[] = [];
  #bytes = 0;

  /** Appended and not known to be on the disk. */
  get bytes(): number {
    return this.#bytes;
  }

  add(syncSeq: number, item: T, bytes: number): void {
    this.#bytes += bytes;
    const newest = this.#rounds.at(-1);
    if (newest?.syncSeq === syncSeq) {
      newest.items.add(item);
      newest.bytes += bytes;
    } else {
      this.#rounds.push({ syncSeq, items: new Set([item]), bytes });
    }
  }

  /** Everybody of whom more is on the disk now, each once, in the order of their appends. */
  takeUpTo(syncSeq: number): ReadonlySet<T> {
    const items = new Set<T>();
    let taken = 0;
    for (const round of this.#rounds) {
      if (round.syncSeq > syncSeq) break;
      taken += 1;
      this.#bytes -= round.bytes;
      for (const item of round.items) items.add(item);
    }
    if (taken > 0) this.#rounds = this.#rounds.slice(taken);
    return items;
  }

  forget(item: T): void {
    for (const { items } of this.#rounds) items.delete(item);
  }
}
