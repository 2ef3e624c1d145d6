import { type NodeId } from '../base/ids.ts';
import { entryBytes } from './entry-cache.ts';
import { type GroupState } from './group-state.ts';
import { promised } from './lease.ts';
import { type Progress } from './progress.ts';
import { type Entry, type LogIndex, type RaftMessage } from './types.ts';

/**
 * The leader's side of replication (Raft §5.3). Handlers only change what is known of a member; what is to be said to it
 * follows from that at the end of the step, so that a step says everything once.
 *
 * Appends do not wait for the leader's own disk: it counts itself for a commit only up to its synced index
 * (dissertation §10.2.1).
 *
 * A commit index that advanced is told at once, with an empty append when there is nothing else to send. It costs a
 * message and its answer for each commit in an otherwise idle group, nothing under load, where appends carry it; it saves
 * followers up to a heartbeat interval before they apply, which is what their watchers and readers wait for.
 */
export function sendAppends(state: GroupState): void {
  for (const peer of state.peers) {
    const progress = state.progressOf(peer);
    if (progress.state === 'replicate') replicate(state, peer, progress);
    else if (progress.state === 'probe') probe(state, peer, progress);
  }
}

export function sendHeartbeats(state: GroupState): void {
  for (const peer of state.peers) {
    state.send(peer, {
      kind: 'heartbeatRequest',
      term: state.term,
      // What is not known to match may not commit there.
      commitIndex: Math.min(state.commitIndex, state.progressOf(peer).match),
      readSeq: state.reads.readSeq,
      sentUs: state.options.leaseReads === undefined ? 0 : state.nowUs,
    });
  }
}

export function onAppendResponse(
  state: GroupState,
  from: NodeId,
  message: Extract<RaftMessage, { kind: 'appendResponse' }>,
): void {
  const progress = state.progress.get(from);
  if (progress === undefined || !heard(state, progress, message.boot, undefined)) return;
  if (message.rejected) {
    const hint = state.log.lastIndexWithTermAtMost(message.hintTerm, message.hintIndex);
    if (progress.reject(message.index, hint)) state.sendsDue = true;
    return;
  }
  if (message.index > state.log.lastIndex) return;
  const news = progress.accept(message.index);
  if (news) state.commitDue = true;
  state.sendsDue = true;
  if (progress.state === 'probe' && message.index === progress.match) progress.becomeReplicate();
  if (progress.state === 'snapshot' && progress.match + 1 >= state.log.firstIndex) progress.becomeReplicate();
  if (state.transfer?.to === from) handOver(state, from, progress);
}

export function onHeartbeatResponse(
  state: GroupState,
  from: NodeId,
  message: Extract<RaftMessage, { kind: 'heartbeatResponse' }>,
): void {
  const progress = state.progress.get(from);
  if (progress === undefined || !heard(state, progress, message.boot, message.lastIndex)) return;
  progress.readSeq = Math.max(progress.readSeq, Math.min(message.readSeq, state.reads.readSeq));
  promised(state, progress, message);
  nudge(state, progress);
}

/**
 * Once the member holds everything, it may campaign at once, whatever leader the others still believe in; they will break
 * the promises on which our lease rests, now or whenever that message arrives.
 */
export function handOver(state: GroupState, to: NodeId, progress: Progress): void {
  state.leaseForfeited = true;
  if (progress.match === state.log.lastIndex) state.send(to, { kind: 'timeoutNow', term: state.term });
}

export function onSnapshotSent(state: GroupState, to: NodeId): void {
  const index = endSnapshot(state, to);
  const progress = state.progress.get(to);
  if (index === undefined || progress?.state !== 'snapshot') return;
  // Its answer, or else the next heartbeat's, says where to go on; until then nothing is gained by asking.
  progress.becomeProbe(Math.max(progress.match, index) + 1);
  progress.probing = true;
  progress.nudgedUs = state.nowUs;
}

