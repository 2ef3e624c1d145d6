/**
 * The part of an `AbortSignal` that calls need. Every call has one and almost none is ever aborted, and the platform's own, an
 * event target, costs several times what the rest of a call's bookkeeping does.
 */
export interface CancelSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  /** Called at most once; not at all when it was aborted before. */
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** A call's end before its time. */
export class Cancellation implements CancelSignal {
  #aborted = false;
  #reason: unknown;
  /** Whoever waits: for most calls, one. */
  #listeners: (() => void)[] = [];

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (!this.#aborted) this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const at = this.#listeners.indexOf(listener);
    if (at >= 0) this.#listeners.splice(at, 1);
  }

  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }
}
