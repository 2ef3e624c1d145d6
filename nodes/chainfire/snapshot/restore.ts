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
import { memberTables } from '../../../core/chainfire/member.ts';
import { metaTable } from '../../../core/chainfire/mvcc/keys.ts';
import { appliedWrite, readApplied } from '../../../core/chainfire/mvcc/meta.ts';
import { Mvcc } from '../../../core/chainfire/mvcc/mvcc.ts';
import { memberGroup } from '../../../core/chainfire/recover-raft.ts';
import { GroupLog } from '../../../core/raft/group-log.ts';
import { type StoreRow } from '../../../core/storage/backend.ts';
import { type Bootstrap, bootstrap, memberNamed, restoredToken } from '../bootstrap.ts';
import { ClusterFile } from '../cluster-file.ts';
import { snapshotSystem } from '../member-upkeep.ts';
import { syncDirectory } from './save.ts';

export interface RestoreOptions {
  readonly file: string;
  readonly name: string;
  readonly dataDir: string;
  readonly initialCluster: readonly NamedAddress[];
  readonly initialClusterToken: string;
  readonly segmentBytesMax: number;
  readonly revisions: RestoredRevisions;
}

/** What becomes of the revisions that clients of the old cluster may remember. */
export interface RestoredRevisions {
  /** The new cluster goes on so much above the snapshot's revision. */
  readonly bump: number;
  /** Everything below counts as compacted: who resumes from there is told so. Only with a bump. */
  readonly markCompacted: boolean;
}

export interface RestoredMember {
  readonly id: NodeId;
  /** 16 hex digits. */
  readonly clusterId: string;
  readonly revision: number;
  readonly rows: number;
}

/** Rows of `meta` that say who the members were: the new cluster has its own. */
const membershipRows = new Set(['configuration', 'membership']);
const membershipRowPrefix = 'member/';
/** Rows of `meta` that are taken over: how far the state is, and what freeing has come to. */
const keptRows = new Set(['applied', 'physical']);

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
  const cluster = bootstrap(options.initialCluster, token);
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
    const rows = await restoreState(directory.part('state'), file, given.revisions);
    await restoreLog(directory.path, file, given.segmentBytesMax);
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

async function restoreState(dir: string, file: SnapshotFile, revisions: RestoredRevisions): Promise<number> {
  const unknown = file.header.tables.filter((table) => !memberTables.includes(table));
  if (unknown.length > 0) {
    throw new SnapshotFileError(
      `${file.path} has tables that this version does not know: ${unknown.join(', ')}`,
    );
  }
  const store = LmdbBackend.open({ dir, tables: memberTables });
  try {
    const stageId = store.openStage();
    let count = 0;
    for await (const { table, rows } of file.rows()) {
      const taken = table === metaTable ? rows.filter((row) => isTaken(row, file.path)) : rows;
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
    if (revisions.bump > 0) bumpRevision(store, revisions);
    return count;
  } finally {
    await store.close();
  }
}

function bumpRevision(store: LmdbBackend, { bump, markCompacted }: RestoredRevisions): void {
  const found = readApplied(store);
  const bumped = { ...found, revision: found.revision + bump };
  store.write([appliedWrite(bumped)]);
  if (!markCompacted) return;
  const mvcc = new Mvcc(store);
  mvcc.compact(bumped.revision);
  store.write([...mvcc.takeWrites(), appliedWrite({ ...bumped, compactRevision: mvcc.compactRevision })]);
}

/** @throws SnapshotFileError for a row that this program would lose or misread */
function isTaken([key]: StoreRow, path: string): boolean {
  if (keptRows.has(key)) return true;
  if (membershipRows.has(key) || key.startsWith(membershipRowPrefix)) return false;
  throw new SnapshotFileError(
    `${path} has a row ${JSON.stringify(key)} in table ${metaTable} that this version does not know; use a newer photon`,
  );
}

/** An empty log that begins behind the snapshot, in its term, with no vote given. */
async function restoreLog(dir: string, file: SnapshotFile, segmentBytesMax: number): Promise<void> {
  const { appliedIndex: index, appliedTerm: term } = file.header;
  const segments = FileSegments.open({ dir });
  try {
    const log = GroupLog.recover(segments, {
      prefix: 'log/',
      segmentBytesMax,
      groups: [memberGroup],
      applied: new Map(),
    });
    const journal = log.journal(memberGroup);
    journal.saveHardState({ term, vote: 0, boot: 1 });
    journal.restart({ index, term });
    const flushed = log.flush();
    for (const append of flushed?.persist.appends ?? []) segments.append(append.file, append.bytes);
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
