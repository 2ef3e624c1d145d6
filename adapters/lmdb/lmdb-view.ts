import { assert } from '../../core/base/assert.ts';
import { type StoreRange, type StoreRow, type StoreView } from '../../core/storage/backend.ts';
import { type Generation, type Snapshot } from './generation.ts';
import { mergeLayers, type PendingLayer } from './pending-layer.ts';
import { type RawRow, type RowVisitor } from './raw-rows.ts';

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

  /** Rows from `from` on, keys ascending, until the visitor wants no more; nothing of a row is good behind its visit. */
  visitRows(table: string, from: string, visit: RowVisitor): void {
    this.#assertOpen();
    const layers = this.#layers.map((layer) => layer.table(table));
    for (let next = from; ;) {
      // Up to the next key that is pending the rows are those of the map alone.
      const pending = lowest(layers.map((layer) => firstKey(layer.range({ from: next, limit: 1 }))));
      if (!this.#generation.visit(table, { from: next, to: pending }, this.#snapshot, visit)) return;
      if (pending === undefined) return;
      const value = layers.map((layer) => layer.get(pending)).find((found) => found !== undefined);
      if (value !== undefined && value !== null && !visit(rawRow(pending, value))) return;
      next = `${pending}\0`;
    }
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

function firstKey(rows: Iterable<readonly [string, unknown]>): string | undefined {
  for (const [key] of rows) return key;
  return undefined;
}

function lowest(keys: readonly (string | undefined)[]): string | undefined {
  let found: string | undefined;
  for (const key of keys) if (key !== undefined && (found === undefined || key < found)) found = key;
  return found;
}

function rawRow(key: string, value: Uint8Array): RawRow {
  return {
    key: Buffer.from(key, 'latin1'),
    keyStart: 0,
    keyEnd: key.length,
    value,
    valueBytes: value.length,
  };
}
