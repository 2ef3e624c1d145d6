import { type CancelSignal } from '../../runner/cancellation.ts';
import { StatusError } from '../status.ts';

/** The end of a call that several may bring about; the first counts. A client that leaves is one of them. */
export class CallEnd {
  /** Rejects with the status of the first failure. */
  readonly reached: Promise<void>;
  #resolve: () => void = () => undefined;
  #reject: (reason: unknown) => void = () => undefined;

  constructor(signal: CancelSignal) {
    this.reached = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever waits hears of it; nobody may be left to wait.
    this.reached.catch(() => undefined);
    const leave = (): void => this.fail(new StatusError('CANCELLED', 'the client has gone'));
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  }

  /** A good end. */
  readonly end = (): void => this.#resolve();

  readonly fail = (reason: unknown): void => this.#reject(reason);
}
