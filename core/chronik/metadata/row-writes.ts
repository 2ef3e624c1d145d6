import { type StoreWrite } from '../../storage/backend.ts';

/** Rows that entries changed and that are not in the store yet: each once, as it was left last. */
export class RowWrites {
  readonly #writes = new Map<string, StoreWrite>();

  put(table: string, key: string, value: Uint8Array): void {
    this.#set({ table, key, value });
  }

  remove(table: string, key: string): void {
    this.#set({ table, key, value: undefined });
  }

  /** In the order in which rows were first changed. */
  take(): StoreWrite[] {
    const writes = [...this.#writes.values()];
    this.#writes.clear();
    return writes;
  }

  #set(write: StoreWrite): void {
    this.#writes.set(`${write.table}\0${write.key}`, write);
  }
}
