import { setTimeout } from 'node:timers/promises';

import { type Bytes } from '../../../adapters/client/bytes.ts';
import { type Chainfire } from '../../../adapters/client/chainfire.ts';
import { Deferred } from '../../../adapters/client/deferred.ts';
import { type Entry } from '../../../adapters/client/entry.ts';
import { ChainfireError } from '../../../adapters/client/errors.ts';
import { operation } from '../../../adapters/client/txn.ts';
import { type Watch, type WatchEvent } from '../../../adapters/client/watch.ts';
import { type HandlerFailed } from './event-dispatcher.ts';

/** Which changes are told: writes of one key, its deletion, or either of every key that begins with a prefix. */
export type SubscribedKeys =
  | { readonly kind: 'keyChanged'; readonly key: Bytes }
  | { readonly kind: 'keyDeleted'; readonly key: Bytes }
  | { readonly kind: 'prefixChanged'; readonly prefix: Bytes };

/** One change of one key. */
export interface KeyChange {
  readonly kind: 'put' | 'delete';
  /** Of a deletion: key and revision alone. */
  readonly entry: Entry;
  /** What the key held before, where `previous` was asked for and that is not compacted. */
  readonly previous: Entry | undefined;
  /** Of the write. Several keys may change at one. */
  readonly revision: number;
}

/** When it returns a promise, the next change waits until that has ended; anything else that it returns is ignored. */
export type KeyHandler = (change: KeyChange) => unknown;

/** What lies between the last change that was told and the present was compacted before the handler came to it. */
export interface KeysResync {
  /** Every change up to it was told. */
  readonly afterRevision: number;
  /** Every change behind it will be told. */
  readonly revision: number;
  /** The keys as of `revision`, in pages; COMPACTED when that, too, is compacted before it has been read. */
  entries(): AsyncGenerator<Entry, void, undefined>;
}

export interface KeySubscriptionOptions {
  /** The first revision wanted; absent: what happens once the subscription is `ready`. */
  readonly fromRevision?: number;
  /** Changes say what the key held before. */
  readonly previous?: boolean;
  /** Bytes that may wait for the handler; beyond it they wait in the store's history. Default 1 MiB. */
  readonly bufferBytesMax?: number;
  /** Called in place of the changes that cannot be told any more. Absent: the subscription ends then, with COMPACTED. */
  readonly onResync?: (resync: KeysResync) => unknown;
}

/** Between two attempts at something that surely was not done. */
const pauseMs = 100;

/**
 * The changes of some keys, each once, in the order of their revisions, whoever leads and however often that changes.
 *
 * The handler is called for one at a time. What it is too slow for waits in the store, not in memory; only when that history is
 * compacted is there something that it is not told, and then it is told that.
 */
export class KeySubscription {
  /** Resolves with the revision behind which everything is told; rejects when it ends before. */
  readonly ready: Promise<number>;
  /** Resolves when it was closed; rejects with what has ended it, which is reported, too. */
  readonly ended: Promise<void>;
  readonly #client: Chainfire;
  readonly #keys: SubscribedKeys;
  readonly #handler: KeyHandler;
  readonly #options: KeySubscriptionOptions;
  readonly #onFailed: HandlerFailed;
  readonly #ready = new Deferred<number>();
  /** Everything up to it was told. */
  #revision = 0;
  #watch: Watch | undefined;
  #closed = false;

  /** @param parts.begun resolves when there is a member to ask; rejects when there will be none */
  constructor(
    client: Chainfire,
    keys: SubscribedKeys,
    handler: KeyHandler,
    options: KeySubscriptionOptions,
    parts: { readonly begun: Promise<void>; readonly onFailed: HandlerFailed },
  ) {
    this.#client = client;
    this.#keys = keys;
    this.#handler = handler;
    this.#options = options;
    this.#onFailed = parts.onFailed;
    this.#revision = (options.fromRevision ?? 1) - 1;
    this.ready = this.#ready.promise;
    this.ready.catch(() => undefined);
    this.ended = this.#run(parts.begun);
    this.ended.catch(() => undefined);
  }

  /** A change that is being handled is handled to its end; no other is begun. */
  close(): void {
    this.#closed = true;
    this.#watch?.close();
  }

  async #run(begun: Promise<void>): Promise<void> {
    let fromRevision = this.#options.fromRevision;
    try {
      await begun;
      for (;;) {
        try {
          await this.#follow(fromRevision);
          return;
        } catch (error) {
          const canResync = error instanceof ChainfireError && error.code === 'COMPACTED';
          if (!canResync || this.#options.onResync === undefined || this.#isClosed) throw error;
          await this.#resync(this.#options.onResync);
          fromRevision = this.#revision + 1;
        }
      }
    } catch (error) {
      this.#ready.reject(error);
      if (this.#isClosed) return;
      this.#onFailed(error, { kind: this.#keys.kind });
      throw error;
    }
  }

  /** Until it is closed. */
  async #follow(fromRevision: number | undefined): Promise<void> {
    if (this.#isClosed) return;
    const keys = this.#keys;
    const watch = this.#client.watch(keys.kind === 'prefixChanged' ? { prefix: keys.prefix } : keys.key, {
      fromRevision,
      previous: this.#options.previous === true,
      ...(keys.kind === 'keyChanged' ? { without: 'deletes' } : {}),
      ...(keys.kind === 'keyDeleted' ? { without: 'puts' } : {}),
      ...(this.#options.bufferBytesMax === undefined ? {} : { bufferBytesMax: this.#options.bufferBytesMax }),
    });
    this.#watch = watch;
    watch.ready.then(
      (revision) => {
        this.#revision = Math.max(this.#revision, fromRevision === undefined ? revision : fromRevision - 1);
        this.#ready.resolve(this.#revision);
      },
      // Whoever iterates learns of it.
      () => undefined,
    );
    for await (const { revision, events } of watch) {
      for (const event of events) await this.#tell(event);
      this.#revision = revision;
      if (this.#isClosed) return;
    }
  }

  async #tell({ kind, entry, previous }: WatchEvent): Promise<void> {
    if (this.#isClosed) return;
    const change: KeyChange = { kind, entry, previous, revision: entry.modRevision };
    await this.#handled(change, () => this.#handler(change));
  }

  async #resync(onResync: (resync: KeysResync) => unknown): Promise<void> {
    const revision = await this.#presentRevision();
    const resync: KeysResync = {
      afterRevision: this.#revision,
      revision,
      entries: () => this.#entriesAt(revision),
    };
    this.#revision = revision;
    await this.#handled({ kind: 'resync' }, () => onResync(resync));
  }

  async #handled(event: { readonly kind: string }, handle: () => unknown): Promise<void> {
    try {
      await handle();
    } catch (error) {
      this.#onFailed(error, event);
    }
  }

  /** As the cluster has it, however long there is no leader to say so. */
  async #presentRevision(): Promise<number> {
    for (;;) {
      try {
        return (await this.#client.txn().do(operation.get('\0')).commit()).revision;
      } catch (error) {
        if (!(error instanceof ChainfireError) || error.outcome !== 'failed' || this.#isClosed) throw error;
        await setTimeout(pauseMs);
      }
    }
  }

  async *#entriesAt(revision: number): AsyncGenerator<Entry, void, undefined> {
    const keys = this.#keys;
    if (keys.kind === 'prefixChanged') {
      yield* this.#client.prefix(keys.prefix, { revision });
      return;
    }
    const entry = await this.#client.get(keys.key, { revision });
    if (entry !== undefined) yield entry;
  }

  /** Asked anew behind every wait. */
  get #isClosed(): boolean {
    return this.#closed;
  }
}
