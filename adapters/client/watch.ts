import { type Event, eventTypes, watchFilters } from '../../core/chainfire/api/watch.ts';
import { type WatchBatch, type WatchEnd } from '../../core/chainfire/client/protocol.ts';
import { type ClientDriver, type OpenWatch } from './driver.ts';
import { type Bytes, keyOf } from './bytes.ts';
import { Deferred } from './deferred.ts';
import { type Entry, entryOf } from './entry.ts';
import { ChainfireError, errorOfWatchEnd } from './errors.ts';
import { type KeyRange, prefixRange, rangeBetween } from './ranges.ts';

/** One key, every key that begins with a prefix, or every key from one on and before another. */
export type WatchedKeys = Bytes | { readonly prefix: Bytes } | { readonly from: Bytes; readonly to: Bytes };

export interface WatchOptions {
  /** The first revision wanted. Absent: what happens once the watch is set up (see `ready`). */
  readonly fromRevision?: number | undefined;
  /** Events carry what the key held before, unless that has been compacted. */
  readonly previous?: boolean;
  /** Leave these events out. */
  readonly without?: 'puts' | 'deletes';
  /** Yield batches without events now and then, whose revision says how far the watch has come. */
  readonly progress?: boolean;
  /** What may wait to be read; beyond it the member is told to stop. Default 1 MiB. One batch always fits. */
  readonly bufferBytesMax?: number;
  /** Ends the watch like `close`. */
  readonly signal?: AbortSignal;
}

export interface WatchEvent {
  readonly kind: 'put' | 'delete';
  /** Of a deletion: key and revision alone. */
  readonly entry: Entry;
  readonly previous: Entry | undefined;
}

/** Whole revisions, in order. `revision`: everything up to it has been yielded. */
export interface Changes {
  readonly revision: number;
  readonly events: readonly WatchEvent[];
}

const bufferBytesMaxDefault = 1_048_576;
/** What an event takes beside its key and value. */
const eventBytes = 128;

/**
 * The changes of some keys, as an async iterable of whole revisions: each once, in order, none left out, whatever becomes of
 * streams and members. It ends with an error, COMPACTED when it has been away, or was not read, for so long that what comes
 * next is gone; and quietly when it is closed. To be iterated once.
 */
export class Watch implements AsyncIterableIterator<Changes, void, undefined> {
  /** Resolves once a member has set the watch up, with the revision behind which it tells everything. */
  readonly ready: Promise<number>;
  readonly #open: OpenWatch;
  readonly #bufferBytesMax: number;
  readonly #showsProgress: boolean;
  readonly #buffer: { readonly changes: Changes; readonly bytes: number }[] = [];
  #bufferBytes = 0;
  #paused = false;
  #state: 'open' | 'closed' | ChainfireError = 'open';
  #wanted: Deferred<IteratorResult<Changes, void>> | undefined;
  readonly #ready: Deferred<number>;
  #isReady = false;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.close();

  constructor(client: ClientDriver, keys: WatchedKeys, options: WatchOptions) {
    this.#bufferBytesMax = options.bufferBytesMax ?? bufferBytesMaxDefault;
    this.#showsProgress = options.progress === true;
    this.#ready = new Deferred();
    this.ready = this.#ready.promise;
    // Whoever does not wait for it learns of the end by iterating.
    this.ready.catch(() => undefined);
    this.#signal = options.signal;
    this.#open = client.watch(
      {
        ...rangeOf(keys),
        startRevision: options.fromRevision ?? 0,
        prevKv: options.previous === true,
        filters: filtersOf(options.without),
        progressNotify: this.#showsProgress,
      },
      { delivered: (batch) => this.#onDelivered(batch), ended: (end) => this.#onEnded(end) },
    );
    if (this.#signal?.aborted === true) this.close();
    else this.#signal?.addEventListener('abort', this.#onAbort);
  }

  /** What was not yet read is dropped. */
  close(): void {
    if (this.#state !== 'open') return;
    this.#open.close();
    this.#buffer.length = 0;
    this.#end('closed');
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Changes, void>> {
    const first = this.#buffer.shift();
    if (first !== undefined) {
      this.#bufferBytes -= first.bytes;
      if (this.#paused && this.#bufferBytes * 2 <= this.#bufferBytesMax) {
        this.#paused = false;
        this.#open.resume();
      }
      return Promise.resolve({ done: false, value: first.changes });
    }
    if (this.#state === 'closed') return Promise.resolve({ done: true, value: undefined });
    if (this.#state !== 'open') return Promise.reject(this.#state);
    if (this.#wanted !== undefined) throw new Error('a watch has one reader, who reads one at a time');
    this.#wanted = new Deferred();
    return this.#wanted.promise;
  }

  /** Leaving a `for await` closes the watch. */
  return(): Promise<IteratorResult<Changes, void>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #onDelivered(batch: WatchBatch): void {
    if (this.#state !== 'open') return;
    if (!this.#isReady) {
      this.#isReady = true;
      this.#ready.resolve(batch.revision);
      if (batch.events.length === 0) return;
    }
    if (batch.events.length === 0 && !this.#showsProgress) return;
    const changes = { revision: batch.revision, events: batch.events.flatMap(eventOf) };
    if (this.#wanted !== undefined) {
      this.#wanted.resolve({ done: false, value: changes });
      this.#wanted = undefined;
      return;
    }
    const bytes = bytesIn(batch);
    this.#buffer.push({ changes, bytes });
    this.#bufferBytes += bytes;
    if (this.#paused || this.#bufferBytes < this.#bufferBytesMax) return;
    this.#paused = true;
    this.#open.pause();
  }

  #onEnded(end: WatchEnd): void {
    if (this.#state === 'open') this.#end(errorOfWatchEnd(end));
  }

  #end(state: 'closed' | ChainfireError): void {
    this.#state = state;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#ready.reject(
      state === 'closed' ? new ChainfireError('failed', 'CLOSED', 'the watch was closed') : state,
    );
    if (state === 'closed') this.#wanted?.resolve({ done: true, value: undefined });
    else this.#wanted?.reject(state);
    this.#wanted = undefined;
  }
}

function rangeOf(keys: WatchedKeys): KeyRange {
  if (typeof keys === 'string' || keys instanceof Uint8Array) return { key: keyOf(keys), rangeEnd: '' };
  return 'prefix' in keys ? prefixRange(keys.prefix) : rangeBetween(keys.from, keys.to);
}

function filtersOf(without: 'puts' | 'deletes' | undefined): readonly number[] {
  if (without === undefined) return [];
  return [without === 'puts' ? watchFilters.noPut : watchFilters.noDelete];
}

function eventOf(event: Event): readonly WatchEvent[] {
  const entry = entryOf(event.kv);
  if (entry === undefined) return [];
  const kind = event.type === eventTypes.delete ? 'delete' : 'put';
  return [{ kind, entry, previous: entryOf(event.prevKv) }];
}

function bytesIn({ events }: WatchBatch): number {
  let bytes = eventBytes;
  for (const { kv, prevKv } of events) {
    bytes += eventBytes + (kv?.value.length ?? 0) + (kv?.key.length ?? 0) + (prevKv?.value.length ?? 0);
  }
  return bytes;
}
