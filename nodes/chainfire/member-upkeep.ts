import { type OpenSnapshot, type SnapshotSource } from '../../adapters/backup/open-snapshot.ts';
import { snapshotFormatVersion } from '../../adapters/backup/format.ts';
import { snapshotBytesEstimate } from '../../adapters/backup/snapshot-writer.ts';
import { type Defragmenter } from '../../adapters/grpc/services/defragment.ts';
import { StatusError } from '../../adapters/grpc/status.ts';
import { LmdbBackendError } from '../../adapters/lmdb/lmdb-backend-error.ts';
import { type PeerIdentity } from '../../adapters/peer/protocol.ts';
import { readApplied, readPhysical } from '../../core/chainfire/mvcc/meta.ts';
import { version } from '../version.ts';
import { type MemberStore } from './member-home.ts';

export const snapshotSystem = 'chainfire';

/**
 * What is done with a member's store beside its machine, which notices nothing of it.
 *
 * Between two of its steps whatever it has applied is written, so that a view taken then is the state at the applied index;
 * a snapshot of it needs nothing of the log.
 */
export class MemberUpkeep implements SnapshotSource, Defragmenter {
  readonly #store: MemberStore;
  readonly #own: PeerIdentity;
  readonly #name: string;

  constructor(store: MemberStore, own: PeerIdentity, name: string) {
    this.#store = store;
    this.#own = own;
    this.#name = name;
  }

  async defragment(): Promise<void> {
    try {
      await this.#store.defragment();
    } catch (error) {
      if (!(error instanceof LmdbBackendError)) throw error;
      throw new StatusError('ABORTED', `the store was not defragmented, and is as it was: ${error.message}`);
    }
  }

  openSnapshot(): OpenSnapshot {
    const view = this.#store.openReadView();
    const applied = readApplied(view);
    if (applied.index === 0) {
      view.close();
      throw new StatusError(
        'UNAVAILABLE',
        'this member holds nothing yet: ask another, or again when it does',
      );
    }
    return {
      view,
      memberId: BigInt(this.#own.id),
      bytesEstimate: snapshotBytesEstimate({
        rows: this.#store.committedRows(),
        bytes: readPhysical(view).storedBytes,
      }),
      header: {
        formatVersion: snapshotFormatVersion,
        system: snapshotSystem,
        softwareVersion: version,
        clusterId: this.#own.clusterId,
        memberName: this.#name,
        appliedIndex: applied.index,
        appliedTerm: applied.term,
        revision: applied.revision,
        compactRevision: applied.compactRevision,
        createdMs: Date.now(),
        tables: this.#store.tables,
      },
    };
  }
}
