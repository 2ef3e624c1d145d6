import { type Backoff } from './backoff.ts';

/** A kind of request of which one is under way at a time, and which is asked again after a wait when it has failed. */
export class Channel {
  readonly #backoff: Backoff;
  #callId: number | undefined;
  #notBeforeUs = 0;

  constructor(backoff: Backoff) {
    this.#backoff = backoff;
  }

  get deadlineUs(): number {
    return this.#callId === undefined ? this.#notBeforeUs : Infinity;
  }

  ready(nowUs: number): boolean {
    return this.#callId === undefined && nowUs >= this.#notBeforeUs;
  }

  asked(callId: number): void {
    this.#callId = callId;
  }

  /** @returns false: this is not the call that is under way */
  ended(callId: number): boolean {
    if (this.#callId !== callId) return false;
    this.#callId = undefined;
    return true;
  }

  succeeded(): void {
    this.#backoff.succeeded();
    this.#notBeforeUs = 0;
  }

  failed(nowUs: number): void {
    this.#notBeforeUs = nowUs + this.#backoff.failed();
  }

  /** What is under way is of no interest any more. */
  reset(): void {
    this.#callId = undefined;
    this.#notBeforeUs = 0;
  }
}
