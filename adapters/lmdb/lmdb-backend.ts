import { join } from 'node:path';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';

import { assert, present } from '../../core/base/assert.ts';
import {
  stagesMax,
  type StoreRange,
  type StoreRow,
  type StoreView,
  type StoreWrite,
} from '../../core/storage/backend.ts';
import { assertStageRows, assertStoreBatch } from '../../core/storage/store-bounds.ts';
import { type DurableStore } from '../runner/ports.ts';
import {
  announceCurrent,
  confirmCurrent,
  generationName,
  isFirstOpenUnfinished,
  listGenerations,
  makeDirectory,
  readCurrent,
  removeDirectory,
} from './current-file.ts';
import { Generation } from './generation.ts';
import { GenerationCopy } from './generation-copy.ts';
import { LmdbBackendError } from './lmdb-backend-error.ts';
import { LmdbView } from './lmdb-view.ts';
import { mergeLayers, PendingLayer } from './pending-layer.ts';

export interface LmdbBackendOptions {
  /** Belongs to this store alone, and to one process at a time; made when it is not there. */
  readonly dir: string;
  readonly tables: readonly string[];
  /** Address space that is reserved for the map at once, so that it need not move. The file grows as it is needed. */
  readonly mapBytes?: number | undefined;
  readonly commitIntervalMs?: number | undefined;
}

const mapBytesDefault = 1_099_511_627_776;

/**
 * A transaction begins this long after the one before began, so that its syncs, and the pages that it rewrites, are paid
 * for by many batches: the disk is first of all the log's, which everybody waits for. After a pause it begins at once.
 */
const commitIntervalMsDefault = 100;
/** Bytes that are pending begin the next transaction whenever that is. */
const commitBytesMax = 4_194_304;
/** Turns of a defragmentation between two transactions: some tens of milliseconds, in which only the disk waits. */
const copyTurnsMax = 8;
/** Behind each of them: a request takes several turns of the event loop, and must not meet one of these in each. */
const copyPauseMs = 2;

/**
 * The ordered store on LMDB.
 *
 * LMDB shows a write only once it is committed, so what is on its way lies in two layers over it, which every read
 * merges: one that a transaction is writing, and one that gathers batches meanwhile and becomes the next transaction.
 * Bound: none here, the machine bounds written − stored.
 *
 * A failed commit is reported once, and nothing is written after it.
 */
export class LmdbBackend implements DurableStore {
  readonly tables: readonly string[];
  onStored: (storeSeq: number) => void = () => undefined;
  onFailed: (reason: Error) => void = () => undefined;

  readonly #dir: string;
  readonly #mapBytes: number;
  readonly #commitIntervalMs: number;
  #generation: Generation;
  #generationNumber: number;
  /** Every generation that is not closed yet. */
  readonly #generations = new Set<Generation>();

  /** Gathers batches. */
  #next: PendingLayer;
  /** What a transaction of the live generation is writing; not changed any more. */
  #inFlight: PendingLayer | undefined;
  #writtenSeq = 0;
  /** The last batch that wrote to a table. */
  readonly #writtenTables = new Map<string, number>();
  #reportedSeq = 0;
  #flushing: Promise<void> | undefined;
  /** A transaction, and what a copy takes over of it; undefined between two. */
  #committing: Promise<void> | undefined;
  #copy: GenerationCopy | undefined;
  /** Turns of the copy, which no transaction may overlap. */
  #copying: Promise<boolean> | undefined;
  #defragmenting: Promise<void> | undefined;
  #commitStartMs = -Infinity;
  /** Ends the pause before the next transaction. */
  #endPause: (() => void) | undefined;
  #closing = false;
  #failed = false;
  #closed = false;

  readonly #views = new Map<number, LmdbView>();
  #viewsOpened = 0;
  readonly #readViews = new Set<LmdbView>();
  readonly #stages = new Map<number, Stage>();
  #stagesOpened = 0;

