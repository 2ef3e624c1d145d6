/**
 * The lease of the node, as the agent may count it: from when the renewal that was granted was *sent*, since the server counts
 * from a later moment, and up to a margin before its end, in which what must stop is killed.
 *
 * It counts twice. Granted: servers give nothing of this node to another one. Armed: moreover the watchdog has acknowledged
 * that it kills by then what must stop, whatever becomes of this process; only so may it run.
 */
export class Lease {
  readonly #marginUs: number;
  /** When the request was sent that the newest grant answers. */
  #sentAtUs = -Infinity;
  #grantedEndUs = -Infinity;
  /** Invariant: not behind #grantedEndUs. */
  #armedEndUs = -Infinity;

  constructor(marginUs: number) {
    this.#marginUs = marginUs;
  }

  /** @returns false for an answer to an older request than the newest that was answered: it says nothing new */
  granted(sentAtUs: number, ttlUs: number): boolean {
    if (sentAtUs <= this.#sentAtUs) return false;
    this.#sentAtUs = sentAtUs;
    this.#grantedEndUs = sentAtUs + ttlUs - this.#marginUs;
    // A shorter one than before counts at once.
    this.#armedEndUs = Math.min(this.#armedEndUs, this.#grantedEndUs);
    return true;
  }

  /** The watchdog has the deadline that belongs to the grant of the request that was sent at `sentAtUs`. */
  armed(sentAtUs: number, ttlUs: number): void {
    this.#armedEndUs = Math.min(
      Math.max(this.#armedEndUs, sentAtUs + ttlUs - this.#marginUs),
      this.#grantedEndUs,
    );
  }

  get armedEndUs(): number {
    return this.#armedEndUs;
  }

  holds(nowUs: number): boolean {
    return nowUs < this.#grantedEndUs;
  }

  holdsArmed(nowUs: number): boolean {
    return nowUs < this.#armedEndUs;
  }
}
