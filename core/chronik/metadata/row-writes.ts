import { type StoreWrite } from '../../storage/backend.ts';

/** Rows that entries changed and that are not in the store yet: each once, as it was left last. */
export class RowWrites {
  /** Undefined: the row is to go. */
  readonly #tables = new Map<string, Map<string, Uint8Array | undefined>>();

  put(table: string, key: string, value: Uint8Array): void {
    this.#rowsOf(table).set(key, value);
  }

  remove(table: string, key: string): void {
    this.#rowsOf(table).set(key, undefined);
  }

  /** By table, rows in the order in which they were first changed. */
  take(): StoreWrite[] {
    const writes: StoreWrite[] = [];
    for (const [table, rows] of this.#tables) {
      for (const [key, value] of rows) writes.push({ table, key, value });
    }
    this.#tables.clear();
    return writes;
  }

  #rowsOf(table: string): Map<string, Uint8Array | undefined> {
    const known = this.#tables.get(table);
    if (known !== undefined) return known;
    const rows = new Map<string, Uint8Array | undefined>();
    this.#tables.set(table, rows);
    return rows;
  }
}
