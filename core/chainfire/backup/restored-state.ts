import { type SegmentAppend } from '../../base/effects.ts';
import { GroupLog } from '../../raft/group-log.ts';
import { type StorageBackend } from '../../storage/backend.ts';
import { type SegmentRepair } from '../../storage/segment-files.ts';
import { appliedWrite, readApplied } from '../mvcc/meta.ts';
import { Mvcc } from '../mvcc/mvcc.ts';
import { memberGroup, memberLogPrefix } from '../recover-raft.ts';

/** What becomes of the revisions that clients of the old cluster may remember. */
export interface RestoredRevisions {
  /** The new cluster goes on so much above the snapshot's revision. */
  readonly bump: number;
  /** Everything below counts as compacted: who resumes from there is told so. Only with a bump. */
  readonly markCompacted: boolean;
}

/** Raises the revision of a store that holds the rows of a snapshot, and nothing else yet. */
export function bumpRevision(store: StorageBackend, { bump, markCompacted }: RestoredRevisions): void {
  if (bump === 0) return;
  const found = readApplied(store);
  const bumped = { ...found, revision: found.revision + bump };
  store.write([appliedWrite(bumped)]);
  if (!markCompacted) return;
  const mvcc = new Mvcc(store);
  mvcc.compact(bumped.revision);
  store.write([...mvcc.takeWrites(), appliedWrite({ ...bumped, compactRevision: mvcc.compactRevision })]);
}

/**
 * What to write into empty segment files for a log that begins behind the restored state, in its term, with no vote given.
 *
 * The position stays that of the old cluster: whoever joins later must take the state from another, since this log does not
 * reach back to its beginning.
 */
export function restoredLog(
  segments: SegmentRepair,
  store: Pick<StorageBackend, 'get'>,
  segmentBytesMax: number,
): readonly SegmentAppend[] {
  const { index, term } = readApplied(store);
  const log = GroupLog.recover(segments, {
    prefix: memberLogPrefix,
    segmentBytesMax,
    groups: [memberGroup],
    applied: new Map(),
  });
  const journal = log.journal(memberGroup);
  journal.saveHardState({ term, vote: 0, boot: 1 });
  journal.restart({ index, term });
  return log.flush()?.persist.appends ?? [];
}
