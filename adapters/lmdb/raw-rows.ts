import { type Database, type RangeOptions, type Transaction } from 'lmdb';

/** A row where it was read to: all of it is overwritten by the next one, so that no row costs an object. */
export interface RawRow {
  /** Holds the key, latin1, from `keyStart` to before `keyEnd`. */
  key: Uint8Array;
  keyStart: number;
  keyEnd: number;
  /** Begins with the value, `valueBytes` long. */
  value: Uint8Array;
  valueBytes: number;
}

/** Looks at a row, which is its own until it returns. @returns whether it wants another */
export type RowVisitor = (row: RawRow) => boolean;

/** The parts of one of lmdb's tables by which it turns what it has read into keys and values. */
interface TableReaders {
  encoding: string;
  /** Its `decode` copies what it keeps: it is given lmdb's own buffer. */
  decoderCopies: boolean;
  decoder: { decode(value: Uint8Array, bytes: number): undefined };
  readKey(source: Uint8Array, start: number, end: number): string;
}

/**
 * A table as `getRange` reads it, but for what it makes of keys and values: nothing. A string and a buffer for each row cost
 * several times what their bytes do, and whoever passes a million rows on wants their bytes alone.
 */
export class RawRows {
  readonly #table: Database<Uint8Array, string>;
  readonly #row: RawRow = {
    key: new Uint8Array(0),
    keyStart: 0,
    keyEnd: 0,
    value: new Uint8Array(0),
    valueBytes: 0,
  };

  constructor(table: Database<Uint8Array, string>) {
    const row = this.#row;
    const readers: TableReaders = {
      encoding: 'raw',
      decoderCopies: true,
      decoder: {
        decode: (value, bytes) => {
          row.value = value;
          row.valueBytes = bytes;
          return undefined;
        },
      },
      readKey: (source, start, end) => {
        row.key = source;
        row.keyStart = start;
        row.keyEnd = end;
        return '';
      },
    };
    // Another view of the same handle, rather than another handle: to open one is a transaction.
    this.#table = Object.assign(Object.create(table) as Database<Uint8Array, string>, readers);
  }

  /** @returns false when the visitor wanted no more */
  visit(
    bounds: { readonly from: string; readonly to: string | undefined },
    transaction: Transaction,
    visit: RowVisitor,
  ): boolean {
    if (bounds.to !== undefined && bounds.to <= bounds.from) return true;
    const options = { start: bounds.from, end: bounds.to, transaction };
    const rows = this.#table.getRange(options as RangeOptions);
    const row = rows[Symbol.iterator]();
    try {
      while (row.next().done !== true) if (!visit(this.#row)) return false;
      return true;
    } finally {
      row.return?.();
    }
  }
}
