import { close, fdatasync, open } from 'node:fs';

import { NodeFileLayer } from './node-file-layer.ts';

/** When what is written to a file counts as durable. */
export type FlushPolicy =
  /** Once the disk has it. */
  | { readonly kind: 'always' }
  /** Once the system has it, which is told to write it out within that time. */
  | { readonly kind: 'interval'; readonly ms: number }
  /** Once the system has it, which writes it out when it likes. */
  | { readonly kind: 'never' };

/** How often is looked for files whose time has come: as much later than their interval says may they be flushed. */
const lookMs = 100;

/**
 * The operating system's files, where those of some are taken for durable once the system has them.
 *
 * A process that is killed loses nothing by it. A machine that loses its power, or whose system crashes, loses what was
 * written and not flushed: the files' tails may be gone or torn, which recovery finds, and what was acknowledged by this
 * machine alone is gone with them. Directory entries, and whatever is cut, are always the disk's.
 */
export class RelaxedFileLayer extends NodeFileLayer {
  readonly #policyOf: (path: string) => FlushPolicy;
  readonly #pathOf = new Map<number, string>();
  /** Files that were written to since they were flushed, and when (ms) they are to be. */
  readonly #dueMs = new Map<string, number>();
  readonly #look: NodeJS.Timeout;
  #flushing = 0;
  /** Of a flush in the background: whoever syncs next is told. */
  #failure: Error | undefined;

  constructor(policyOf: (path: string) => FlushPolicy) {
    super();
    this.#policyOf = policyOf;
    this.#look = setInterval(() => this.#flushDue(), lookMs);
    this.#look.unref();
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
    const path = this.#pathOf.get(descriptor) ?? '';
    const policy = this.#policyOf(path);
    if (policy.kind === 'always') {
      this.#dueMs.delete(path);
      super.syncData(descriptor, (error) => onEnd(error ?? this.#failure));
      return;
    }
    if (policy.kind === 'interval' && !this.#dueMs.has(path)) {
      this.#dueMs.set(path, performance.now() + policy.ms);
    }
    setImmediate(() => onEnd(this.#failure));
  }

  /** Flushes no more by itself. */
  stop(): void {
    clearInterval(this.#look);
  }

  #flushDue(): void {
    // A disk that does not keep up is not asked for more.
    if (this.#flushing > 0) return;
    const nowMs = performance.now();
    for (const [path, dueMs] of this.#dueMs) {
      if (dueMs > nowMs) continue;
      this.#dueMs.delete(path);
      this.#flush(path);
    }
  }

  #flush(path: string): void {
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
      fdatasync(descriptor, (syncError) => {
        close(descriptor, (closeError) => ended(syncError ?? closeError ?? null));
      });
    });
  }
}
