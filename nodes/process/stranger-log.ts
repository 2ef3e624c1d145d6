import { type Logger } from 'pino';

/** Lines of this kind a minute: anybody can cause them. */
const linesMax = 10;
const windowMs = 60_000;

/** Tells who was turned away at the door, a few a minute. */
export class StrangerLog {
  readonly #log: Logger;
  #windowStartMs = -Infinity;
  #lines = 0;
  #untold = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  refused(port: 'clients' | 'peers', remote: string, reason: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#windowStartMs >= windowMs) {
      this.#windowStartMs = nowMs;
      this.#lines = 0;
    }
    if (this.#lines >= linesMax) {
      this.#untold += 1;
      return;
    }
    this.#lines += 1;
    const untold = this.#untold === 0 ? {} : { untold: this.#untold };
    this.#untold = 0;
    this.#log.warn({ port, remote, reason, ...untold }, 'a connection was refused: its TLS was not good');
  }
}
