import { type GroupState } from './group-state.ts';
import { type RaftMessage } from './types.ts';

/**
 * How a member whose log was damaged becomes trustworthy again.
 *
 * Damage may have taken entries that this member had acknowledged, and that are committed because it had. Until it surely
 * holds every committed entry again, its vote could elect a leader that lacks one: so it neither votes nor campaigns. It
 * does append and acknowledge, since what it acknowledges from now on it truly holds; and it keeps to its term and to
 * the votes it has given, which damage did not take (see log-replay.ts).
 *
 * The repair ends once an append of a leader L of the current term T has arrived that
 *
 * 1. names this member's present boot: L has heard of this start, so it has forgotten what earlier starts had
 *    acknowledged, and drops their answers that are still on the way;
 * 2. matches our log at least up to the commit index c that it names; and
 * 3. has an entry of term T at c;
 *
 * and once our log is durable up to c. Then nothing committed is missing:
 *
 * - What leaders before L committed lies before L's first entry (Leader Completeness), hence, by 3, below c. That
 *   property holds although acknowledgements of ours were lost: whoever elected L held what it had acknowledged, and a
 *   vote of ours for L was cast before the damage or after an earlier repair's end.
 * - What L commits above c, it commits after it has heard of this boot: by acknowledgements that hold.
 *
 * Where a quorum of a group is damaged at once, no leader can arise, and the group stands still rather than serve what may
 * be incomplete; with two voters, one is enough.
 */
export function appendMatched(
  state: GroupState,
  message: Extract<RaftMessage, { kind: 'appendRequest' }>,
  matchedIndex: number,
): void {
  if (!state.repairing || message.boot !== state.boot) return;
  if (message.commitIndex > matchedIndex || state.log.termAt(message.commitIndex) !== message.term) return;
  state.repairTarget = { term: message.term, index: message.commitIndex };
}

/** At the end of each step. */
export function endRepair(state: GroupState): void {
  const target = state.repairTarget;
  if (target === undefined || state.log.syncedIndex < target.index) return;
  state.repairTarget = undefined;
  // What is committed cannot have been replaced; the check costs nothing.
  if (state.log.termAt(target.index) === target.term) state.log.journal.saveRepairing(false);
}
