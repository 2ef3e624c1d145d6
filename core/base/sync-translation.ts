import { assert } from './assert.ts';

interface SyncPair {
  readonly part: number;
  readonly whole: number;
}

/**
 * Between the sync numbers of a part that counts its own (a Raft node) and those of the machine that it belongs to, whose
 * `persist` holds what several parts have written: which of the machine's must have ended before something of the part is
 * durable, and the other way round.
 *
 * Holds a pair for each of the part's writes since the last sync; the machine's runner bounds them by syncing.
 */
export class SyncTranslation {
  /** Oldest first. Invariant: both numbers rise, the part's strictly. */
  readonly #pairs: SyncPair[] = [];
  #lastPart = 0;
  #syncedPart = 0;
  #syncedWhole = 0;

  /** What the part wrote under `part` goes out under `whole`. */
  written(part: number, whole: number): void {
    assert(part > this.#lastPart, 'a part counts its writes upwards');
    assert(whole > this.#syncedWhole, 'nothing is written under a number that is synced already');
    assert(whole >= (this.#pairs.at(-1)?.whole ?? 0), 'a machine counts its writes upwards');
    this.#lastPart = part;
    this.#pairs.push({ part, whole });
  }

  /** The machine's number for an effect that the part gates by `part`; 0 where it is durable already. */
  gate(part: number): number {
    if (part <= this.#syncedPart) return 0;
    for (const pair of this.#pairs) if (pair.part >= part) return pair.whole;
    assert(false, 'a part waits only for what it has written');
  }

  /** The machine's writes up to `whole` are durable. @returns the part's highest write among them that was not before */
  synced(whole: number): number | undefined {
    this.#syncedWhole = Math.max(this.#syncedWhole, whole);
    let part: number | undefined;
    for (let next = this.#pairs[0]; next !== undefined && next.whole <= whole; next = this.#pairs[0]) {
      part = next.part;
      this.#pairs.shift();
    }
    if (part !== undefined) this.#syncedPart = part;
    return part;
  }
}
