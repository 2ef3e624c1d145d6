import { assert } from '../../base/assert.ts';
import { type PersistEffect, type RemoveSegmentsEffect } from '../../base/effects.ts';
import { textFromUtf8, utf8FromText } from '../../base/utf8.ts';
import { DataLossError } from '../../raft/data-loss.ts';
import { RecordLog } from '../../storage/record-log.ts';
import { type SegmentRepair } from '../../storage/segment-files.ts';
import { DeletedNames } from './deleted-names.ts';
import { byDiskName, type DiskRow, readRow } from './disk-row.ts';
import { type DiskExportsSettings } from './exports-protocol.ts';

/** A batch of the journal, as JSON: what changed, or all that there is, where older files are to go. */
interface JournalBatch {
  readonly format: 1;
  readonly all: boolean;
  readonly rows: readonly DiskRow[];
  readonly gone: readonly string[];
  /** Names that are not used again, in the order of their deletion. */
  readonly deleted: readonly string[];
}

/** A disk's row as it is from now on; without it: the disk is gone, `buried`: for good. */
export interface DiskChange {
  readonly disk: string;
  readonly row: DiskRow | undefined;
  readonly buried: boolean;
}

/**
 * The rows of all disks on segment files. Each change is a batch of its own; the first batch of a file states everything
 * again, so that there is never more than a file and a half of it.
 *
 * Damage is not passed over in silence: an older token that is taken for the newest would let a fenced writer write.
 * Damage to the very last batch looks like a torn tail to whoever reads the log; it is the one case that is not seen.
 */
export class DiskJournal {
  readonly #log: RecordLog;
  /** Sync number 0 of this life. */
  readonly #firstBatchSeq: number;
  #syncSeq = 0;
  #syncedSeq = 0;
  /** The newest batch that states everything, while what is before it has not been removed. */
  #stated: number | undefined;

  /** @throws DataLossError when what is found is not all that was promised */
  static recover(
    segments: SegmentRepair,
    settings: Pick<DiskExportsSettings, 'journalPrefix' | 'journalSegmentBytesMax'>,
  ): { readonly journal: DiskJournal; readonly rows: Map<string, DiskRow>; readonly deleted: DeletedNames } {
    const { log, batches, damage } = RecordLog.recover(segments, {
      prefix: settings.journalPrefix,
      segmentBytesMax: settings.journalSegmentBytesMax,
    });
    if (damage !== undefined) {
      throw new DataLossError(
        `batches ${damage.fromBatchSeq} to ${damage.toBatchSeq} of the journal of shared disks are damaged: which token of a disk is the newest is not known`,
      );
    }
    let rows = new Map<string, DiskRow>();
    let deleted = new DeletedNames();
    for (const { location, payload } of batches) {
      const batch = decodeBatch(payload);
      if (batch === undefined)
        throw new DataLossError(`batch ${location.batchSeq} of the journal of shared disks is not readable`);
      if (batch.all) rows = new Map();
      if (batch.all) deleted = new DeletedNames();
      for (const disk of batch.gone) rows.delete(disk);
      for (const disk of batch.deleted) deleted.add(disk);
      for (const row of batch.rows) rows.set(row.disk, row);
    }
    return { journal: new DiskJournal(log), rows, deleted };
  }

  private constructor(log: RecordLog) {
    this.#log = log;
    this.#firstBatchSeq = log.lastBatchSeq;
  }

  /** What must be synced before anything that follows from the newest change may leave; 0: nothing. */
  get gate(): number {
    return this.#syncSeq > this.#syncedSeq ? this.#syncSeq : 0;
  }

  /** @param rows all rows, the change made; and so are all `deleted` names */
  write(change: DiskChange, rows: ReadonlyMap<string, DiskRow>, deleted: DeletedNames): PersistEffect {
    const all = this.#log.rolls;
    const batch: JournalBatch = all
      ? { format: 1, all, rows: [...rows.values()].sort(byDiskName), gone: [], deleted: deleted.names }
      : {
          format: 1,
          all,
          rows: change.row === undefined ? [] : [change.row],
          gone: change.row === undefined ? [change.disk] : [],
          deleted: change.buried ? [change.disk] : [],
        };
    const { append, newSegment, location } = this.#log.append(utf8FromText(JSON.stringify(batch)));
    assert(newSegment === all, 'the first batch of a file, and no other, states everything');
    if (all) this.#stated = location.batchSeq;
    this.#syncSeq += 1;
    return { kind: 'persist', syncSeq: this.#syncSeq, appends: [append] };
  }

  synced(syncSeq: number): RemoveSegmentsEffect | undefined {
    assert(syncSeq <= this.#syncSeq, 'only what was written becomes durable');
    this.#syncedSeq = Math.max(this.#syncedSeq, syncSeq);
    this.#log.synced(this.#firstBatchSeq + this.#syncedSeq);
    if (this.#stated === undefined || this.#stated > this.#firstBatchSeq + this.#syncedSeq) return undefined;
    const files = this.#log.cutBelow(this.#stated);
    this.#stated = undefined;
    return files.length === 0 ? undefined : { kind: 'removeSegments', files };
  }
}

function decodeBatch(payload: Uint8Array): JournalBatch | undefined {
  const text = textFromUtf8(payload);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  // Journals that are older than the memory of what was deleted have nothing of it.
  const {
    format,
    all,
    rows,
    gone,
    deleted = [],
  } = value as { readonly [Key in keyof JournalBatch]?: unknown };
  if (format !== 1 || typeof all !== 'boolean' || !Array.isArray(rows)) return undefined;
  if (!areNames(gone) || !areNames(deleted)) return undefined;
  const read: DiskRow[] = [];
  for (const each of rows) {
    const row = readRow(each);
    if (row === undefined) return undefined;
    read.push(row);
  }
  return { format, all, rows: read, gone, deleted };
}

function areNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((disk) => typeof disk === 'string');
}
