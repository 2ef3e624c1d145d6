import { type GroupState } from './group-state.ts';
import { takeProposals } from './leader-log.ts';
import { type NodeId } from '../base/ids.ts';
import { type RaftMessage } from './types.ts';

/** A follower hands proposals to its leader. */
export function forwardProposals(state: GroupState, leader: NodeId, proposals: readonly Uint8Array[]): void {
  state.forwardSeq += 1;
  const { term, boot, forwardSeq, nowUs } = state;
  state.forwardedBatches.add({ forwardSeq, proposals, sentUs: nowUs });
  state.sendNumbered(leader, { kind: 'proposalForwarded', term, boot, forwardSeq, proposals });
}

/**
 * Takes each batch at most once, whatever the network does to it. What does not fit is refused: the batch counts as taken,
 * so that a copy of it does nothing either.
 *
 * Only a leader that knows the sender's batches may refuse. One that has stepped down, or does not serve the sender any
 * more, may have taken an earlier copy: it says nothing.
 */
export function onProposalForwarded(
  state: GroupState,
  from: NodeId,
  message: Extract<RaftMessage, { kind: 'proposalForwarded' }>,
): void {
  const progress = state.progress.get(from);
  if (state.role !== 'leader' || progress === undefined) return;
  if (message.boot < progress.forwardBoot) return;
  if (message.boot === progress.forwardBoot && message.forwardSeq <= progress.forwardSeq) return;
  progress.forwardBoot = message.boot;
  progress.forwardSeq = message.forwardSeq;
  const { proposals, boot, forwardSeq } = message;
  const rest = state.transfer === undefined ? takeProposals(state, proposals) : proposals;
  if (rest.length === 0) return;
  const taken = proposals.length - rest.length;
  state.send(from, { kind: 'proposalsRefused', term: state.term, boot, forwardSeq, taken });
}

/** The leader had no room for what follows the first `taken` of a batch, and surely never takes it. */
export function onProposalsRefused(
  state: GroupState,
  message: Extract<RaftMessage, { kind: 'proposalsRefused' }>,
): void {
  const batch = message.boot === state.boot ? state.forwardedBatches.take(message.forwardSeq) : undefined;
  const proposals = batch?.proposals.slice(message.taken) ?? [];
  if (proposals.length > 0)
    state.outbox.emit({ kind: 'proposalRefused', group: state.group, proposals, code: 'BUSY' });
}
