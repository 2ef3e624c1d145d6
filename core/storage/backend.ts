/**
 * The ordered store: part of a machine's state, lent to it by the runner (LMDB, memory, simulated disk).
 *
 * Every method is synchronous. A write is visible to the very next read. Nothing about when it reaches the disk is
 * visible, except that the runner steps `stored(seq)` once every batch at or below `seq` is durable. After a crash the
 * store holds a prefix of the batches that were written, each whole, at least all those reported as stored.
 *
 * Keys are latin1 strings (one char a byte), ordered by bytes, 1 to `storeKeyBytesMax` bytes long. Values are byte
 * arrays that neither side changes after handing them over.
 */
export interface StorageBackend {
  /** Fixed when the store is opened; another name throws. */
  readonly tables: readonly string[];

  get(table: string, key: string): Uint8Array | undefined;

  /**
   * Rows with from ≤ key < to, ascending, or descending when `reverse`; lazily, so that a reader may stop early. It ends
   * with the next write to the table: asking for more rows afterwards throws. A view's range has no such end.
   */
  range(table: string, range: StoreRange): Iterable<StoreRow>;

  /** Rows with from ≤ key < to, counted without reading their values. */
  count(table: string, range: Pick<StoreRange, 'from' | 'to'>): number;

  /** Applies the whole batch, in order; returns its number: 1, 2, 3 … within this life of the store. */
  write(batch: readonly StoreWrite[]): number;

  /** Opens a read view of the content as it is now, pending writes included; it must be closed. */
  openView(): number;
  /** The view's content. Throws when it is not open. */
  view(viewId: number): StoreView;

  /** Opens an empty staging area beside the content, lost by a crash. At most `stagesMax` are open. */
  openStage(): number;
  /** Adds rows to a staging area; keys come in ascending order within a table. */
  stageRows(stageId: number, table: string, rows: readonly StoreRow[]): void;
  discardStage(stageId: number): void;
  /**
   * Replaces the whole content by the stage's, atomically and durably on return. Open views keep what they show. A
   * batch written before counts as stored.
   */
  installStage(stageId: number): void;
}

export interface StoreRange {
  /** Inclusive lower bound; '' for the beginning. */
  readonly from: string;
  /** Exclusive upper bound; undefined for the end. */
  readonly to?: string | undefined;
  readonly reverse?: boolean | undefined;
  /** Rows at most. */
  readonly limit?: number | undefined;
}

export type StoreRow = readonly [key: string, value: Uint8Array];

export interface StoreView {
  /** Everything but `close` throws once the view is closed, a range that was begun before included. */
  get(table: string, key: string): Uint8Array | undefined;
  range(table: string, range: StoreRange): Iterable<StoreRow>;
  close(): void;
}

/** `value: undefined` deletes. */
export interface StoreWrite {
  readonly table: string;
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

/** LMDB's limit with 4 KiB pages is 1,978 bytes; the rest is reserve. */
export const storeKeyBytesMax = 1_950;
export const stagesMax = 4;
