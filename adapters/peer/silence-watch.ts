export interface SilenceHandlers {
  /** Nothing but what was heard before: time to ask for a sign of life. */
  due(): void;
  /** Nothing was heard for a whole interval. Called once; the watch is over. */
  silent(): void;
}

/** Notices the other side's silence: of a machine that vanished, no system says a word. */
export class SilenceWatch {
  readonly #handlers: SilenceHandlers;
  readonly #timer: NodeJS.Timeout;
  #heard = true;
  #stopped = false;

  constructor(intervalMs: number, handlers: SilenceHandlers) {
    this.#handlers = handlers;
    this.#timer = setInterval(() => this.#look(), intervalMs);
    this.#timer.unref();
  }

  heard(): void {
    this.#heard = true;
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  #look(): void {
    if (this.#take()) {
      this.#handlers.due();
      return;
    }
    // This process may itself have stood still: then what was said meanwhile waits in the socket, and is read first.
    setImmediate(() => {
      if (this.#stopped || this.#take()) return;
      this.stop();
      this.#handlers.silent();
    });
  }

  #take(): boolean {
    const heard = this.#heard;
    this.#heard = false;
    return heard;
  }
}
