import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database, open, type RangeOptions, type RootDatabase, type Transaction } from 'lmdb';

import { assert, present } from '../../core/base/assert.ts';
import { type StoreRange, type StoreRow } from '../../core/storage/backend.ts';
import { makeDirectory, syncPath } from './current-file.ts';
import { LmdbBackendError } from './lmdb-backend-error.ts';
import { type PendingLayer } from './pending-layer.ts';
import { RawRows, type RowVisitor } from './raw-rows.ts';

export interface GenerationOptions {
  /** The store's directory, which holds the generation's. */
  readonly dir: string;
  readonly name: string;
  readonly tables: readonly string[];
  readonly mapBytes: number;
  readonly onClosed: () => void;
}

/** A read transaction: the content as it was committed when it was taken, whatever is committed later. */
export type Snapshot = Transaction;
type Table = Database<Uint8Array, string>;

/** Rows that a range fetches at once: few at first, since most readers stop early, then twice as many each time. */
const chunkRowsFirst = 16;
const chunkRowsMax = 512;
/** A chunk ends at the row that reaches this many bytes of values, so that a range over large ones stays small. */
const chunkBytesMax = 262_144;

/** Of lmdb's transaction flags: commit before returning, and leave the disk to a later sync. */
const commitWithoutSync = 0x2 | 0x10000;

/**
 * Keys go in and come out as latin1 strings, with no array in between. A key that does not fit must throw a RangeError:
 * that is how lmdb learns that its scratch buffer is full.
 */
const latin1KeyEncoder = {
  writeKey(key: string, target: Buffer, start: number): number {
    if (start + key.length > target.byteLength) throw new RangeError('the key does not fit into the buffer');
    return start + target.write(key, start, 'latin1');
  },
  readKey(source: Buffer, start: number, end: number): string {
    return source.toString('latin1', start, end);
  },
};

/**
 * One LMDB environment, in a directory of its own: one generation of a store's content.
 *
 * lmdb's overlapping sync is off: a commit is then durable when its promise resolves, by LMDB's own two syncs, rather than
 * by a second promise with a recovery of its own. In batches it costs nothing measurable, and nobody waits for a commit.
 */
export class Generation {
  readonly name: string;
  readonly path: string;
  readonly #root: RootDatabase<Uint8Array, string>;
  readonly #tables: ReadonlyMap<string, Table>;
  readonly #rawTables: ReadonlyMap<string, RawRows>;
  /** The store itself while it is live or a stage, each view, and each commit under way. Closed when it reaches 0. */
  #users = 1;
  #retired = false;
  #closed: Promise<void> | undefined;
  readonly #onClosed: () => void;

