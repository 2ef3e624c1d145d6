import {
  type StorageBackend,
  type StoreRange,
  type StoreRow,
  type StoreView,
} from '../../core/storage/backend.ts';
import { MemoryBackend } from '../../core/storage/memory-backend.ts';
import { type BaseRow } from './format.ts';
import { type ReplayedStore } from './replayed-store.ts';

/**
 * The store of a machine that is put up in the middle of its life: until it is up it reads the rows that were kept for that,
 * from then on what the recorded one was answered. The views that it finds open are the recorded ones.
 */
export class RestoredStore implements StorageBackend {
  readonly tables: readonly string[];
  readonly #base: MemoryBackend;
  readonly #replayed: ReplayedStore;
  #current: StorageBackend;

  constructor(base: readonly BaseRow[], replayed: ReplayedStore) {
    this.tables = replayed.tables;
    this.#base = new MemoryBackend(replayed.tables);
    this.#base.write(base.map(([table, key, value]) => ({ table, key, value })));
    this.#replayed = replayed;
    this.#current = this.#base;
  }

  /** The machine is up. */
  restored(): void {
    this.#current = this.#replayed;
  }

  get(table: string, key: string): Uint8Array | undefined {
    return this.#current.get(table, key);
  }

  range(table: string, range: StoreRange): Iterable<StoreRow> {
    return this.#current.range(table, range);
  }

  count(table: string, range: Pick<StoreRange, 'from' | 'to'>): number {
    return this.#current.count(table, range);
  }

  write(): number {
    return this.#replayed.write();
  }

  openView(): number {
    return this.#replayed.openView();
  }

  view(): StoreView {
    return this.#replayed.view();
  }

  openStage(): number {
    return this.#replayed.openStage();
  }

  stageRows(): void {
    this.#replayed.stageRows();
  }

  discardStage(): void {
    this.#replayed.discardStage();
  }

  installStage(): void {
    this.#replayed.installStage();
  }
}
