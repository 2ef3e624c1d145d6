import { close, fdatasync, open } from 'node:fs';

import { NodeFileLayer } from './node-file-layer.ts';

/**
 * The operating system's files, where those of some are taken for durable once the system has them: `flush_policy` of a broker.
 *
 * A process that is killed loses nothing by it. A machine that loses its power, or whose system crashes, loses what was
 * written and not flushed: the files' tails may be gone or torn, which recovery finds, and what was acknowledged by this
 * machine alone is gone with them.
 */
export class RelaxedFileLayer extends NodeFileLayer {
  readonly #isRelaxed: (path: string) => boolean;
  readonly #pathOf = new Map<number, string>();
  /** Written to since the last flush began. */
  #unflushed = new Set<string>();
  #flush: NodeJS.Timeout | undefined;
  #flushing = 0;
  /** Of a flush in the background: who syncs next is told. */
  #failure: Error | undefined;

  /** @param flushIntervalMs how often what was written is flushed; undefined: when the system likes */
  constructor(isRelaxed: (path: string) => boolean, flushIntervalMs: number | undefined) {
    super();
    this.#isRelaxed = isRelaxed;
    if (flushIntervalMs === undefined) return;
    this.#flush = setInterval(() => this.#flushNow(), flushIntervalMs);
    this.#flush.unref();
  }

  override open(path: string, create: boolean): number {
    const descriptor = super.open(path, create);
    this.#pathOf.set(descriptor, path);
    return descriptor;
  }

  override close(descriptor: number): void {
    this.#pathOf.delete(descriptor);
    super.close(descriptor);
  }

  override syncData(descriptor: number, onEnd: (error: Error | undefined) => void): void {
    const path = this.#pathOf.get(descriptor);
    if (path === undefined || !this.#isRelaxed(path)) {
      super.syncData(descriptor, onEnd);
      return;
    }
    if (this.#flush !== undefined) this.#unflushed.add(path);
    setImmediate(() => onEnd(this.#failure));
  }

  override syncDirectory(path: string, onEnd: (error: Error | undefined) => void): void {
    if (this.#isRelaxed(path)) setImmediate(() => onEnd(this.#failure));
    else super.syncDirectory(path, onEnd);
  }

  /** Flushes no more by itself. */
  stop(): void {
    clearInterval(this.#flush);
  }

  #flushNow(): void {
    // A disk that does not keep up is not asked for more.
    if (this.#flushing > 0) return;
    const paths = this.#unflushed;
    this.#unflushed = new Set();
    for (const path of paths) this.#flushFile(path);
  }

  #flushFile(path: string): void {
    this.#flushing += 1;
    const ended = (error: NodeJS.ErrnoException | null): void => {
      this.#flushing -= 1;
      // Removed meanwhile: nobody wants it any more.
      if (error !== null && error.code !== 'ENOENT') this.#failure ??= error;
    };
    // A descriptor of its own: the other may be closed any time. The system flushes the file, whoever wrote to it.
    open(path, 'r+', (openError, descriptor) => {
      if (openError !== null) {
        ended(openError);
        return;
      }
      fdatasync(descriptor, (syncError) =>
        close(descriptor, (closeError) => ended(syncError ?? closeError ?? null)),
      );
    });
  }
}
