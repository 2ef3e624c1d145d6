import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type Checker, type StepObservation, type SyncObservation, Violation } from '../types.ts';
import { type Released, ReleasedMessages } from './released-messages.ts';

/** What a member has let out, over all its lives. */
interface Votes {
  released: ReleasedMessages;
  readonly byTerm: Map<number, NodeId>;
  newestTerm: number;
}

/**
 * A member votes once a term, across restarts (Raft §5.2). A vote is given when it leaves the member: a granted answer to
 * somebody, or its own campaign, which is a vote for itself. After a restart it still knows the newest vote that it gave.
 *
 * Not verified: pre-votes, which bind nobody; that the candidate deserved the vote (leader-completeness sees the damage).
 */
export class VoteOnce implements Checker {
  readonly name = 'vote-once';
  readonly #votes = new Map<NodeId, Votes>();

  onStep(step: StepObservation): void {
    const votes = this.#of(step.node);
    this.#look(step.node, votes, votes.released.stepped(step.effects));
  }

  onSynced({ node, syncSeq }: SyncObservation): void {
    const votes = this.#of(node);
    this.#look(node, votes, votes.released.synced(syncSeq));
  }

  onRecovered(node: NodeId, member: ChainfireMember): void {
    const votes = this.#of(node);
    votes.released = new ReleasedMessages();
    const given = votes.byTerm.get(votes.newestTerm);
    if (given === undefined) return;
    const { term, vote } = member.view.raft;
    if (term > votes.newestTerm || (term === votes.newestTerm && vote === given)) return;
    throw new Violation(
      this.name,
      `member ${node} had voted for ${given} in term ${votes.newestTerm}; after a restart it knows term ${term} and ` +
        `a vote for ${vote}`,
    );
  }

  #look(node: NodeId, votes: Votes, released: readonly Released[]): void {
    for (const { to, message } of released) {
      if (message.kind === 'voteRequest') {
        if (!message.preVote) this.#gave(node, votes, message.term, node);
      } else if (message.kind === 'voteResponse') {
        if (message.granted && !message.preVote) this.#gave(node, votes, message.term, to);
      }
    }
  }

  #of(node: NodeId): Votes {
    let votes = this.#votes.get(node);
    if (votes === undefined) {
      votes = { released: new ReleasedMessages(), byTerm: new Map(), newestTerm: 0 };
      this.#votes.set(node, votes);
    }
    return votes;
  }

  #gave(node: NodeId, votes: Votes, term: number, candidate: NodeId): void {
    const before = votes.byTerm.get(term);
    if (before !== undefined && before !== candidate) {
      throw new Violation(
        this.name,
        `member ${node} voted for ${before} and for ${candidate} in term ${term}`,
      );
    }
    votes.byTerm.set(term, candidate);
    votes.newestTerm = Math.max(votes.newestTerm, term);
  }
}
