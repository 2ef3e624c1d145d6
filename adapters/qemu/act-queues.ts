import { actsWaitingMax } from '../../core/plasma/hypervisor.ts';

/** One thing after the other for each key, in order; different keys side by side. */
export class ActQueues {
  readonly #waiting = new Map<string, (() => Promise<void>)[]>();

  /** False: too many wait. `act` never rejects. */
  add(key: string, act: () => Promise<void>): boolean {
    const queue = this.#waiting.get(key);
    if (queue !== undefined) {
      if (queue.length >= actsWaitingMax) return false;
      queue.push(act);
      return true;
    }
    const fresh = [act];
    this.#waiting.set(key, fresh);
    void this.#drain(key, fresh);
    return true;
  }

  async #drain(key: string, queue: (() => Promise<void>)[]): Promise<void> {
    // Never from within the call that added it.
    await undefined;
    for (let act = queue.shift(); act !== undefined; act = queue.shift()) await act();
    this.#waiting.delete(key);
  }
}
