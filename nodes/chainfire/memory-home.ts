import { type DirectoryIdentity } from '../../adapters/data-dir/format-file.ts';
import { MemoryStore } from '../../adapters/memory/memory-store.ts';
import { MemorySegments } from '../../core/storage/memory-segments.ts';
import { ClusterFile, type ClusterRecord } from './cluster-file.ts';
import { type MemberDisk, type MemberHome } from './member-home.ts';

/**
 * The memory of the process. Whoever comes back from here has lost what it had promised, and is treated as a member whose
 * directory was lost: it does not come back under its old id.
 */
export class MemoryHome implements MemberHome {
  readonly path = '(memory)';

  identity(): DirectoryIdentity | undefined {
    return undefined;
  }

  claim(): 'new' {
    return 'new';
  }

  clusterRecord(): ClusterRecord | undefined {
    return undefined;
  }

  clusterFile(record: ClusterRecord): ClusterFile {
    return new ClusterFile(undefined, record, () => undefined);
  }

  openDisk(tables: readonly string[]): MemberDisk {
    return {
      store: new MemoryStore(tables),
      segments: new MemorySegments(),
      closeSegments: () => undefined,
    };
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}
