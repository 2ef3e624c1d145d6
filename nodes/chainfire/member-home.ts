import { type DirectoryIdentity } from '../../adapters/data-dir/format-file.ts';
import { type DurableStore } from '../../adapters/runner/ports.ts';
import { type StoreView } from '../../core/storage/backend.ts';
import { type SegmentFiles } from '../../core/storage/segment-files.ts';
import { type ClusterFile, type ClusterRecord } from './cluster-file.ts';

/** A member's store, with what is done to it beside the member's machine. */
export interface MemberStore extends DurableStore {
  /** The content between two batches, for as long as it is open; not the machine's. */
  openReadView(): StoreView;
  /** Rows of all tables, about. */
  committedRows(): number;
  defragment(): Promise<void>;
}

/** What a member runs on, once it has been claimed. */
export interface MemberDisk {
  readonly store: MemberStore;
  readonly segments: SegmentFiles;
  /** After the store was closed. */
  closeSegments(): void;
}

/** Where a member keeps what it has: a data directory, or the memory of its process. */
export interface MemberHome {
  /** Its name in messages. */
  readonly path: string;
  /** Whose it says it is; undefined for a new one. @throws DataDirError when that cannot be read */
  identity(): DirectoryIdentity | undefined;
  /** @throws DataDirError, nothing changed, when it is not this member's */
  claim(identity: DirectoryIdentity): 'new' | 'existing';
  /** What the last start knew of the cluster; undefined for a new one. @throws DataDirError when it cannot be read */
  clusterRecord(): ClusterRecord | undefined;
  /** Nothing is written before somebody does. */
  clusterFile(record: ClusterRecord, onFailed: (error: Error) => void): ClusterFile;
  openDisk(tables: readonly string[]): MemberDisk;
  /** Lets another have it. */
  release(): Promise<void>;
}
