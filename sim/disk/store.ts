import { present } from '../../core/base/assert.ts';
import { OrderedMap } from '../../core/base/ordered-map.ts';
import { type Prng } from '../../core/base/prng.ts';
import {
  type StorageBackend,
  type StoreRange,
  type StoreRow,
  type StoreView,
  type StoreWrite,
} from '../../core/storage/backend.ts';
import { historyTable } from '../../core/chainfire/mvcc/keys.ts';
import { MemoryBackend } from '../../core/storage/memory-backend.ts';
import { diskShape, drawLatencyUs } from '../latency.ts';
import { type World } from '../world.ts';
import { InstallFailed } from './failure.ts';

/**
 * An ordered store on a disk: a write shows at once and is durable later, in rounds as a database flushes them. A crash
 * keeps what was stored and a prefix of the batches behind it, and takes views and stages away. On a full disk a flush
 * fails, and the process must stop: any prefix of what it would have written stays.
 */
export class SimulatedStore implements StorageBackend {
  readonly tables: readonly string[];
  /** Called with the highest batch that is durable. */
  onStored: (storeSeq: number) => void = () => undefined;
  /** Called when a flush did not fit. The process must stop. */
  onFailed: () => void = () => undefined;
  readonly #world: World;
  readonly #prng: Prng;
  readonly #flushMedianUs: number;
  /** What the process sees. */
  #content: MemoryBackend;
  /** What a crash certainly leaves: batches at or below #storedSeq. */
  #durable: Map<string, OrderedMap<Uint8Array>>;
  /** Batches above #storedSeq, oldest first: number #storedSeq + 1 is at 0. */
  #pending: (readonly StoreWrite[])[] = [];
  #writtenSeq = 0;
  #storedSeq = 0;
  #flushUnderWay = false;
  #slowFactor = 1;
  #full = false;
  /** Counts crashes and installations: a flush that began before one ends without effect. */
  #life = 0;
  #installed = 0;
  readonly #stages = new Set<number>();

  constructor(options: {
    readonly world: World;
    readonly prng: Prng;
    readonly tables: readonly string[];
    readonly flushMedianUs: number;
    /** What lies on the disk from the beginning, of the same tables. Default: nothing. */
    readonly content?: Pick<StorageBackend, 'range'> | undefined;
  }) {
    this.#world = options.world;
    this.#prng = options.prng;
    this.tables = options.tables;
    this.#flushMedianUs = options.flushMedianUs;
    this.#durable = new Map(
      options.tables.map((table) => [table, rowsOf(options.content?.range(table, { from: '' }) ?? [])]),
    );
    this.#content = this.#durableContent();
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

  get(table: string, key: string): Uint8Array | undefined {
    return this.#content.get(table, key);
  }

  range(table: string, range: StoreRange): Iterable<StoreRow> {
    return this.#content.range(table, range);
  }

  count(table: string, range: Pick<StoreRange, 'from' | 'to'>): number {
    return this.#content.count(table, range);
  }

  write(batch: readonly StoreWrite[]): number {
    this.#content.write(batch);
    this.#pending.push(batch);
    this.#writtenSeq += 1;
    this.#flush();
    return this.#writtenSeq;
  }

  openView(): number {
    return this.#content.openView();
  }

  view(viewId: number): StoreView {
    return this.#content.view(viewId);
  }

  openStage(): number {
    const stageId = this.#content.openStage();
    this.#stages.add(stageId);
    return stageId;
  }

  stageRows(stageId: number, table: string, rows: readonly StoreRow[]): void {
    this.#content.stageRows(stageId, table, rows);
  }

  discardStage(stageId: number): void {
    this.#content.discardStage(stageId);
    this.#stages.delete(stageId);
  }

  /** @throws InstallFailed when there is no room */
  installStage(stageId: number): void {
    if (this.#full) throw new InstallFailed('ENOSPC: no space left on device');
    this.#content.installStage(stageId);
    this.#stages.delete(stageId);
    this.#durable = new Map(
      this.tables.map((table) => [table, rowsOf(this.#content.range(table, { from: '' }))]),
    );
    this.#installed += 1;
    this.#life += 1;
    this.#flushUnderWay = false;
    if (this.#pending.length === 0) return;
    this.#pending = [];
    this.#storedSeq = this.#writtenSeq;
    const storedSeq = this.#writtenSeq;
    const life = this.#life;
    this.#world.after(1, () => {
      if (life === this.#life) this.onStored(storedSeq);
    });
  }

  /** From now on no flush fits any more, or all do again. */
  fill(full: boolean): void {
    this.#full = full;
  }

  /**
   * The last byte of some value in the history is another from now on, on the disk and for the process: a page of the one is
   * what the other sees. @returns false where there is nothing yet
   */
  rot(prng: Prng): boolean {
    const durable = present(this.#durable.get(historyTable), 'the store has a history');
    const rows = [...durable.range({ from: '' })];
    const row = rows[prng.below(Math.max(1, rows.length))];
    if (row === undefined) return false;
    const [key, value] = row;
    const changed = value.slice();
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    durable.set(key, changed);
    this.#content.write([{ table: historyTable, key, value: changed }]);
    return true;
  }

  /** As fast as ever, and room for all. */
  heal(): void {
    this.#full = false;
    this.#slowFactor = 1;
  }

  /** From now on every flush takes this many times as long. */
  slow(factor: number): void {
    this.#slowFactor = factor;
  }

  /** Everything that was only in memory is gone. What is found at the next start is durable. */
  crash(): void {
    this.#life += 1;
    this.#flushUnderWay = false;
    const kept = this.#prng.below(this.#pending.length + 1);
    for (const batch of this.#pending.slice(0, kept)) this.#makeDurable(batch);
    this.#pending = [];
    this.#writtenSeq = 0;
    this.#storedSeq = 0;
    this.#stages.clear();
    this.#content = this.#durableContent();
  }

  #durableContent(): MemoryBackend {
    const content = new MemoryBackend(this.tables);
    const stage = content.openStage();
    for (const [table, rows] of this.#durable) content.stageRows(stage, table, [...rows.range({ from: '' })]);
    content.installStage(stage);
    return content;
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
      if (this.#full) {
        this.onFailed();
        return;
      }
      for (const batch of this.#pending.splice(0, upTo - this.#storedSeq)) this.#makeDurable(batch);
      this.#storedSeq = upTo;
      if (this.#pending.length > 0) this.#flush();
      this.onStored(upTo);
    });
  }

  #makeDurable(batch: readonly StoreWrite[]): void {
    for (const { table, key, value } of batch) {
      const rows = present(this.#durable.get(table), 'a batch was checked when it was written');
      if (value === undefined) rows.delete(key);
      else rows.set(key, value);
    }
  }
}

function rowsOf(rows: Iterable<StoreRow>): OrderedMap<Uint8Array> {
  const copy = new OrderedMap<Uint8Array>();
  for (const [key, value] of rows) copy.set(key, value);
  return copy;
}
