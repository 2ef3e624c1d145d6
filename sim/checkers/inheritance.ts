import { type RestoredRevisions } from '../../core/chainfire/backup/restored-state.ts';
import { type Backup } from '../backup/backup.ts';
import { type StateInWords } from '../backup/state-in-words.ts';
import { Truth } from './truth.ts';

/** What a cluster that was made from a backup has to begin with, by the backup and by what was asked of the restoration. */
export interface Inheritance {
  readonly atUs: number;
  /** As every one of its members has to be when it starts. */
  readonly state: StateInWords;
  readonly revisions: RestoredRevisions;
  /** Leases of the backup: their time to live begins anew. */
  readonly leases: readonly { readonly id: bigint; readonly ttlSeconds: number }[];
  readonly truth: Truth;
}

/**
 * Worked out here from the backup alone, not from what the system has made of it.
 *
 * @param truth of the cluster that the backup was taken from
 */
export function inherit(
  backup: Backup,
  revisions: RestoredRevisions,
  given: { readonly truth: Truth | undefined; readonly atUs: number },
): Inheritance {
  const { bump, markCompacted } = revisions;
  const { member } = backup;
  const revision = member.revision + bump;
  const compactRevision = markCompacted && bump > 0 ? revision : member.compactRevision;
  return {
    atUs: given.atUs,
    state: { ...member, revision, compactRevision },
    revisions,
    leases: backup.leases,
    truth: Truth.goingOn(given.truth, { revision: member.revision, bump }),
  };
}
