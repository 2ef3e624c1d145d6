import { present } from '../../core/base/assert.ts';
import { OrderedMap } from '../../core/base/ordered-map.ts';
import { type StoreRange, type StoreRow, type StoreWrite } from '../../core/storage/backend.ts';

/**
 * Batches that the disk does not show yet, laid over each other: by table and key the last value, or `null` where it was
 * deleted. One layer becomes one transaction, so that the disk moves from one batch's end to another's.
 */
export class PendingLayer {
  readonly #tables: ReadonlyMap<string, OrderedMap<Uint8Array | null>>;
  /** Number of the last batch; 0 while there is none. */
  #lastSeq = 0;
  #bytes = 0;

  constructor(tables: ReadonlyMap<string, OrderedMap<Uint8Array | null>>) {
    this.#tables = tables;
  }

  static empty(tables: readonly string[]): PendingLayer {
    return new PendingLayer(new Map(tables.map((table) => [table, new OrderedMap<Uint8Array | null>()])));
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Of keys and values that were added, those included that a later batch has laid over them. */
  get bytes(): number {
    return this.#bytes;
  }

  add(batch: readonly StoreWrite[], seq: number): void {
    for (const { table, key, value } of batch) {
      this.table(table).set(key, value ?? null);
      this.#bytes += key.length + (value?.length ?? 0);
    }
    this.#lastSeq = seq;
  }

  table(name: string): OrderedMap<Uint8Array | null> {
    return present(this.#tables.get(name), 'a table is one of those that the store was opened with');
  }

  /** Table by table, keys ascending: the order in which a B+tree takes writes best. */
  get tables(): ReadonlyMap<string, OrderedMap<Uint8Array | null>> {
    return this.#tables;
  }

  /** What a view keeps of a layer that still grows; constant time. */
  clone(): PendingLayer {
    return new PendingLayer(new Map(Array.from(this.#tables, ([name, rows]) => [name, rows.clone()])));
  }
}

/**
 * Rows of the layers and of what lies below them, as one range: where a key is in several, the first layer wins; what it
 * deleted is left out.
 *
 * @param layers newest first
 * @param below rows within the range, in its direction, without a limit
 */
export function* mergeLayers(
  layers: readonly OrderedMap<Uint8Array | null>[],
  below: Iterator<StoreRow>,
  range: StoreRange,
): Generator<StoreRow, void, undefined> {
  const reverse = range.reverse === true;
  const bounds = { from: range.from, to: range.to, reverse };
  const sources: Iterator<readonly [string, Uint8Array | null]>[] = layers.map((layer) =>
    layer.range(bounds)[Symbol.iterator](),
  );
  sources.push(below);
  // Asked for only when the next row is, so that a reader who has enough costs nothing more.
  const heads: (IteratorResult<readonly [string, Uint8Array | null]> | undefined)[] = sources.map(
    () => undefined,
  );
  let remaining = range.limit ?? Infinity;
  while (remaining > 0) {
    let key: string | undefined;
    let value: Uint8Array | null = null;
    for (let at = 0; at < sources.length; at += 1) {
      const head = (heads[at] ??= (sources[at] as (typeof sources)[number]).next());
      if (head.done === true) continue;
      const [headKey, headValue] = head.value;
      if (key === undefined || (reverse ? headKey > key : headKey < key)) {
        key = headKey;
        value = headValue;
      }
    }
    if (key === undefined) return;
    for (let at = 0; at < heads.length; at += 1) {
      const head = heads[at];
      if (head?.done === false && head.value[0] === key) heads[at] = undefined;
    }
    if (value === null) continue;
    remaining -= 1;
    yield [key, value];
  }
}
