import { assert, present } from '../../core/base/assert.ts';
import { OrderedMap } from '../../core/base/ordered-map.ts';
import { type Prng } from '../../core/base/prng.ts';
import {
  stagesMax,
  type StorageBackend,
  storeKeyBytesMax,
  type StoreRange,
  type StoreRow,
  type StoreView,
  type StoreWrite,
} from '../../core/storage/backend.ts';
import { diskShape, drawLatencyUs } from '../latency.ts';
import { type World } from '../world.ts';

type Tables = ReadonlyMap<string, OrderedMap<Uint8Array>>;

/**
 * An ordered store on a disk: a write shows at once and is durable later, in rounds as a database flushes them. A crash
 * keeps what was stored and a prefix of the batches behind it, and takes views and stages away.
 */
export class SimulatedStore implements StorageBackend {
  readonly tables: readonly string[];
  /** Called with the highest batch that is durable. */
  onStored: (storeSeq: number) => void = () => undefined;
  readonly #world: World;
  readonly #prng: Prng;
  readonly #flushMedianUs: number;
  #content: Tables;
  /** What a crash certainly leaves: batches at or below #storedSeq. */
  #durable: Tables;
  /** Batches above #storedSeq, oldest first: number #storedSeq + 1 is at 0. */
  #pending: (readonly StoreWrite[])[] = [];
  #writtenSeq = 0;
  #storedSeq = 0;
  #flushUnderWay = false;
  #slowFactor = 1;
  /** Counts crashes and installations: a flush that began before one ends without effect. */
  #life = 0;
  #installed = 0;
  #nextId = 1;
  readonly #views = new Map<number, StoreView>();
  readonly #stages = new Map<number, Tables>();

  constructor(options: {
    readonly world: World;
    readonly prng: Prng;
    readonly tables: readonly string[];
    readonly flushMedianUs: number;
  }) {
    this.#world = options.world;
    this.#prng = options.prng;
    this.tables = options.tables;
    this.#flushMedianUs = options.flushMedianUs;
    this.#content = emptyTables(options.tables);
    this.#durable = emptyTables(options.tables);
  }

  get writtenSeq(): number {
    return this.#writtenSeq;
  }

  get storedSeq(): number {
    return this.#storedSeq;
  }

  /** Snapshots installed so far, over all lives. */
  get installed(): number {
    return this.#installed;
  }

  get openStages(): number {
    return this.#stages.size;
  }

  get openViews(): number {
    return this.#views.size;
  }

  get(table: string, key: string): Uint8Array | undefined {
    return tableOf(this.#content, table).get(key);
  }

  range(table: string, range: StoreRange): Iterable<StoreRow> {
    return tableOf(this.#content, table).range(range);
  }

  write(batch: readonly StoreWrite[]): number {
    applyBatch(this.#content, batch);
    this.#pending.push(batch);
    this.#writtenSeq += 1;
    this.#flush();
    return this.#writtenSeq;
  }

  openView(): number {
    const viewId = this.#takeId();
    const shown = cloneTables(this.#content);
    this.#views.set(viewId, {
      get: (table, key) => tableOf(shown, table).get(key),
      range: (table, range) => tableOf(shown, table).range(range),
      close: () => {
        assert(this.#views.delete(viewId), 'a view is closed once');
      },
    });
    return viewId;
  }

  view(viewId: number): StoreView {
    return present(this.#views.get(viewId), 'only an open view is read');
  }

  openStage(): number {
    assert(this.#stages.size < stagesMax, 'stages are bounded');
    const stageId = this.#takeId();
    this.#stages.set(stageId, emptyTables(this.tables));
    return stageId;
  }

  stageRows(stageId: number, table: string, rows: readonly StoreRow[]): void {
    const staged = tableOf(present(this.#stages.get(stageId), 'only an open stage takes rows'), table);
    let last = staged.last()?.[0];
    for (const [key, value] of rows) {
      checkKey(key);
      assert(last === undefined || last < key, 'staged keys come in ascending order');
      staged.set(key, value);
      last = key;
    }
  }

  discardStage(stageId: number): void {
    assert(this.#stages.delete(stageId), 'only an open stage is discarded');
  }

  installStage(stageId: number): void {
    const staged = present(this.#stages.get(stageId), 'only an open stage is installed');
    this.#stages.delete(stageId);
    this.#content = staged;
    this.#durable = cloneTables(staged);
    this.#installed += 1;
    this.#life += 1;
    this.#flushUnderWay = false;
    if (this.#pending.length === 0) return;
    this.#pending = [];
    this.#storedSeq = this.#writtenSeq;
    const life = this.#life;
    this.#world.after(1, () => {
      if (life === this.#life) this.onStored(this.#storedSeq);
    });
  }

  /** From now on every flush takes this many times as long. */
  slow(factor: number): void {
    this.#slowFactor = factor;
  }

  /** Everything that was only in memory is gone. What is found at the next start is durable. */
  crash(): void {
    this.#life += 1;
    this.#flushUnderWay = false;
    this.#views.clear();
    this.#stages.clear();
    if (this.#pending.length > 0) {
      const kept = this.#prng.below(this.#pending.length + 1);
      for (const batch of this.#pending.slice(0, kept)) applyBatch(this.#durable, batch);
      this.#pending = [];
      this.#content = cloneTables(this.#durable);
    }
    this.#writtenSeq = 0;
    this.#storedSeq = 0;
  }

  /** One round at a time, each with every batch that was written before it began. */
  #flush(): void {
    if (this.#flushUnderWay) return;
    this.#flushUnderWay = true;
    const upTo = this.#writtenSeq;
    const life = this.#life;
    const durationUs = drawLatencyUs(this.#prng, this.#flushMedianUs, diskShape, this.#slowFactor);
    this.#world.after(durationUs, () => {
      if (life !== this.#life) return;
      this.#flushUnderWay = false;
      const stored = this.#pending.splice(0, upTo - this.#storedSeq);
      for (const batch of stored) applyBatch(this.#durable, batch);
      this.#storedSeq = upTo;
      if (this.#pending.length > 0) this.#flush();
      this.onStored(upTo);
    });
  }

  #takeId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }
}

function emptyTables(names: readonly string[]): Tables {
  return new Map(names.map((name) => [name, new OrderedMap<Uint8Array>()]));
}

function cloneTables(tables: Tables): Tables {
  return new Map([...tables].map(([name, rows]) => [name, rows.clone()]));
}

function tableOf(tables: Tables, name: string): OrderedMap<Uint8Array> {
  return present(tables.get(name), `a table that the store was opened with, not ${name}`);
}

function applyBatch(tables: Tables, batch: readonly StoreWrite[]): void {
  for (const { table, key, value } of batch) {
    checkKey(key);
    const rows = tableOf(tables, table);
    if (value === undefined) rows.delete(key);
    else rows.set(key, value);
  }
}

function checkKey(key: string): void {
  assert(key.length > 0, 'a key is not empty');
  assert(key.length <= storeKeyBytesMax, 'a key is at most storeKeyBytesMax bytes long');
}