export function onSnapshotFailed(state: GroupState, to: NodeId): void {
  endSnapshot(state, to);
  const progress = state.progress.get(to);
  if (progress?.state !== 'snapshot') return;
  progress.becomeProbe(progress.match + 1);
  progress.probing = true;
  progress.nudgedUs = state.nowUs;
}

/** Returns false for an answer of an earlier start of the member: it may speak of what has been lost since. */
function heard(
  state: GroupState,
  progress: Progress,
  boot: number,
  lastIndex: LogIndex | undefined,
): boolean {
  if (boot < progress.boot) return false;
  progress.active = true;
  progress.heardUs = state.nowUs;
  if (boot === progress.boot) return true;
  if (progress.boot === 0) {
    progress.boot = boot;
  } else {
    progress.restart(boot, lastIndex);
    state.sendsDue = true;
  }
  return true;
}

/** A member answers heartbeats but nothing moves: an append or its answer was lost. At most once a heartbeat interval. */
function nudge(state: GroupState, progress: Progress): void {
  if (state.nowUs - progress.nudgedUs < state.options.heartbeatIntervalUs) return;
  const stalled = progress.nudgedMatch === progress.match;
  progress.nudgedUs = state.nowUs;
  progress.nudgedMatch = progress.match;
  if (progress.state === 'probe') progress.probing = false;
  else if (progress.state === 'replicate') progress.pingDue = stalled && progress.match < progress.next - 1;
  state.sendsDue = true;
}

function replicate(state: GroupState, peer: NodeId, progress: Progress): void {
  const { log, options } = state;
  if (progress.pingDue) {
    progress.pingDue = false;
    append(state, peer, progress, []);
  }
  while (!progress.window.full && progress.next <= log.lastIndex) {
    if (log.termAt(progress.next - 1) === undefined) return requestSnapshot(state, peer, progress);
    const entries = log.entries(progress.next, log.lastIndex, options.appendBytesMax);
    append(state, peer, progress, entries);
    progress.next += entries.length;
    progress.window.add(progress.next - 1, bytesOf(entries));
  }
  // Behind a full window, the next answer opens the way for it.
  if (progress.sentCommit < state.commitIndex && !progress.window.full) append(state, peer, progress, []);
}

function probe(state: GroupState, peer: NodeId, progress: Progress): void {
  if (progress.probing) return;
  const { log, options } = state;
  if (log.termAt(progress.next - 1) === undefined) return requestSnapshot(state, peer, progress);
  append(state, peer, progress, log.entries(progress.next, log.lastIndex, options.appendBytesMax));
  progress.probing = true;
  progress.nudgedUs = state.nowUs;
}

/** What the member needs next is no longer in the log; that came out by its last answer, so it is there to receive it. */
function requestSnapshot(state: GroupState, peer: NodeId, progress: Progress): void {
  const underWay = state.snapshotsUnderWay.get(peer);
  progress.becomeSnapshot(underWay ?? state.appliedIndex);
  if (underWay !== undefined) return;
  state.snapshotsUnderWay.set(peer, state.appliedIndex);
  state.outbox.emit({ kind: 'snapshotNeeded', group: state.group, to: peer });
}

function endSnapshot(state: GroupState, to: NodeId): LogIndex | undefined {
  const index = state.snapshotsUnderWay.get(to);
  state.snapshotsUnderWay.delete(to);
  return index;
}

function append(state: GroupState, to: NodeId, progress: Progress, entries: readonly Entry[]): void {
  const previousTerm = state.log.termAt(progress.next - 1);
  if (previousTerm === undefined) return requestSnapshot(state, to, progress);
  progress.sentCommit = state.commitIndex;
  state.send(to, {
    kind: 'appendRequest',
    term: state.term,
    previousIndex: progress.next - 1,
    previousTerm,
    entries,
    commitIndex: state.commitIndex,
    boot: progress.boot,
  });
}

function bytesOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return bytes;
}
