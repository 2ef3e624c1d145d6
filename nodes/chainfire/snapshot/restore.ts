import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

import { SnapshotFileError } from '../../../adapters/backup/format.ts';
import { SnapshotFile } from '../../../adapters/backup/snapshot-reader.ts';
import { ConfigError } from '../../../adapters/config/resolve.ts';
import { type NamedAddress } from '../../../adapters/config/values.ts';
import { DataDirError } from '../../../adapters/data-dir/data-dir-error.ts';
import { DataDirectory } from '../../../adapters/data-dir/data-directory.ts';
import { LmdbBackend } from '../../../adapters/lmdb/lmdb-backend.ts';
import { formatClusterId } from '../../../adapters/peer/protocol.ts';
import { FileSegments } from '../../../adapters/segments/file-segments.ts';
import { type NodeId } from '../../../core/base/ids.ts';
import {
  bumpRevision,
  type RestoredRevisions,
  restoredLog,
} from '../../../core/chainfire/backup/restored-state.ts';
import { restorableTables, rowsTaken } from '../../../core/chainfire/backup/row-fates.ts';
import { memberTables } from '../../../core/chainfire/member.ts';
import { readApplied } from '../../../core/chainfire/mvcc/meta.ts';
import { type StoreRow } from '../../../core/storage/backend.ts';
import { type Bootstrap, bootstrap, memberNamed, restoredToken, type PeerScheme } from '../bootstrap.ts';
import { ClusterFile } from '../cluster-file.ts';
import { snapshotSystem } from '../member-upkeep.ts';
import { syncDirectory } from './save.ts';

export interface RestoreOptions {
  readonly file: string;
  readonly name: string;
  readonly dataDir: string;
  readonly initialCluster: readonly NamedAddress[];
  readonly initialClusterToken: string;
  /** Of the new members' peer URLs. */
  readonly peerScheme: PeerScheme;
  readonly segmentBytesMax: number;
  readonly revisions: RestoredRevisions;
}

export interface RestoredMember {
  readonly id: NodeId;
  /** 16 hex digits. */
  readonly clusterId: string;
  readonly revision: number;
  readonly rows: number;
}

/**
 * Makes the data directory of one member of a new cluster that goes on from a snapshot. Every member of it is made so, each
 * from the same file, before any is started.
 *
 * The cluster's id comes of its members, its token and the snapshot: a member of the old cluster is refused, and so is one
 * that was started on an empty directory by mistake, which otherwise could outvote those that have the data.
 *
 * The position in the log stays, too, and the log begins behind it, empty: whoever joins later must take the state from
 * another, since the log does not reach back to its beginning.
 *
 * @throws SnapshotFileError, ConfigError or DataDirError; nothing is left behind then
 */
export async function restoreSnapshot(options: RestoreOptions): Promise<RestoredMember> {
  const dataDir = resolve(options.dataDir);
  await refuseExisting(dataDir);
  const file = await SnapshotFile.open(options.file, snapshotSystem);
  const restoredFrom = originOf(file, options.revisions);
  const token = restoredToken(options.initialClusterToken, restoredFrom);
  const cluster = bootstrap(options.initialCluster, token, options.peerScheme);
  const self = memberNamed(cluster, options.name);
  if (self === undefined) {
    const names = cluster.members.map((member) => member.name).join(', ');
    throw new ConfigError(
      `name is ${JSON.stringify(options.name)}, it must be one of those in initial_cluster: ${names}`,
    );
  }
  const buildDir = join(dirname(dataDir), `.${basename(dataDir)}.restoring-${process.pid}`);
  await mkdir(dirname(dataDir), { recursive: true });
  let isRestored = false;
  try {
    const rows = await build(buildDir, file, { ...options, cluster, id: self.id, restoredFrom });
    await rename(buildDir, dataDir);
    isRestored = true;
    await syncDirectory(dirname(dataDir));
    const clusterId = formatClusterId(cluster.clusterId);
    const revision = file.header.revision + options.revisions.bump;
    return { id: self.id, clusterId, revision, rows };
  } finally {
    if (!isRestored) await rm(buildDir, { recursive: true, force: true });
  }
}

