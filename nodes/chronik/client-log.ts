import { type Logger } from 'pino';

import { type FailedAuthentication } from '../../adapters/kafka/server-options.ts';

/** Lines a minute: any client can cause them. */
const linesMax = 20;
const windowMs = 60_000;

/** Tells of clients that were shown out, a few a minute. */
export class ClientLog {
  readonly #log: Logger;
  #windowStartMs = -Infinity;
  #lines = 0;
  #untold = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  refused(remote: string, reason: string): void {
    this.#tell({ remote, reason }, 'the connection of a client was closed');
  }

  authenticationFailed(failed: FailedAuthentication): void {
    this.#tell({ ...failed }, 'a client could not log in');
  }

  #tell(what: Readonly<Record<string, string>>, message: string): void {
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
    this.#log.warn({ ...what, ...untold }, message);
  }
}
