/** An answer with records that is on its way to a follower. */
export interface WindowEntry {
  readonly bytes: number;
  readonly sentUs: number;
  isFreed: boolean;
}

/**
 * Bytes of records on their way to one broker, all partitions together: bounded, so that a broker that is far behind with many
 * partitions does not fill the leader's connection. An entry is freed when the follower fetches that partition again, which
 * shows that the answer has come, or when the follower takes it for lost.
 */
export class FollowerWindow {
  readonly #bytesMax: number;
  readonly #timeoutUs: number;
  /** Oldest first; freed ones are dropped once they are the oldest. */
  #entries: WindowEntry[] = [];
  #bytes = 0;

  constructor(bytesMax: number, timeoutUs: number) {
    this.#bytesMax = bytesMax;
    this.#timeoutUs = timeoutUs;
  }

  /** What may still be sent; an answer larger than that goes only where nothing else is on its way. */
  get freeBytes(): number {
    return this.#bytesMax - this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  add(bytes: number, nowUs: number): WindowEntry {
    const entry: WindowEntry = { bytes, sentUs: nowUs, isFreed: false };
    this.#entries.push(entry);
    this.#bytes += bytes;
    return entry;
  }

  free(entry: WindowEntry): void {
    if (entry.isFreed) return;
    entry.isFreed = true;
    this.#bytes -= entry.bytes;
  }

  /** Frees what must be taken for lost. */
  expire(nowUs: number): void {
    let gone = 0;
    for (const entry of this.#entries) {
      if (!entry.isFreed && entry.sentUs + this.#timeoutUs > nowUs) break;
      this.free(entry);
      gone += 1;
    }
    if (gone > 0) this.#entries = this.#entries.slice(gone);
  }

  /** When something may be taken for lost; `Infinity` when nothing is on its way. */
  get deadlineUs(): number {
    const oldest = this.#entries.find(({ isFreed }) => !isFreed);
    return oldest === undefined ? Infinity : oldest.sentUs + this.#timeoutUs;
  }
}