  private constructor(options: LmdbBackendOptions) {
    this.tables = [...options.tables];
    this.#dir = options.dir;
    this.#mapBytes = options.mapBytes ?? mapBytesDefault;
    this.#commitIntervalMs = options.commitIntervalMs ?? commitIntervalMsDefault;
    this.#next = PendingLayer.empty(this.tables);
    makeDirectory(this.#dir);
    const current = readCurrent(this.#dir);
    const left = listGenerations(this.#dir);
    this.#generationNumber = Math.max(0, ...left.map(Number));
    if (current === undefined && left.length > 0 && !isFirstOpenUnfinished(this.#dir)) {
      const names = left.join(', ');
      throw new LmdbBackendError(
        'CURRENT_MISSING',
        `${this.#dir} holds ${names}, but no CURRENT to name one`,
      );
    }
    for (const name of left) if (name !== current) removeDirectory(join(this.#dir, name));
    const name = current ?? this.#freshName();
    if (current === undefined) announceCurrent(this.#dir, name);
    this.#generation = this.#openGeneration(name);
    if (current === undefined) {
      this.#generation.makeDurable();
      confirmCurrent(this.#dir);
    }
  }

  /** @throws LmdbBackendError when the directory holds something else than a whole store */
  static open(options: LmdbBackendOptions): LmdbBackend {
    return new LmdbBackend(options);
  }

  get(table: string, key: string): Uint8Array | undefined {
    this.#assertOpen();
    for (const layer of this.#layers()) {
      const value = layer.table(table).get(key);
      if (value !== undefined) return value ?? undefined;
    }
    return this.#generation.get(table, key, undefined);
  }

  range(table: string, range: StoreRange): Iterable<StoreRow> {
    this.#assertOpen();
    // Here rather than at the first row, so that a wrong table is found at once.
    const layers = this.#layers().map((layer) => layer.table(table));
    const generation = this.#generation;
    return {
      [Symbol.iterator]: () =>
        this.#untilWritten(table, mergeLayers(layers, generation.range(table, range, undefined), range)),
    };
  }

  count(table: string, { from, to }: Pick<StoreRange, 'from' | 'to'>): number {
    this.#assertOpen();
    const range = { from, to };
    const layers = this.#layers().map((layer) => layer.table(table));
    let count = this.#generation.count(table, range);
    // Each pending key counts as its newest layer says, in place of what is committed.
    for (let at = 0; at < layers.length; at += 1) {
      for (const [key, value] of layers[at]?.range(range) ?? []) {
        if (layers.slice(0, at).some((newer) => newer.has(key))) continue;
        const isCommitted = this.#generation.count(table, { from: key, to: `${key}\0` });
        count += (value === null ? 0 : 1) - isCommitted;
      }
    }
    return count;
  }

  write(batch: readonly StoreWrite[]): number {
    this.#assertOpen();
    assertStoreBatch(this.tables, batch);
    this.#writtenSeq += 1;
    this.#next.add(batch, this.#writtenSeq);
    for (const { table } of batch) this.#writtenTables.set(table, this.#writtenSeq);
    if (!this.#failed) this.#flushing ??= this.#flush();
    if (this.#next.bytes >= commitBytesMax) this.#endPause?.();
    return this.#writtenSeq;
  }

  openView(): number {
    this.#assertOpen();
    this.#viewsOpened += 1;
    const viewId = this.#viewsOpened;
    const layers = [this.#next.clone()];
    // Never changed again, so it needs no copy.
    if (this.#inFlight !== undefined) layers.push(this.#inFlight);
    this.#views.set(viewId, new LmdbView(this.#generation, layers, () => this.#views.delete(viewId)));
    return viewId;
  }

  view(viewId: number): StoreView {
    return present(this.#views.get(viewId), 'a view is used while it is open');
  }

  /** A view like those of `openView`, but of no number: for what is beside the machine, which must not notice it. */
  openReadView(): StoreView {
    this.#assertOpen();
    const layers = [this.#next.clone()];
    if (this.#inFlight !== undefined) layers.push(this.#inFlight);
    const view: LmdbView = new LmdbView(this.#generation, layers, () => this.#readViews.delete(view));
    this.#readViews.add(view);
    return view;
  }

  /** Rows of all tables, as far as they are committed; lmdb keeps count. */
  committedRows(): number {
    this.#assertOpen();
    return this.#generation.rowCount();
  }

  openStage(): number {
    this.#assertOpen();
    assert(this.#stages.size < stagesMax, 'at most stagesMax stages are open');
    this.#stagesOpened += 1;
    const generation = this.#openGeneration(this.#freshName());
    this.#stages.set(this.#stagesOpened, { generation, last: new Map() });
    return this.#stagesOpened;
  }

  stageRows(stageId: number, table: string, rows: readonly StoreRow[]): void {
    const { generation, last } = this.#stage(stageId);
    assert(this.tables.includes(table), 'a table is one of those that the store was opened with');
    const highest = assertStageRows(rows, last.get(table));
    if (highest !== undefined) last.set(table, highest);
    if (rows.length > 0) generation.append(table, rows);
  }

  discardStage(stageId: number): void {
    const { generation } = this.#stage(stageId);
    this.#stages.delete(stageId);
    generation.retire();
  }

  installStage(stageId: number): void {
    const { generation } = this.#stage(stageId);
    this.#stages.delete(stageId);
    generation.makeDurable();
    announceCurrent(this.#dir, generation.name);
    confirmCurrent(this.#dir);
    const before = this.#generation;
    this.#generation = generation;
    // A commit that is under way goes on, into what nobody will open again.
    this.#next = PendingLayer.empty(this.tables);
    this.#inFlight = undefined;
    before.retire();
    // Not at once: the caller is a machine in the middle of a step.
    const storedSeq = this.#writtenSeq;
    setImmediate(() => {
      if (!this.#closed) this.#report(storedSeq);
    });
  }

  /**
   * Gives back what the file holds beside its content: the content is copied into a fresh generation, a little at a time,
   * while everything goes on, and the store goes on with that one. Needs as much free disk as the content takes. A snapshot
   * that is installed meanwhile is as fresh, and ends it. Whoever asks while it is under way gets the same end.
   *
   * @throws LmdbBackendError when it did not come to its end; the store is as it was then
   */
  defragment(): Promise<void> {
    this.#assertOpen();
    this.#defragmenting ??= this.#defragment().finally(() => (this.#defragmenting = undefined));
    return this.#defragmenting;
  }

  async close(): Promise<void> {
    this.#assertOpen();
    this.#closing = true;
    this.#endPause?.();
    while (this.#flushing !== undefined) await this.#flushing;
    // Whoever waits for it hears of it; here it only has to be over.
    await this.#defragmenting?.catch(() => undefined);
    this.#closed = true;
    for (const view of [...this.#views.values(), ...this.#readViews]) view.close();
    for (const stageId of [...this.#stages.keys()]) this.discardStage(stageId);
    this.#generation.release();
    for (const generation of this.#generations) await generation.closed;
  }

  /** Newest first. */
  #layers(): readonly PendingLayer[] {
    return this.#inFlight === undefined ? [this.#next] : [this.#next, this.#inFlight];
  }

  *#untilWritten(table: string, rows: Iterable<StoreRow>): Generator<StoreRow, void, undefined> {
    const writtenSeq = this.#writtenTables.get(table);
    for (const row of rows) {
      assert(this.#writtenTables.get(table) === writtenSeq, 'a table is not written while it is read');
      yield row;
    }
  }

  /** One transaction after the other, until nothing is pending. */
  async #flush(): Promise<void> {
    while (!this.#failed && this.#next.lastSeq > 0) {
      await this.#pause();
      // Whoever began it hears of its failure.
      while (this.#copying !== undefined) await this.#copying.catch(() => undefined);
      const layer = this.#next;
      // A stage was installed meanwhile.
      if (layer.lastSeq === 0) break;
      this.#commitStartMs = performance.now();
      this.#inFlight = layer;
      this.#next = PendingLayer.empty(this.tables);
      try {
        this.#committing = this.#commit(layer);
        await this.#committing;
      } catch (error) {
        this.#failed = true;
        this.onFailed(error as LmdbBackendError);
        break;
      } finally {
        this.#committing = undefined;
      }
    }
    this.#flushing = undefined;
  }

  async #commit(layer: PendingLayer): Promise<void> {
    await this.#generation.commit(layer);
    // Also where a stage was installed meanwhile: then its batches count as stored for that reason.
    this.#inFlight = undefined;
    this.#report(layer.lastSeq);
    await this.#copy?.mirror(layer);
  }

  async #defragment(): Promise<void> {
    const source = this.#generation;
    const copy = new GenerationCopy(source, this.#openGeneration(this.#freshName()), this.tables);
    this.#copy = copy;
    let isInstalled = false;
    try {
      for (let isCopied = false; !isCopied;) {
        await this.#betweenCommits();
        this.#copying = this.#copyTurns(copy, source);
        isCopied = await this.#copying.finally(() => (this.#copying = undefined));
        if (this.#generation !== source) return;
        if (copy.wantsSync) await copy.sync();
      }
      await copy.sync();
      await this.#betweenCommits();
      if (this.#generation !== source) return;
      assert(this.#committing === undefined, 'a copy takes the place of its source between two transactions');
      // Says so if what was committed meanwhile could not be taken over.
      copy.turn();
      announceCurrent(this.#dir, copy.target.name);
      confirmCurrent(this.#dir);
      this.#generation = copy.target;
      isInstalled = true;
      source.retire();
    } finally {
      this.#copy = undefined;
      if (!isInstalled) copy.target.retire();
    }
  }

  /** A few turns, which the next transaction waits for: one that follows another at once would leave the copy no time. */
  async #copyTurns(copy: GenerationCopy, source: Generation): Promise<boolean> {
    for (let turns = 0; turns < copyTurnsMax && this.#generation === source; turns += 1) {
      assert(this.#committing === undefined, 'a copy and a transaction take turns');
      if (copy.turn()) return true;
      await sleep(copyPauseMs);
    }
    return false;
  }

  /** A turn of the event loop later, and as soon as no transaction is under way. @throws LmdbBackendError */
  async #betweenCommits(): Promise<void> {
    await turn();
    while (this.#committing !== undefined) await this.#committing.catch(() => undefined);
    if (!this.#closing && !this.#failed) return;
    throw new LmdbBackendError('STOPPED', `${this.#dir} is not defragmented: the store has stopped`);
  }

  /** Until the next transaction is due. */
  #pause(): Promise<void> {
    const pauseMs = this.#commitStartMs + this.#commitIntervalMs - performance.now();
    return new Promise((resolve) => {
      if (this.#closing || pauseMs <= 0 || this.#next.bytes >= commitBytesMax) {
        // Whatever this turn of the event loop still writes belongs to it.
        setImmediate(resolve);
        return;
      }
      const timer = setTimeout(() => this.#endPause?.(), pauseMs);
      this.#endPause = () => {
        this.#endPause = undefined;
        clearTimeout(timer);
        setImmediate(resolve);
      };
    });
  }

  #report(storeSeq: number): void {
    if (storeSeq <= this.#reportedSeq) return;
    this.#reportedSeq = storeSeq;
    this.onStored(storeSeq);
  }

  /** A name that no generation of this directory has, so that leftovers are never written into. */
  #freshName(): string {
    this.#generationNumber += 1;
    return generationName(this.#generationNumber);
  }

  #openGeneration(name: string): Generation {
    const generation = new Generation({
      dir: this.#dir,
      name,
      tables: this.tables,
      mapBytes: this.#mapBytes,
      onClosed: () => this.#generations.delete(generation),
    });
    this.#generations.add(generation);
    return generation;
  }

  #stage(stageId: number): Stage {
    return present(this.#stages.get(stageId), 'a stage is used while it is open');
  }

  #assertOpen(): void {
    assert(!this.#closed, 'a store is used while it is open');
  }
}

interface Stage {
  readonly generation: Generation;
  /** Highest key staged so far, by table. */
  readonly last: Map<string, string>;
}
