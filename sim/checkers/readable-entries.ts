import { type Entry, type RaftView } from '../../core/raft/types.ts';
import { DamagedBatchError, UnreadableError } from '../../core/storage/read-errors.ts';

const sliceBytes = 1_048_576;

/** The next entries from there on; undefined where the disk has lost them, which the member has yet to find out. */
export function readableEntries(raft: RaftView, index: number): readonly Entry[] | undefined {
  try {
    return raft.entries(index, raft.lastIndex, sliceBytes);
  } catch (failure) {
    if (failure instanceof DamagedBatchError || failure instanceof UnreadableError) return undefined;
    throw failure;
  }
}
