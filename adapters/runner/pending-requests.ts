import { type CancelSignal } from './cancellation.ts';

interface PendingRequest<Response> {
  readonly resolve: (response: Response) => void;
  readonly reject: (reason: Error) => void;
  readonly signal: CancelSignal | undefined;
  readonly onAbort: (() => void) | undefined;
}

/** Requests that wait for their reply, by number. Bounded by the machine, which refuses what is too much for it. */
export class PendingRequests<Response> {
  readonly #byId = new Map<number, PendingRequest<Response>>();
  #lastId = 0;

  get size(): number {
    return this.#byId.size;
  }

  has(requestId: number): boolean {
    return this.#byId.has(requestId);
  }

  /** When the signal is aborted the promise rejects with its reason, and `onAborted` is told. */
  open(
    signal: CancelSignal | undefined,
    onAborted: (requestId: number) => void,
  ): { readonly requestId: number; readonly promise: Promise<Response> } {
    this.#lastId += 1;
    const requestId = this.#lastId;
    const promise = new Promise<Response>((resolve, reject) => {
      let onAbort: (() => void) | undefined;
      if (signal !== undefined) {
        onAbort = () => {
          this.#byId.delete(requestId);
          reject(signal.reason as Error);
          onAborted(requestId);
        };
        signal.addEventListener('abort', onAbort, { once: true });
      }
      this.#byId.set(requestId, { resolve, reject, signal, onAbort });
    });
    return { requestId, promise };
  }

  /** False when nobody waits for this reply any more. */
  settle(requestId: number, response: Response): boolean {
    const pending = this.#take(requestId);
    pending?.resolve(response);
    return pending !== undefined;
  }

  rejectAll(reason: Error): void {
    for (const requestId of [...this.#byId.keys()]) this.#take(requestId)?.reject(reason);
  }

  #take(requestId: number): PendingRequest<Response> | undefined {
    const pending = this.#byId.get(requestId);
    if (pending === undefined) return undefined;
    this.#byId.delete(requestId);
    if (pending.onAbort !== undefined) pending.signal?.removeEventListener('abort', pending.onAbort);
    return pending;
  }
}
