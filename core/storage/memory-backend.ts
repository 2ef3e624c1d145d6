import { assert, present } from '../base/assert.ts';
import { OrderedMap } from '../base/ordered-map.ts';
import {
  stagesMax,
  type StorageBackend,
  type StoreRange,
  type StoreRow,
  type StoreView,
  type StoreWrite,
} from './backend.ts';
import { assertStageRows, assertStoreBatch } from './store-bounds.ts';

/** The ordered store in memory: nothing of it survives the process, and nothing is reported as stored. */
export class MemoryBackend implements StorageBackend {
  readonly tables: readonly string[];
  #content: Tables;
  #writtenSeq = 0;
  readonly #views = new Map<number, MemoryView>();
  #viewsOpened = 0;
  readonly #stages = new Map<number, Stage>();
  #stagesOpened = 0;

  constructor(tables: readonly string[]) {
    this.tables = [...tables];
    this.#content = emptyTables(tables);
  }

  get(table: string, key: string): Uint8Array | undefined {
    return tableOf(this.#content, table).get(key);
  }

  range(table: string, range: StoreRange): Iterable<StoreRow> {
    return tableOf(this.#content, table).range(range);
  }

  count(table: string, { from, to }: Pick<StoreRange, 'from' | 'to'>): number {
    return tableOf(this.#content, table).count(from, to);
  }

  write(batch: readonly StoreWrite[]): number {
    assertStoreBatch(this.tables, batch);
    for (const { table, key, value } of batch) {
      const rows = tableOf(this.#content, table);
      if (value === undefined) rows.delete(key);
      else rows.set(key, value);
    }
    this.#writtenSeq += 1;
    return this.#writtenSeq;
  }

  openView(): number {
    this.#viewsOpened += 1;
    const viewId = this.#viewsOpened;
    this.#views.set(viewId, new MemoryView(cloneTables(this.#content), () => this.#views.delete(viewId)));
    return viewId;
  }

  view(viewId: number): StoreView {
    return present(this.#views.get(viewId), 'a view is used while it is open');
  }

  openStage(): number {
    assert(this.#stages.size < stagesMax, 'at most stagesMax stages are open');
    this.#stagesOpened += 1;
    this.#stages.set(this.#stagesOpened, { content: emptyTables(this.tables), last: new Map() });
    return this.#stagesOpened;
  }

  stageRows(stageId: number, table: string, rows: readonly StoreRow[]): void {
    const stage = this.#stage(stageId);
    const staged = tableOf(stage.content, table);
    const last = assertStageRows(rows, stage.last.get(table));
    if (last !== undefined) stage.last.set(table, last);
    for (const [key, value] of rows) staged.set(key, value);
  }

  discardStage(stageId: number): void {
    this.#stage(stageId);
    this.#stages.delete(stageId);
  }

  installStage(stageId: number): void {
    this.#content = this.#stage(stageId).content;
    this.#stages.delete(stageId);
  }

  #stage(stageId: number): Stage {
    return present(this.#stages.get(stageId), 'a stage is used while it is open');
  }
}

type Tables = ReadonlyMap<string, OrderedMap<Uint8Array>>;

interface Stage {
  readonly content: Tables;
  /** Highest key staged so far, by table. */
  readonly last: Map<string, string>;
}

class MemoryView implements StoreView {
  #content: Tables | undefined;
  readonly #onClose: () => void;

  constructor(content: Tables, onClose: () => void) {
    this.#content = content;
    this.#onClose = onClose;
  }

  get(table: string, key: string): Uint8Array | undefined {
    return tableOf(this.#open(), table).get(key);
  }

  range(table: string, range: StoreRange): Iterable<StoreRow> {
    const rows = tableOf(this.#open(), table).range(range);
    return { [Symbol.iterator]: () => this.#untilClosed(rows) };
  }

  close(): void {
    this.#content = undefined;
    this.#onClose();
  }

  /** A closed view is refused even to a range that was begun before, as a store must whose views hold on to a disk. */
  *#untilClosed(rows: Iterable<StoreRow>): Generator<StoreRow, void, undefined> {
    for (const row of rows) {
      this.#open();
      yield row;
    }
  }

  #open(): Tables {
    return present(this.#content, 'a view is used while it is open');
  }
}

function emptyTables(tables: readonly string[]): Tables {
  return new Map(tables.map((table) => [table, new OrderedMap<Uint8Array>()]));
}

function cloneTables(tables: Tables): Tables {
  return new Map(Array.from(tables, ([table, rows]) => [table, rows.clone()]));
}

function tableOf(tables: Tables, table: string): OrderedMap<Uint8Array> {
  return present(tables.get(table), 'a table is one of those that the store was opened with');
}