  constructor(options: GenerationOptions) {
    this.#onClosed = options.onClosed;
    this.name = options.name;
    this.path = join(options.dir, options.name);
    makeDirectory(this.path);
    this.#root = open<Uint8Array, string>({
      path: this.path,
      // Said outright: a dot in the path would make lmdb take it for a file.
      noSubdir: false,
      mapSize: options.mapBytes,
      maxDbs: options.tables.length + 1,
      overlappingSync: false,
      // Pages are not cleared before they are written: what they show besides is this store's own older content.
      noMemInit: true,
      encoding: 'binary',
      // A commit is one explicit batch. Batching by event turn would wrap it in another, whose promise nobody holds: a
      // commit that fails would end the process with an unhandled rejection before the store could say why.
      eventTurnBatching: false,
      // Hands a commit's operations over at once; to start on a part of them early would gain nothing.
      ...{ batchStartThreshold: Number.MAX_SAFE_INTEGER },
    });
    this.#tables = new Map(
      options.tables.map((name) => [
        name,
        this.#root.openDB<Uint8Array, string>(name, {
          encoding: 'binary',
          ...{ keyEncoder: latin1KeyEncoder },
        }),
      ]),
    );
    this.#rawTables = new Map(Array.from(this.#tables, ([name, table]) => [name, new RawRows(table)]));
    // What is found may be the last commit of a process that was killed before its sync: read as it is, but not on the disk.
    // Whoever recovers from it relies on it, and cuts the log behind it.
    this.makeDurable();
  }

  get(table: string, key: string, snapshot: Snapshot | undefined): Uint8Array | undefined {
    const options = snapshot === undefined ? undefined : { transaction: snapshot };
    const value = (this.#table(table) as TableWithOptions).getBinary(key, options);
    return value === undefined ? undefined : plainBytes(value);
  }

  /**
   * Rows in chunks: between two of them no cursor is open, so that a reader who stops without saying so leaves nothing
   * behind. Without a snapshot each chunk shows what is committed by then. `limit` is only a hint.
   */
  *range(
    table: string,
    range: StoreRange,
    snapshot: Snapshot | undefined,
  ): Generator<StoreRow, void, undefined> {
    const source = this.#table(table);
    let { from, to } = range;
    let rowsMax = Math.min(chunkRowsMax, Math.max(1, range.limit ?? chunkRowsFirst));
    while (to === undefined || from < to) {
      const rows = readChunk(source, { ...range, from, to }, { rowsMax, snapshot });
      yield* rows;
      const last = rows.at(-1);
      // A chunk may end early for its bytes, so only an empty one is the end.
      if (last === undefined) return;
      if (range.reverse === true) to = last[0];
      else from = `${last[0]}\0`;
      rowsMax = Math.min(chunkRowsMax, rowsMax * 2);
    }
  }

  /** Rows as bytes, keys ascending. @returns false when the visitor wanted no more */
  visit(
    table: string,
    bounds: { readonly from: string; readonly to: string | undefined },
    snapshot: Snapshot,
    visit: RowVisitor,
  ): boolean {
    const rows = present(
      this.#rawTables.get(table),
      'a table is one of those that the store was opened with',
    );
    return rows.visit(bounds, snapshot, visit);
  }

  /** Rows that are committed, counted by lmdb itself: neither keys nor values come out of the map. */
  count(table: string, { from, to }: Pick<StoreRange, 'from' | 'to'>): number {
    if (to !== undefined && to <= from) return 0;
    return this.#table(table).getKeysCount({ start: from, end: to } as RangeOptions);
  }

  /** Committed rows of all tables. */
  rowCount(): number {
    let rows = 0;
    for (const table of this.#tables.values())
      rows += (table.getStats() as { entryCount: number }).entryCount;
    return rows;
  }

  /** Takes a read transaction, which counts as a user until `releaseSnapshot`. */
  takeSnapshot(): Snapshot {
    this.#users += 1;
    return this.#root.useReadTransaction();
  }

  releaseSnapshot(snapshot: Snapshot): void {
    snapshot.done();
    this.release();
  }

  /**
   * Writes the layer in one transaction. Resolves once it is durable and every new read shows it; rejects with
   * LmdbBackendError when none of it is.
   */
  async commit(layer: PendingLayer): Promise<void> {
    this.#users += 1;
    try {
      await this.#root.batch(() => {
        for (const [name, rows] of layer.tables) {
          const table = this.#table(name);
          for (const [key, value] of rows.range({ from: '' })) {
            // Their promises say nothing that the batch's does not.
            if (value === null) void table.remove(key);
            else void table.put(key, value);
          }
        }
      });
    } catch (error) {
      throw await commitFailed(this.path, error);
    } finally {
      this.release();
    }
  }

  /** Writes rows at once and waits for no disk: `makeDurable` does. Only before the generation is live. */
  append(table: string, rows: readonly StoreRow[]): void {
    const target = this.#table(table);
    try {
      this.#root.transactionSync(() => {
        for (const [key, value] of rows) void target.put(key, value);
      }, commitWithoutSync);
    } catch (error) {
      throw new LmdbBackendError('COMMIT_FAILED', `${this.path} does not take rows`, { cause: error });
    }
  }

  makeDurable(): void {
    syncPath(join(this.path, 'data.mdb'));
    syncPath(this.path);
  }

  /** One user less; the last one closes the environment, and removes it when it is retired. */
  release(): void {
    assert(this.#users > 0, 'a generation is released as often as it is used');
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#closed = this.#root.close().then(async () => {
      // By another thread: to give back the blocks of a large file takes the system a good part of a second.
      if (this.#retired) await rm(this.path, { recursive: true, force: true });
      this.#onClosed();
    });
  }

  /** Ends the generation's life: removed once nobody uses it. */
  retire(): void {
    this.#retired = true;
    this.release();
  }

  /** Resolves when the environment is closed, which its users decide. */
  get closed(): Promise<void> | undefined {
    return this.#closed;
  }

  #table(name: string): Table {
    return present(this.#tables.get(name), 'a table is one of those that the store was opened with');
  }
}

/** lmdb's types leave out that a read may name its transaction here too. */
interface TableWithOptions {
  getBinary(key: string, options: { transaction: Snapshot } | undefined): Buffer | undefined;
}

/** Rows up to the bounds of a chunk, copied out of the map. */
function readChunk(
  table: Table,
  range: StoreRange,
  chunk: { readonly rowsMax: number; readonly snapshot: Snapshot | undefined },
): readonly StoreRow[] {
  const { from, to } = range;
  const reverse = range.reverse === true;
  // Going down, lmdb begins at `start`, which it includes, and ends above `end`.
  const bounds = reverse
    ? { start: to, end: from, exclusiveStart: true, inclusiveEnd: true, reverse }
    : { start: from, end: to };
  const rows: StoreRow[] = [];
  let bytes = 0;
  const options = {
    ...bounds,
    limit: chunk.rowsMax,
    ...(chunk.snapshot === undefined ? undefined : { transaction: chunk.snapshot }),
  };
  for (const { key, value } of table.getRange(options as Parameters<Table['getRange']>[0])) {
    rows.push([key, plainBytes(value)]);
    bytes += value.byteLength;
    if (bytes >= chunkBytesMax) break;
  }
  return rows;
}

/** lmdb copies a value into a Buffer of its own; ports speak of plain byte arrays. */
function plainBytes(value: Uint8Array): Uint8Array {
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

/** lmdb rejects with an error whose `commitError` is a promise that rejects with the reason, which must be handled. */
async function commitFailed(path: string, error: unknown): Promise<LmdbBackendError> {
  let cause: unknown = error;
  if (error instanceof Error && 'commitError' in error) {
    try {
      await error.commitError;
    } catch (reason) {
      cause = reason;
    }
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LmdbBackendError('COMMIT_FAILED', `${path} does not commit: ${reason}`, { cause });
}
