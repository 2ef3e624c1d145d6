import { type NodeId } from '../base/ids.ts';
import { mayReadOnLease } from './lease.ts';
import { isQuorum } from './quorum.ts';
import { type GroupState } from './group-state.ts';
import { type PendingRead } from './read-state.ts';
import { type LogIndex, type RaftMessage, type RaftRefusal } from './types.ts';

/**
 * Linearizable reads without writing to the log (dissertation §6.4).
 *
 * A leader answers a read with its commit index once a quorum has confirmed, after the read arrived, that no later
 * leader exists. Reads are batched in rounds: one is under way, the next begins when it ends or with the next beat of the
 * heartbeat, whichever is first, so that a lost message delays but never stalls. A heartbeat carries the number of
 * the newest round and an answer repeats it: an older answer proves nothing about a newer round.
 *
 * Before the first commit of its term a leader does not know which of its predecessors' entries are committed: reads wait.
 *
 * With leader-lease reads (lease.ts) a leader that has a lease answers at once; one that has none falls back to rounds.
 */
export function readRequested(state: GroupState, context: number): void {
  if (state.role === 'leader') {
    if (!serve(state, { from: 0, boot: 0, context })) refuse(state, context, 'BUSY');
    return;
  }
  if (state.leader === 0) return refuse(state, context, 'NO_LEADER');
  const { reads } = state;
  expireForwarded(state);
  if (reads.forwardsFull) return refuse(state, context, 'BUSY');
  reads.forwardedCount += 1;
  reads.forwarded.set(reads.forwardedCount, { context, sentUs: state.nowUs });
  state.sendNumbered(state.leader, {
    kind: 'readIndexRequest',
    term: state.term,
    boot: state.boot,
    context: reads.forwardedCount,
  });
}

/** A member asks on behalf of its clients. Dropped where it cannot be served: the asker finds out by time or by term. */
export function onReadIndexRequest(
  state: GroupState,
  from: NodeId,
  message: Extract<RaftMessage, { kind: 'readIndexRequest' }>,
): void {
  if (state.role === 'leader') serve(state, { from, boot: message.boot, context: message.context });
}

/** An answer of an earlier life of ours is told apart by the boot, a doubled one by being asked for no more. */
export function onReadIndexResponse(
  state: GroupState,
  message: Extract<RaftMessage, { kind: 'readIndexResponse' }>,
): void {
  const read = message.boot === state.boot ? state.reads.forwarded.get(message.context) : undefined;
  if (read === undefined) return;
  state.reads.forwarded.delete(message.context);
  state.outbox.emit({ kind: 'readReady', group: state.group, context: read.context, index: message.index });
}

/** Begins a round if reads wait and none is under way. A leader calls it at the end of each step. */
export function startRound(state: GroupState): void {
  if (state.reads.rounds.length === 0) startRoundNow(state);
}

/** Begins a round even if another is under way: heartbeats go out anyway. */
export function startRoundNow(state: GroupState): void {
  const { reads } = state;
  if (reads.waiting.length === 0 || !state.committedInTerm) return;
  reads.readSeq += 1;
  reads.rounds.push({ readSeq: reads.readSeq, index: state.commitIndex, reads: reads.waiting });
  reads.waiting = [];
  state.heartbeatsDue = true;
}

/** Answers the rounds that a quorum has confirmed; a newer round confirms the older ones. */
export function finishRounds(state: GroupState): void {
  const { reads } = state;
  for (let round = reads.rounds[0]; round !== undefined; round = reads.rounds[0]) {
    const { readSeq, index } = round;
    const confirmed = isQuorum(
      state.configuration,
      (id) => id === state.id || (state.progress.get(id)?.readSeq ?? 0) >= readSeq,
    );
    if (!confirmed) return;
    reads.rounds.shift();
    reads.pending -= round.reads.length;
    for (const read of round.reads) answer(state, read, index);
  }
}

/** The leadership is over: whoever asked here is told, whoever forwarded learns of it by the new term. */
export function dropLeaderReads(state: GroupState): void {
  const { reads } = state;
  for (const read of [...reads.rounds.flatMap((round) => round.reads), ...reads.waiting]) {
    if (read.from === 0) refuse(state, read.context, 'NOT_LEADER');
  }
  reads.rounds = [];
  reads.waiting = [];
  reads.pending = 0;
}

/** The leader that was asked is no longer ours: it may never answer. */
export function dropForwardedReads(state: GroupState): void {
  for (const read of state.reads.forwarded.values()) refuse(state, read.context, 'NO_LEADER');
  state.reads.forwarded.clear();
}

/** Answers at once on a lease, or else with the next round. Returns false where too many wait already. */
function serve(state: GroupState, read: PendingRead): boolean {
  if (mayReadOnLease(state)) {
    answer(state, read, state.commitIndex);
    return true;
  }
  if (state.reads.full) return false;
  state.reads.waiting.push(read);
  state.reads.pending += 1;
  return true;
}

function answer(state: GroupState, read: PendingRead, index: LogIndex): void {
  if (read.from === 0) {
    state.outbox.emit({ kind: 'readReady', group: state.group, context: read.context, index });
    return;
  }
  state.send(read.from, {
    kind: 'readIndexResponse',
    term: state.term,
    boot: read.boot,
    context: read.context,
    index,
  });
}

/** Requests or answers that were lost must not fill the table for good. */
function expireForwarded(state: GroupState): void {
  for (const [number, read] of state.reads.forwarded) {
    if (read.sentUs + 2 * state.options.electionTimeoutUs > state.nowUs) return;
    state.reads.forwarded.delete(number);
    refuse(state, read.context, 'NO_LEADER');
  }
}

function refuse(state: GroupState, context: number, code: RaftRefusal): void {
  state.outbox.emit({ kind: 'readRefused', group: state.group, context, code });
}
