export interface AppendWait {
  readonly token: number;
  /** What has to be reached: an offset, behind its last record; or the number of a confirmation. */
  readonly upTo: number;
  readonly bytes: number;
  readonly deadlineUs: number;
}

/** Appends that wait until an offset, or a number, has come up to theirs, the lowest first. Bounded by whoever adds them. */
export class AppendWaits {
  #waits: AppendWait[] = [];
  /** At or before the earliest deadline. */
  #deadlineUs = Infinity;

  get size(): number {
    return this.#waits.length;
  }

  get deadlineUs(): number {
    return this.#deadlineUs;
  }

  /** They rise with each append; only one that was there already, a duplicate, comes out of turn. */
  add(wait: AppendWait): void {
    let at = this.#waits.length;
    while (at > 0 && (this.#waits[at - 1] as AppendWait).upTo > wait.upTo) at -= 1;
    if (at === this.#waits.length) this.#waits.push(wait);
    else this.#waits.splice(at, 0, wait);
    if (wait.deadlineUs < this.#deadlineUs) this.#deadlineUs = wait.deadlineUs;
  }

  /** Takes those that wait for this, or for less. */
  takeUpTo(reached: number): readonly AppendWait[] {
    let count = 0;
    while (count < this.#waits.length && (this.#waits[count] as AppendWait).upTo <= reached) count += 1;
    if (count === 0) return none;
    const taken = this.#waits.splice(0, count);
    // A deadline that went with them may have been the earliest; that is found out when it comes.
    if (this.#waits.length === 0) this.#deadlineUs = Infinity;
    return taken;
  }

  takeExpired(nowUs: number): readonly AppendWait[] {
    if (nowUs < this.#deadlineUs) return none;
    const taken = this.#waits.filter(({ deadlineUs }) => deadlineUs <= nowUs);
    this.#waits = this.#waits.filter(({ deadlineUs }) => deadlineUs > nowUs);
    this.#deadlineUs = Infinity;
    for (const { deadlineUs } of this.#waits) this.#deadlineUs = Math.min(this.#deadlineUs, deadlineUs);
    return taken;
  }

  takeAll(): readonly AppendWait[] {
    const taken = this.#waits;
    this.#waits = [];
    this.#deadlineUs = Infinity;
    return taken;
  }
}

const none: readonly AppendWait[] = [];
