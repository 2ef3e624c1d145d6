import { setTimeout as after } from 'node:timers/promises';

import { fetchImage } from '../../../adapters/images/fetch-image.ts';
import { type ImageStore } from '../../../adapters/images/image-store.ts';
import { type ImageChunkRequest } from '../../../core/plasma/agent-protocol.ts';
import { type Digest } from '../../../core/plasma/types.ts';

/** Another server: gives pieces of what it has, and rejects for what it has not. */
export interface ImageHolder {
  fetchImage(
    request: ImageChunkRequest,
    timeoutMs: number,
  ): Promise<{ readonly bytes: Uint8Array; readonly totalBytes: number }>;
}

export interface ImageCopiesParts {
  readonly store: ImageStore;
  /** The other servers. None: there is nobody to fetch from, and nothing is done. */
  readonly peers: readonly ImageHolder[];
  readonly fileBytesMax: number;
  /** Digests that the catalogue names, of all projects. */
  readonly catalogue: (signal: AbortSignal) => Promise<ReadonlySet<Digest>>;
  /** An image has come. */
  readonly onCopied: (digest: Digest) => void;
  /** Told once, until the next one of this image goes well. */
  readonly onFailed: (what: string, error: unknown) => void;
}

/** From the end of one look at the catalogue to the next. */
const pauseMs = 1_000;
const askTimeoutMs = 5_000;
const usPerMs = 1_000;

/**
 * Sees to it that this server has every image that the catalogue names: what it lacks it fetches from a server that has it, one
 * image at a time, checked against its digest, from where an earlier attempt had come to. What the catalogue does not name is
 * neither fetched nor removed.
 */
export class ImageCopies {
  readonly #parts: ImageCopiesParts;
  readonly #end = new AbortController();
  readonly #failed = new Set<string>();
  #running: Promise<void> | undefined;
  #missing = 0;

  constructor(parts: ImageCopiesParts) {
    this.#parts = parts;
  }

  /** Images of the catalogue that were not here when it was looked at last. */
  get missing(): number {
    return this.#missing;
  }

  start(): void {
    if (this.#parts.peers.length > 0) this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#end.abort(new Error('the server is stopping'));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      await this.#try('the catalogue of images', () => this.#round());
      await after(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #round(): Promise<void> {
    const wanted = await this.#unlessEnded(this.#parts.catalogue(this.#end.signal));
    const here = new Set(await this.#parts.store.list());
    const lacking = [...wanted].filter((digest) => !here.has(digest));
    this.#missing = lacking.length;
    // No more is remembered of what was tried than what is still to be tried.
    for (const what of this.#failed) if (!lacking.includes(what)) this.#failed.delete(what);
    for (const digest of lacking) {
      if (this.#end.signal.aborted) return;
      await this.#try(digest, () => this.#copy(digest));
    }
  }

  async #copy(digest: Digest): Promise<void> {
    const { store, fileBytesMax, onCopied } = this.#parts;
    // Whoever has it is looked for first: nobody else's answers are waited for, and no other image waits for one that nobody has.
    const holders = await this.#holders(digest);
    if (holders.length === 0) throw new Error('no server that can be reached has it');
    await fetchImage({
      ...{ store, digest, fileBytesMax, servers: holders.length, signal: this.#end.signal },
      ask: (position, request, { timeoutUs }) => {
        const holder = holders[position];
        if (holder === undefined) return Promise.reject(new Error(`there is no holder ${position}`));
        return this.#unlessEnded(holder.fetchImage(request, timeoutUs / usPerMs));
      },
    });
    this.#missing -= 1;
    onCopied(digest);
  }

  async #holders(digest: Digest): Promise<readonly ImageHolder[]> {
    const has = await Promise.all(
      this.#parts.peers.map((peer) =>
        this.#unlessEnded(peer.fetchImage({ digest, fromByte: 0, bytesMax: 1 }, askTimeoutMs)).then(
          () => true,
          () => false,
        ),
      ),
    );
    return this.#parts.peers.filter((_, position) => has[position]);
  }

  /** A server that stops waits for nobody's answer. */
  #unlessEnded<T>(answer: Promise<T>): Promise<T> {
    const { signal } = this.#end;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        reject(signal.reason as Error);
      };
      if (signal.aborted) end();
      signal.addEventListener('abort', end, { once: true });
      void answer.then(resolve, reject).finally(() => {
        signal.removeEventListener('abort', end);
      });
    });
  }

  /** What fails is tried again in the next round. */
  async #try(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#failed.delete(what);
    } catch (error) {
      if (!this.#end.signal.aborted && !this.#failed.has(what)) {
        this.#failed.add(what);
        this.#parts.onFailed(what, error);
      }
    }
  }
}
