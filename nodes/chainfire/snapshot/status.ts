import { type SnapshotFileHeader } from '../../../adapters/backup/format.ts';
import { SnapshotFile } from '../../../adapters/backup/snapshot-reader.ts';
import { bytesFromLatin1 } from '../../../core/base/bytes.ts';
import { crc32c } from '../../../core/base/crc32c.ts';
import { currentTable } from '../../../core/chainfire/mvcc/keys.ts';
import { snapshotSystem } from '../member-upkeep.ts';

export interface SnapshotStatus {
  readonly header: SnapshotFileHeader;
  /** Over the names, keys and values of every table. */
  readonly hash: number;
  /** Keys that there were at its revision. */
  readonly totalKeys: number;
  readonly sizeBytes: number;
  /** In hex. */
  readonly digest: string;
}

/** Reads all of it, twice: that it is whole, and then what it holds. @throws SnapshotFileError */
export async function snapshotStatus(path: string): Promise<SnapshotStatus> {
  const file = await SnapshotFile.open(path, snapshotSystem);
  let hash = 0;
  let totalKeys = 0;
  let lastTable: string | undefined;
  for await (const { table, rows } of file.rows()) {
    if (table !== lastTable) hash = crc32c(bytesFromLatin1(table), hash);
    lastTable = table;
    if (table === currentTable) totalKeys += rows.length;
    for (const [key, value] of rows) hash = crc32c(value, crc32c(bytesFromLatin1(key), hash));
  }
  return { header: file.header, hash, totalKeys, sizeBytes: file.sizeBytes, digest: file.digest };
}
