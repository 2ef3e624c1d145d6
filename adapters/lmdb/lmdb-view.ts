import { assert } from '../../core/base/assert.ts';
import { type StoreRange, type StoreRow, type StoreView } from '../../core/storage/backend.ts';
import { type Generation, type Snapshot } from './generation.ts';
import { mergeLayers, type PendingLayer } from './pending-layer.ts';

/**
 * The content at one moment: what was committed by then, with what was pending laid over it. Its generation stays on disk
 * until the view is closed.
 */
export class LmdbView implements StoreView {
  readonly #generation: Generation;
  readonly #snapshot: Snapshot;
  /** Newest first; nobody changes them any more. */
  readonly #layers: readonly PendingLayer[];
  readonly #onClose: () => void;
  #open = true;

  constructor(generation: Generation, layers: readonly PendingLayer[], onClose: () => void) {
    this.#generation = generation;
    this.#snapshot = generation.takeSnapshot();
    this.#layers = layers;
    this.#onClose = onClose;
  }

  get(table: string, key: string): Uint8Array | undefined {
    this.#assertOpen();
    for (const layer of this.#layers) {
      const value = layer.table(table).get(key);
      if (value !== undefined) return value ?? undefined;
    }
    return this.#generation.get(table, key, this.#snapshot);
  }

  range(table: string, range: StoreRange): Iterable<StoreRow> {
    this.#assertOpen();
    const layers = this.#layers.map((layer) => layer.table(table));
    return {
      [Symbol.iterator]: () =>
        this.#untilClosed(mergeLayers(layers, this.#generation.range(table, range, this.#snapshot), range)),
    };
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#generation.releaseSnapshot(this.#snapshot);
    this.#onClose();
  }

  /** A transaction that has ended must not be read from, not even by a range that was begun before. */
  *#untilClosed(rows: Iterator<StoreRow>): Generator<StoreRow, void, undefined> {
    for (;;) {
      this.#assertOpen();
      const next = rows.next();
      if (next.done === true) return;
      yield next.value;
    }
  }

  #assertOpen(): void {
    assert(this.#open, 'a view is used while it is open');
  }
}
