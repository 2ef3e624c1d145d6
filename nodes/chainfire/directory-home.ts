import { DataDirectory } from '../../adapters/data-dir/data-directory.ts';
import { type DirectoryIdentity } from '../../adapters/data-dir/format-file.ts';
import { LmdbBackend } from '../../adapters/lmdb/lmdb-backend.ts';
import { FileSegments } from '../../adapters/segments/file-segments.ts';
import { ClusterFile, type ClusterRecord } from './cluster-file.ts';
import { type MemberDisk, type MemberHome } from './member-home.ts';

/** A data directory: the state in LMDB, the log in segment files. */
export class DirectoryHome implements MemberHome {
  readonly #directory: DataDirectory;

  /** @throws DataDirError when another process holds it, or the system says no */
  static async lock(path: string): Promise<DirectoryHome> {
    return new DirectoryHome(await DataDirectory.lock(path));
  }

  private constructor(directory: DataDirectory) {
    this.#directory = directory;
  }

  get path(): string {
    return this.#directory.path;
  }

  identity(): DirectoryIdentity | undefined {
    return this.#directory.identity();
  }

  claim(identity: DirectoryIdentity): 'new' | 'existing' {
    return this.#directory.claim(identity);
  }

  clusterRecord(): ClusterRecord | undefined {
    return ClusterFile.read(this.path);
  }

  clusterFile(record: ClusterRecord, onFailed: (error: Error) => void): ClusterFile {
    return new ClusterFile(this.path, record, onFailed);
  }

  openDisk(tables: readonly string[]): MemberDisk {
    const store = LmdbBackend.open({ dir: this.#directory.part('state'), tables });
    // The member names its files `log/…`.
    const segments = FileSegments.open({ dir: this.path });
    return { store, segments, closeSegments: () => segments.close() };
  }

  release(): Promise<void> {
    return this.#directory.release();
  }
}
