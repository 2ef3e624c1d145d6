import { assert, present } from '../../base/assert.ts';
import { type StateForm } from '../../base/capture.ts';
import { crc32c } from '../../base/crc32c.ts';
import { OrderedMap } from '../../base/ordered-map.ts';
import { type StorageBackend, type StoreWrite } from '../../storage/backend.ts';
import { type KeyValue } from '../api/kv.ts';
import { newAppliedCounters, passCounters } from '../applied-counts.ts';
import { noBytes } from '../../base/bytes.ts';
import {
  attachedMark,
  attachmentKey,
  behindAttachments,
  keyOfAttachment,
  leaseKey,
  leaseKeyTable,
} from '../lease/keys.ts';
import { type Change } from './change.ts';
import { type KeyAccounts } from './key-accounts.ts';
import { type KeyRange } from './key-range.ts';
import {
  currentBound,
  currentTable,
  historyTable,
  indexBound,
  indexKey,
  indexTable,
  keyBytesMax,
  revisionKey,
  revisionKeyBytes,
} from './keys.ts';
import { firstRevision, physicalWrite, readApplied, readPhysical } from './meta.ts';
import { decodeRecord, encodePut, encodeTombstone, leaseOfRecord } from './record.ts';
import { versionsAt } from './versions-at.ts';
import { putMark, tombstoneMark } from './marks.ts';

/** Stands for a deleted key in the overlay: no record is empty. */
const deletedRow = noBytes;

/** A record, or the key in `history` under which it lies: reading it can wait until it is known to be wanted. */
export type RecordAt = Uint8Array | string;

/** Sub-revisions are four bytes. */
const subRevisionMax = 4_294_967_295;

/**
 * Keys, their versions, and the revisions at which they changed.
 *
 * Changes happen inside a transaction (`begin` … `end`), all of which share one main revision; they are visible to every
 * read at once, and gathered until `takeWrites` hands them over to be written together with the applied index. Until then
 * the changed rows of `current` lie in an overlay. `history` and `index` have none: a read at an earlier revision needs what
 * came before to be written, and its caller sees to it.
 *
 * A key changes at most once in a transaction (validation refuses anything else), so (key, main revision) is unique.
 */
export class Mvcc {
  /** What was done, for metrics; counted by all that changes it. */
  readonly counters = newAppliedCounters();
  readonly #store: StorageBackend;
  /** Main revision of the last transaction that changed something. */
  #revision: number = firstRevision;
  /** Reads below are refused. Invariant: compactRevision ≤ revision. */
  #compactRevision = 0;
  /** Changes of the open transaction so far. */
  #changes = 0;
  #open = false;
  #hash = 0;
  #liveBytes = 0;
  #storedBytes = 0;
  #cursor = '';
  #overlay = new OrderedMap<Uint8Array>();
  #writes: StoreWrite[] = [];
  #writesBytes = 0;
  /** Length of `#writes` when the open transaction began. */
  #writesBefore = 0;
  #physicalChanged = false;
  /** Rows of `leaseKey` are among `#writes`. */
  #attachmentsChanged = false;
  /** What has changed since `takeChanges`, while somebody wants to know. */
  #changed: Change[] = [];
  #capturesChanges = false;
  #accounts: KeyAccounts | undefined;

  constructor(store: StorageBackend) {
    this.#store = store;
    this.reload();
  }

