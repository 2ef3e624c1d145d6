import { type OpenSnapshot, type SnapshotSource } from '../../adapters/backup/open-snapshot.ts';
import { snapshotFormatVersion } from '../../adapters/backup/format.ts';
import { snapshotBytesEstimate } from '../../adapters/backup/snapshot-writer.ts';
import { StatusError } from '../../adapters/grpc/status.ts';
import { type LmdbBackend } from '../../adapters/lmdb/lmdb-backend.ts';
import { type PeerIdentity } from '../../adapters/peer/protocol.ts';
import { readApplied, readPhysical } from '../../core/chainfire/mvcc/meta.ts';
import { version } from '../version.ts';

export const snapshotSystem = 'chainfire';

/**
 * Snapshots of a member's store. The machine has no part in them: between two of its steps whatever it has applied is written,
 * so that a view taken then is the state at the applied index, and it needs nothing of the log.
 */
export class MemberSnapshots implements SnapshotSource {
  readonly #store: LmdbBackend;
  readonly #own: PeerIdentity;
  readonly #name: string;

  constructor(store: LmdbBackend, own: PeerIdentity, name: string) {
    this.#store = store;
    this.#own = own;
    this.#name = name;
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
