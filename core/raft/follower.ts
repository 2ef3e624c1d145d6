import { assert } from '../base/assert.ts';
import { type NodeId } from '../base/ids.ts';
import { type GroupState } from './group-state.ts';
import { promiseUs } from './lease.ts';
import { appendMatched } from './repair.ts';
import { becomeFollower, leaderHeard } from './roles.ts';
import { type LogIndex, type RaftMessage, type SnapshotHeader } from './types.ts';

type AppendRequest = Extract<RaftMessage, { kind: 'appendRequest' }>;
type HeartbeatRequest = Extract<RaftMessage, { kind: 'heartbeatRequest' }>;

/** A follower's answer to its leader's append (Raft §5.3). The message is of the current term. */
export function onAppendRequest(state: GroupState, from: NodeId, message: AppendRequest): void {
  becomeFollower(state, message.term, from);
  leaderHeard(state);
  const { log } = state;
  const { previousIndex, previousTerm } = message;
  const lastSent = previousIndex + message.entries.length;
  if (lastSent <= state.commitIndex) {
    // Late, doubled or empty: what is committed is known to match.
    appendMatched(state, message, state.commitIndex);
    acknowledge(state, from, state.commitIndex);
    return;
  }
  if (previousIndex > state.commitIndex && log.termAt(previousIndex) !== previousTerm) {
    const hintIndex = log.lastIndexWithTermAtMost(previousTerm, previousIndex);
    state.send(from, {
      kind: 'appendResponse',
      term: state.term,
      index: previousIndex,
      rejected: true,
      hintIndex,
      hintTerm: log.termAt(hintIndex) ?? 0,
      boot: state.boot,
    });
    return;
  }
  appendNew(state, message);
  state.commitTo(Math.min(message.commitIndex, lastSent));
  appendMatched(state, message, lastSent);
  acknowledge(state, from, lastSent);
}

export function onHeartbeatRequest(state: GroupState, from: NodeId, message: HeartbeatRequest): void {
  becomeFollower(state, message.term, from);
  leaderHeard(state);
  state.forwardedBatches.forgetBefore(state.nowUs - 2 * state.options.electionTimeoutUs);
  // The leader names no more than what it knows us to hold, but damage may have taken of that since.
  state.commitTo(Math.min(message.commitIndex, state.log.lastIndex));
  // Says only that this member is still in this term, which needs nothing to be durable (dissertation §6.4).
  state.send(from, {
    kind: 'heartbeatResponse',
    term: state.term,
    readSeq: message.readSeq,
    sentUs: message.sentUs,
    promisedUs: promiseUs(state),
    boot: state.boot,
    lastIndex: state.log.lastIndex,
  });
}

/** A leader of an earlier term learns that it has been replaced; without this, two members could ignore each other for good. */
export function answerStaleLeader(
  state: GroupState,
  from: NodeId,
  message: AppendRequest | HeartbeatRequest,
): void {
  const common = { term: state.term, boot: state.boot };
  if (message.kind === 'heartbeatRequest') {
    const nothing = { readSeq: 0, sentUs: 0, promisedUs: 0 };
    state.send(from, { kind: 'heartbeatResponse', ...common, ...nothing, lastIndex: state.log.lastIndex });
  } else {
    const index = message.previousIndex;
    state.send(from, { kind: 'appendResponse', ...common, index, rejected: true, hintIndex: 0, hintTerm: 0 });
  }
}

/**
 * The state machine now is the snapshot's. What the log holds behind the snapshot's position stays if the log contains
 * that very entry (Raft §7); otherwise the log restarts behind it.
 */
export function onSnapshotInstalled(state: GroupState, from: NodeId, header: SnapshotHeader): void {
  assert(header.index >= state.appliedIndex, 'a snapshot never takes the state machine back');
  // Who leads is learned from a leader's messages alone: the sender may have lost the leadership under way.
  if (header.leaderTerm > state.term) becomeFollower(state, header.leaderTerm, 0);
  if (state.role !== 'leader' && state.leader === from) leaderHeard(state);
  const { log } = state;
  const { index, term } = header;
  if (log.termAt(index) !== term) {
    assert(state.role !== 'leader', 'a leader holds what others have applied');
    assert(index > state.commitIndex, 'what is committed is the same everywhere');
    log.restart({ index, term }, header.configuration);
  }
  state.commitTo(index);
  state.takenIndex = index;
  state.appliedIndex = index;
  state.announcedIndex = index;
  log.covered(index);
  acknowledge(state, from, index);
}

/** Appends what the log lacks. An entry is replaced only if it conflicts: a late message must not cut what came after it. */
function appendNew(state: GroupState, message: AppendRequest): void {
  const { log } = state;
  for (let at = 0; at < message.entries.length; at += 1) {
    const entry = message.entries[at];
    if (entry === undefined) continue;
    const held = log.termAt(entry.index);
    if (held === entry.term) continue;
    if (entry.index <= state.commitIndex) {
      assert(held === undefined, 'what is committed is never replaced');
      continue;
    }
    log.append(at === 0 ? message.entries : message.entries.slice(at));
    return;
  }
}

/** Everything up to `index` matches the leader's log; said once it is durable here. */
function acknowledge(state: GroupState, to: NodeId, index: LogIndex): void {
  state.sendDurable(to, {
    kind: 'appendResponse',
    term: state.term,
    index,
    rejected: false,
    hintIndex: 0,
    hintTerm: 0,
    boot: state.boot,
  });
}
