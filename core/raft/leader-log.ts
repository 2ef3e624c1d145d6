import { encodeConfiguration, isJoint, isVoter, leaveJoint } from './configuration.ts';
import { entryBytes } from './entry-cache.ts';
import { type GroupState } from './group-state.ts';
import { quorumIndex } from './quorum.ts';
import { handOver, sendAppends } from './replication.ts';
import { becomeFollower } from './roles.ts';
import { type Configuration, type Entry, type EntryKind } from './types.ts';

/** Appends to the leader's own log. It only ever appends (Leader Append-Only, Raft §5.3). */
export function leaderAppend(state: GroupState, kind: EntryKind, payloads: readonly Uint8Array[]): void {
  const { log, term } = state;
  const entries: Entry[] = [];
  let bytes = 0;
  for (const data of payloads) {
    const entry: Entry = { index: log.lastIndex + 1 + entries.length, term, kind, data };
    entries.push(entry);
    bytes += entryBytes(entry);
  }
  log.append(entries);
  state.uncommitted.push({ lastIndex: log.lastIndex, bytes });
  state.uncommittedBytes += bytes;
  state.commitDue = true;
  state.sendsDue = true;
}

export function appendConfiguration(state: GroupState, configuration: Configuration): void {
  leaderAppend(state, 'configuration', [encodeConfiguration(configuration)]);
  configurationChanged(state);
}

/** A leader serves the members of the configuration in force; a transfer to one who is no voter any more is off. */
export function configurationChanged(state: GroupState): void {
  state.alignProgress();
  if (state.transfer !== undefined && !isVoter(state.configuration, state.transfer.to))
    state.transfer = undefined;
  state.commitDue = true;
  state.sendsDue = true;
}

/**
 * Commits what is durable on a quorum, if its last entry is of the current term: an older one may yet be replaced, however
 * many hold it (Raft §5.4.2, figure 8).
 */
export function advanceCommit(state: GroupState): void {
  while (state.role === 'leader' && state.commitDue) {
    state.commitDue = false;
    const index = quorumIndex(state.configuration, state.matchOf);
    if (index <= state.commitIndex || state.log.termAt(index) !== state.term) return;
    state.commitTo(index);
    state.sendsDue = true;
    releaseUncommitted(state);
    if (state.log.configurationIndex <= index) configurationCommitted(state);
  }
}

/** Takes what fits and returns the rest. A single proposal fits whenever nothing else is uncommitted. */
export function takeProposals(state: GroupState, proposals: readonly Uint8Array[]): readonly Uint8Array[] {
  const { uncommittedBytesMax } = state.options;
  let bytes = state.uncommittedBytes;
  let count = 0;
  for (const data of proposals) {
    const size = entryBytes({ index: 0, term: 0, kind: 'command', data });
    if (bytes > 0 && bytes + size > uncommittedBytesMax) break;
    bytes += size;
    count += 1;
  }
  if (count > 0) leaderAppend(state, 'command', proposals.slice(0, count));
  return proposals.slice(count);
}

function releaseUncommitted(state: GroupState): void {
  let released = 0;
  for (const append of state.uncommitted) {
    if (append.lastIndex > state.commitIndex) break;
    state.uncommittedBytes -= append.bytes;
    released += 1;
  }
  if (released > 0) state.uncommitted.splice(0, released);
}

/**
 * Leaves the joint configuration once it has committed; a leader that the new one leaves out steps down once that has
 * (Raft §4.3, §4.2.2), handing over to one that holds everything, if there is one.
 */
function configurationCommitted(state: GroupState): void {
  const { configuration } = state;
  if (isJoint(configuration)) {
    appendConfiguration(state, leaveJoint(configuration));
    return;
  }
  if (isVoter(configuration, state.id)) return;
  sendAppends(state);
  const heir = configuration.voters.find((id) => state.matchOf(id) === state.log.lastIndex);
  if (heir !== undefined) handOver(state, heir, state.progressOf(heir));
  becomeFollower(state, state.term, 0);
}
