import { compareKeys } from '../../core/base/bytes.ts';
import { type KeyValue } from '../../core/chainfire/api/kv.ts';
import {
  currentTable,
  historyTable,
  indexKey,
  indexTable,
  mainRevisionOf,
} from '../../core/chainfire/mvcc/keys.ts';
import { decodeRecord } from '../../core/chainfire/mvcc/record.ts';
import { type MemoryBackend } from '../../core/storage/memory-backend.ts';
import { type Backup } from '../backup/backup.ts';
import { backupContent } from '../backup/backup-content.ts';
import { stateDifference, stateOfStore } from '../backup/state-in-words.ts';
import { type Checker, type RunEnd, Violation } from '../types.ts';
import { isDeletion, type Truth } from './truth.ts';

/**
 * A backup is the state at one revision, and nothing else: its position, leases and users are those that the member had in
 * memory as it opened its view; its keys are those of the revision, its history is that of the cluster as far back as it was
 * compacted, and every record is in the index, however long the download took and whatever went on meanwhile.
 *
 * Not verified: keys and history, when the truth was not recorded whole; that a member has freed all that was compacted.
 */
export class BackupExact implements Checker {
  readonly name = 'backup-exact';
  readonly #truth: Truth;

  constructor(truth: Truth) {
    this.#truth = truth;
  }

  onEnd({ backups = [] }: RunEnd): void {
    for (const backup of backups) {
      const wrong = this.#wrong(backup);
      if (wrong === undefined) continue;
      const which = `the backup of member ${backup.node}, begun at ${backup.openedUs} µs`;
      throw new Violation(this.name, `${which}: ${wrong}`, wrong);
    }
  }

  #wrong(backup: Backup): string | undefined {
    const content = backupContent(backup);
    const difference = stateDifference(backup.member, stateOfStore(content));
    if (difference !== undefined) return difference;
    if (!this.#truth.isComplete) return undefined;
    return this.#wrongKeys(backup, content) ?? this.#wrongHistory(backup, content);
  }

  #wrongKeys({ member }: Backup, content: MemoryBackend): string | undefined {
    const truth = this.#truth;
    const { revision } = member;
    for (const key of [...truth.keys].sort(compareKeys)) {
      const bytes = content.get(currentTable, key);
      const row = truth.rowAt(key, revision);
      const found = bytes === undefined ? undefined : decodeRecord(bytes);
      if (row === undefined && found === undefined) continue;
      if (row === undefined) return `it has ${key}, which there was not at revision ${revision}`;
      if (found === undefined) return `it lacks ${key}, as of ${row.modRevision}, at revision ${revision}`;
      if (!truth.isRow(found, row)) return `its ${key} is not that of revision ${revision}`;
    }
    for (const [key] of content.range(currentTable, { from: '' })) {
      if (truth.rowAt(key, revision) === undefined) return `it has ${key}, which there never was`;
    }
    return undefined;
  }

  #wrongHistory({ member }: Backup, content: MemoryBackend): string | undefined {
    const { revision, compactRevision } = member;
    /** By revision. */
    const records = new Map<number, KeyValue[]>();
    let count = 0;
    for (const [at, record] of content.range(historyTable, { from: '' })) {
      const row = decodeRecord(record);
      if (content.get(indexTable, indexKey(row.key, at)) === undefined)
        return `the record of ${row.key} at revision ${row.modRevision} is not in its index`;
      const main = mainRevisionOf(at);
      const others = records.get(main);
      if (others === undefined) records.set(main, [row]);
      else others.push(row);
      count += 1;
    }
    if (content.count(indexTable, { from: '' }) !== count) return 'its index names records that it lacks';
    for (const [main, rows] of records) {
      const wrong = this.#wrongRevision(main, rows, revision);
      if (wrong !== undefined) return wrong;
    }
    for (let main = compactRevision + 1; main <= revision; main += 1) {
      const owed = this.#truth.changeAt(main)?.rows.length ?? 0;
      if ((records.get(main)?.length ?? 0) !== owed) return `it lacks records of revision ${main}`;
    }
    for (const key of this.#truth.keys) {
      const row = this.#truth.rowAt(key, compactRevision);
      if (row === undefined) continue;
      const isThere = records.get(row.modRevision)?.some((other) => other.key === key) === true;
      if (!isThere) return `it lacks ${key} as it was at the compacted revision ${compactRevision}`;
    }
    return undefined;
  }

  #wrongRevision(main: number, rows: readonly KeyValue[], revision: number): string | undefined {
    if (main > revision) return `it has a record of revision ${main}, and is of ${revision}`;
    const change = this.#truth.changeAt(main);
    for (const row of rows) {
      const made = change?.rows.find((other) => other.key === row.key);
      const isSame =
        made !== undefined && (isDeletion(made) ? isDeletion(row) : this.#truth.isRow(row, made));
      if (!isSame) return `its record of ${row.key} at revision ${main} was never made`;
    }
    return undefined;
  }
}