  /** Forgets everything that is not in the store: at start, and after the store was replaced by a snapshot. */
  reload(): void {
    assert(!this.#open, 'the store is not replaced inside a transaction');
    const applied = readApplied(this.#store);
    const physical = readPhysical(this.#store);
    this.#revision = applied.revision;
    this.#compactRevision = applied.compactRevision;
    this.#hash = applied.hash;
    this.#liveBytes = applied.liveBytes;
    this.#storedBytes = physical.storedBytes;
    this.#cursor = physical.cursor;
    assert(this.#compactRevision <= this.#revision, 'what is compacted has happened');
    this.#overlay = new OrderedMap<Uint8Array>();
    this.#writes = [];
    this.#writesBytes = 0;
    this.#physicalChanged = false;
    this.#attachmentsChanged = false;
  }

  get store(): StorageBackend {
    return this.#store;
  }

  /** From now on every change of a key is told to `accounts` too. */
  accountTo(accounts: KeyAccounts): void {
    this.#accounts = accounts;
  }

  /** What a read sees now: one more than before the transaction as soon as it has changed something. */
  get revision(): number {
    return this.#changes > 0 ? this.#revision + 1 : this.#revision;
  }

  get compactRevision(): number {
    return this.#compactRevision;
  }

  get hash(): number {
    return this.#hash;
  }

  get liveBytes(): number {
    return this.#liveBytes;
  }

  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** Key in `history` from which freeing goes on. */
  get cursor(): string {
    return this.#cursor;
  }

  /** Everything that has changed is in the store: what is seen now is what its history ends with. */
  get isWritten(): boolean {
    return !this.#open && this.#writes.length === 0;
  }

  /** Bytes of keys and values that `takeWrites` would hand over. */
  get writesBytes(): number {
    return this.#writesBytes;
  }

  /** Mixes bytes into the rolling hash. */
  mix(bytes: Uint8Array): void {
    this.#hash = crc32c(bytes, this.#hash);
  }

  begin(): void {
    assert(!this.#open, 'transactions do not overlap');
    this.#open = true;
    this.#changes = 0;
    this.#writesBefore = this.#writes.length;
  }

  /** Ends the transaction; one that changed nothing does not count as a revision. */
  end(): void {
    assert(this.#open, 'a transaction is open');
    if (this.#changes > 0) this.#revision += 1;
    this.#changes = 0;
    this.#open = false;
  }

  /** The key's newest record, the open transaction's changes included. */
  row(key: string): Uint8Array | undefined {
    // The store need not be able to look for it.
    if (key.length > keyBytesMax) return undefined;
    const changed = this.#overlay.get(key);
    if (changed !== undefined) return changed === deletedRow ? undefined : changed;
    return this.#store.get(currentTable, key);
  }

  get(key: string): KeyValue | undefined {
    const row = this.row(key);
    return row === undefined ? undefined : decodeRecord(row);
  }

  put(key: string, value: Uint8Array, lease: bigint): void {
    const previousRow = this.row(key);
    const previous = previousRow === undefined ? undefined : decodeRecord(previousRow);
    const modRevision = this.#revision + 1;
    assert(previous?.modRevision !== modRevision, 'a key changes at most once in a revision');
    const record = encodePut({
      key,
      createRevision: previous?.createRevision ?? modRevision,
      modRevision,
      version: (previous?.version ?? 0) + 1,
      value,
      lease,
    });
    if (previousRow !== undefined) this.#count(-(key.length + previousRow.length));
    this.#count(key.length + record.length);
    this.#overlay.set(key, record);
    this.#write(currentTable, key, record);
    this.#attach(key, previous?.lease ?? 0n, lease);
    this.#change(key, record, putMark, previousRow);
    if (this.#accounts?.isEmpty === false) this.#accounts.put(key, previous, { value, lease });
  }

  /** @returns the keys that were deleted, with their last records */
  deleteRange(range: KeyRange): readonly (readonly [key: string, row: Uint8Array])[] {
    const doomed = [...this.rows(range, false)];
    for (const [key, row] of doomed) this.#delete(key, row);
    return doomed;
  }

  /** Attachments have changed since the last `takeWrites`: they must be written before `attachedKeys`. */
  get attachmentsChanged(): boolean {
    return this.#attachmentsChanged;
  }

  /** Keys that are attached to the lease, in order. */
  attachedKeys(lease: bigint, limit?: number): readonly string[] {
    assert(!this.#attachmentsChanged, 'attachments are written before they are read');
    const keys: string[] = [];
    const range = { from: leaseKey(lease), to: behindAttachments(lease), limit };
    for (const [attachment] of this.#store.range(leaseKeyTable, range))
      keys.push(keyOfAttachment(attachment));
    return keys;
  }

  /** Deletes what `attachedKeys` named, as far as nothing but deletions of other leases' keys happened since. */
  deleteAttached(lease: bigint, keys: readonly string[]): void {
    for (const key of keys) {
      const row = present(this.row(key), 'a key that is attached to a lease exists');
      assert(leaseOfRecord(row) === lease, 'a key knows the lease that it is attached to');
      this.#delete(key, row);
    }
  }

  /** Keys of the range with their newest records, in key order or backwards; lazily. */
  rows(range: KeyRange, reverse: boolean): Iterable<readonly [key: string, row: Uint8Array]> {
    if (range.single) {
      const row = this.row(range.from);
      return row === undefined ? [] : [[range.from, row]];
    }
    if (range.to !== undefined && range.to <= range.from) return [];
    const from = currentBound(range.from);
    const to = range.to === undefined ? undefined : currentBound(range.to);
    const stored = this.#store.range(currentTable, { from, to, reverse });
    if (this.#overlay.size === 0) return stored;
    return merge(stored, this.#overlay.range({ from, to, reverse }), reverse);
  }

  /** Keys of the range now, counted without reading their records. */
  count(range: KeyRange): number {
    if (range.single) return this.row(range.from) === undefined ? 0 : 1;
    if (range.to !== undefined && range.to <= range.from) return 0;
    const from = currentBound(range.from);
    const to = range.to === undefined ? undefined : currentBound(range.to);
    let count = this.#store.count(currentTable, { from, to });
    // Few: what the batch that is being applied has changed.
    for (const [key, row] of this.#overlay.range({ from, to })) {
      count +=
        (row === deletedRow ? 0 : 1) - this.#store.count(currentTable, { from: key, to: `${key}\x00` });
    }
    return count;
  }

  /**
   * Keys in `index` of the records that made up the range at an earlier revision; lazily. It reads the index along, and seeks
   * past a key of which it has met many versions: a key may have any number of them.
   *
   * @param revision compactRevision ≤ revision, all of it written
   */
  *rowsAt(range: KeyRange, revision: number, reverse: boolean): Iterable<string> {
    assert(revision >= this.#compactRevision, 'a compacted revision cannot be read');
    assert(revision <= this.#revision, 'a read sees the past only');
    const unwritten = this.#open ? this.#writesBefore : this.#writes.length;
    assert(unwritten === 0, 'earlier transactions are written before their past is read');
    const from = indexBound(range.from);
    const to = range.to === undefined ? undefined : indexBound(range.to);
    if (to !== undefined && to <= from) return;
    yield* versionsAt(this.#store, { from, to, reverse }, revision);
  }

  /** The record that `rows` named, or that lies in `history` under what a key of `rowsAt` ends with. */
  record(at: RecordAt): Uint8Array {
    if (typeof at !== 'string') return at;
    return present(this.#store.get(historyTable, at), 'every revision in the index has its record');
  }

  /** Refuses reads below `revision` from now on; what it releases is freed later, turn by turn. */
  compact(revision: number): void {
    assert(
      revision > this.#compactRevision && revision <= this.#revision,
      'compaction goes forward, into the past',
    );
    // Tombstones of the last compacted revision itself were kept; they are looked at again.
    const again = revisionKey(this.#compactRevision, 0);
    if (again < this.#cursor) this.#cursor = again;
    this.#compactRevision = revision;
    this.#physicalChanged = true;
  }

  /** Everything changed since the last call, in order; the caller writes it before anything else. */
  takeWrites(): StoreWrite[] {
    assert(!this.#open, 'a transaction is written whole');
    if (this.#writes.length > 0 || this.#physicalChanged) {
      this.#writes.push(physicalWrite({ cursor: this.#cursor, storedBytes: this.#storedBytes }));
    }
    const writes = this.#writes;
    this.#writes = [];
    this.#writesBytes = 0;
    this.#physicalChanged = false;
    this.#attachmentsChanged = false;
    if (this.#overlay.size > 0) this.#overlay = new OrderedMap<Uint8Array>();
    return writes;
  }

  /** From now on changes are kept for `takeChanges`, or not any more. */
  captureChanges(wanted: boolean): void {
    assert(this.#changed.length === 0, 'what was captured has been taken');
    this.#capturesChanges = wanted;
  }

  /** Every change since the last call, in order; bounded by what is applied between two calls. */
  takeChanges(): readonly Change[] {
    const changed = this.#changed;
    if (changed.length > 0) this.#changed = [];
    return changed;
  }

  /** Frees rows (a turn of compaction): `deletions` and the progress go into one batch. */
  free(deletions: readonly StoreWrite[], freedBytes: number, cursor: string): StoreWrite[] {
    assert(this.#writes.length === 0 && !this.#open, 'freeing happens between transactions');
    this.#storedBytes -= freedBytes;
    this.#cursor = cursor;
    return [...deletions, physicalWrite({ cursor, storedBytes: this.#storedBytes })];
  }

  /** Between two steps everything is in the store, and says there what it says here. */
  passState(form: StateForm): void {
    const written = this.#writes.length === 0 && this.#overlay.size === 0 && !this.#physicalChanged;
    assert(
      written && !this.#open && this.#changed.length === 0,
      'state is captured when all of it is written',
    );
    form.same('revision', this.#revision);
    form.same('compactRevision', this.#compactRevision);
    form.same('hash', this.#hash);
    form.same('liveBytes', this.#liveBytes);
    form.same('storedBytes', this.#storedBytes);
    form.same('cursor', this.#cursor);
    form.object('counters', this.counters, passCounters);
    this.#capturesChanges = form.flag('capturesChanges', this.#capturesChanges);
  }

  #delete(key: string, row: Uint8Array): void {
    this.#count(-(key.length + row.length));
    this.#overlay.set(key, deletedRow);
    this.#write(currentTable, key, undefined);
    this.#attach(key, leaseOfRecord(row), 0n);
    this.#change(key, encodeTombstone(key, this.#revision + 1), tombstoneMark, row);
    if (this.#accounts?.isEmpty === false) this.#accounts.deleted(key, row);
  }

  /** The key leaves one lease for another; 0 is none. */
  #attach(key: string, from: bigint, to: bigint): void {
    if (from === to) return;
    if (from !== 0n) this.#write(leaseKeyTable, attachmentKey(from, key), undefined);
    if (to !== 0n) this.#write(leaseKeyTable, attachmentKey(to, key), attachedMark);
    this.#attachmentsChanged = true;
  }

  #change(key: string, record: Uint8Array, mark: Uint8Array, previous: Uint8Array | undefined): void {
    assert(this.#open, 'a change happens inside a transaction');
    assert(this.#changes < subRevisionMax, 'sub-revisions suffice');
    const revision = revisionKey(this.#revision + 1, this.#changes);
    this.#changes += 1;
    const index = indexKey(key, revision);
    this.#write(historyTable, revision, record);
    this.#write(indexTable, index, mark);
    this.#storedBytes += revisionKeyBytes + record.length + index.length + mark.length;
    this.#hash = crc32c(record, this.#hash);
    if (mark === putMark) this.counters.puts += 1;
    else this.counters.deletes += 1;
    if (this.#capturesChanges) this.#changed.push({ revision: this.#revision + 1, key, record, previous });
  }

  /** Accounts for a row of `current`. */
  #count(bytes: number): void {
    this.#liveBytes += bytes;
    this.#storedBytes += bytes;
  }

  #write(table: string, key: string, value: Uint8Array | undefined): void {
    this.#writes.push({ table, key, value });
    this.#writesBytes += key.length + (value?.length ?? 0);
  }
}

/** Bytes of the rows that one record takes up in `history` and `index`. */
export function recordBytes(index: string, record: Uint8Array): number {
  return revisionKeyBytes + record.length + index.length + putMark.length;
}

type Row = readonly [key: string, row: Uint8Array];

/** Two sorted sequences as one; where both have a key, the overlay's row counts, and a deleted one is left out. */
function* merge(stored: Iterable<Row>, overlay: Iterable<Row>, reverse: boolean): Iterable<Row> {
  const below = stored[Symbol.iterator]();
  const above = overlay[Symbol.iterator]();
  try {
    let lower = below.next();
    let upper = above.next();
    while (lower.done !== true || upper.done !== true) {
      const takesUpper =
        upper.done !== true &&
        (lower.done === true ||
          (reverse ? upper.value[0] >= lower.value[0] : upper.value[0] <= lower.value[0]));
      if (!takesUpper) {
        yield lower.value as Row;
        lower = below.next();
        continue;
      }
      const row = upper.value as Row;
      if (lower.done !== true && lower.value[0] === row[0]) lower = below.next();
      if (row[1] !== deletedRow) yield row;
      upper = above.next();
    }
  } finally {
    below.return?.();
    above.return?.();
  }
}