/** Members that were restored in different ways hold different states: they must not take each other for members. */
function originOf(file: SnapshotFile, { bump, markCompacted }: RestoredRevisions): string {
  if (bump === 0) return file.digest;
  return `${file.digest} and ${bump}${markCompacted ? ', compacted' : ''}`;
}

async function refuseExisting(dataDir: string): Promise<void> {
  if (!existsSync(dataDir)) return;
  const entries = await readdir(dataDir);
  if (entries.length === 0) return;
  throw new DataDirError(
    `${dataDir} is there already and holds ${entries.slice(0, 3).join(', ')}${entries.length > 3 ? ', …' : ''}: ` +
      'a snapshot is restored into a new directory; give another --data-dir, or move this one away',
  );
}

/** @returns how many rows the state has */
async function build(
  dir: string,
  file: SnapshotFile,
  given: RestoreOptions & { readonly cluster: Bootstrap; readonly id: NodeId; readonly restoredFrom: string },
): Promise<number> {
  const { cluster, id, name, restoredFrom } = given;
  const clusterId = formatClusterId(cluster.clusterId);
  const directory = await DataDirectory.lock(dir);
  try {
    directory.claim({ system: snapshotSystem, clusterId, nodeId: id, name, restoredFrom });
    const rows = await restoreStateAndLog(directory, file, given);
    const birth = cluster.members.map((member) => ({
      id: member.id,
      name: member.name,
      peerUrls: member.peerUrls,
    }));
    const record = { clusterId, nodeId: id, birth, join: undefined, hasStarted: true, members: birth };
    await new ClusterFile(directory.path, record, () => undefined).write();
    await syncDirectory(directory.path);
    return rows;
  } finally {
    await directory.release();
  }
}

async function restoreStateAndLog(
  directory: DataDirectory,
  file: SnapshotFile,
  given: Pick<RestoreOptions, 'revisions' | 'segmentBytesMax'>,
): Promise<number> {
  const unknown = file.header.tables.filter((table) => !restorableTables.includes(table));
  if (unknown.length > 0) {
    throw new SnapshotFileError(
      `${file.path} has tables that this version does not know: ${unknown.join(', ')}`,
    );
  }
  const store = LmdbBackend.open({ dir: directory.part('state'), tables: memberTables });
  try {
    const stageId = store.openStage();
    let count = 0;
    for await (const { table, rows } of file.rows()) {
      const taken = rowsTakenOf(file, table, rows);
      store.stageRows(stageId, table, taken);
      count += taken.length;
    }
    store.installStage(stageId);
    const { index, term, revision } = readApplied(store);
    const { appliedIndex, appliedTerm, revision: expected } = file.header;
    if (index !== appliedIndex || term !== appliedTerm || revision !== expected) {
      throw new SnapshotFileError(
        `${file.path} says that it is of revision ${expected} (entry ${appliedIndex}, term ${appliedTerm}), its content is of ` +
          `revision ${revision} (entry ${index}, term ${term})`,
      );
    }
    bumpRevision(store, given.revisions);
    await writeLog(directory.path, store, given.segmentBytesMax);
    return count;
  } finally {
    await store.close();
  }
}

/** @throws SnapshotFileError for a row that this program would lose or misread */
function rowsTakenOf(file: SnapshotFile, table: string, rows: readonly StoreRow[]): readonly StoreRow[] {
  const taken = rowsTaken(table, rows);
  if (taken.kind === 'taken') return taken.rows;
  throw new SnapshotFileError(
    `${file.path} has a row ${JSON.stringify(taken.key)} in table ${table} that this version does not know; ` +
      'use a newer photon',
  );
}

async function writeLog(dir: string, store: LmdbBackend, segmentBytesMax: number): Promise<void> {
  const segments = FileSegments.open({ dir });
  try {
    for (const { file, bytes } of restoredLog(segments, store, segmentBytesMax)) segments.append(file, bytes);
    await new Promise<void>((done, fail) => {
      segments.sync((failure) => {
        if (failure === undefined) done();
        else fail(new Error(`cannot write the log: ${failure}`));
      });
    });
  } finally {
    segments.close();
  }
}
