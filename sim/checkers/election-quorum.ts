import { type NodeId } from '../../core/base/ids.ts';
import { isQuorum } from '../../core/raft/quorum.ts';
import { type Checker, type StepObservation, type SyncObservation, Violation } from '../types.ts';
import { type LogConfigurations } from './log-configurations.ts';
import { type Released, ReleasedMessages } from './released-messages.ts';

/**
 * Whoever leads a term has the votes of a quorum of the voters, of both sets while the configuration in its log is joint:
 * votes that have left their voters, learners' and strangers' not counted.
 *
 * Not verified: that the votes were deserved (leader-completeness sees the damage) or durable (vote-once); that the candidate's
 * vote for itself was.
 */
export class ElectionQuorum implements Checker {
  readonly name = 'election-quorum';
  readonly #configurations: LogConfigurations;
  readonly #released = new Map<NodeId, ReleasedMessages>();
  /** Who has voted for each candidate of a term. */
  readonly #votes = new Map<string, Set<NodeId>>();
  readonly #ledTerms = new Map<NodeId, number>();

  constructor(configurations: LogConfigurations) {
    this.#configurations = configurations;
  }

  onRecovered(node: NodeId): void {
    this.#released.set(node, new ReleasedMessages());
  }

  onSynced({ node, syncSeq }: SyncObservation): void {
    this.#gather(node, this.#releasedBy(node).synced(syncSeq));
  }

  onStep(step: StepObservation): void {
    this.#gather(step.node, this.#releasedBy(step.node).stepped(step.effects));
    const { raft } = step.member.view;
    if (raft.role !== 'leader' || this.#ledTerms.get(step.node) === raft.term) return;
    this.#ledTerms.set(step.node, raft.term);
    const votes = this.#votes.get(`${raft.term} ${step.node}`) ?? new Set();
    const { configuration } = this.#configurations.inForce(step.node, raft);
    if (isQuorum(configuration, (id) => id === step.node || votes.has(id))) return;
    throw new Violation(
      this.name,
      `member ${step.node} leads term ${raft.term} by its own vote and those of [${[...votes].join(', ')}], where ` +
        `${JSON.stringify(configuration)} is in force`,
    );
  }

  #releasedBy(node: NodeId): ReleasedMessages {
    let released = this.#released.get(node);
    if (released === undefined) this.#released.set(node, (released = new ReleasedMessages()));
    return released;
  }

  #gather(node: NodeId, released: readonly Released[]): void {
    for (const { to, message } of released) {
      if (message.kind !== 'voteResponse' || !message.granted || message.preVote) continue;
      const key = `${message.term} ${to}`;
      let votes = this.#votes.get(key);
      if (votes === undefined) this.#votes.set(key, (votes = new Set()));
      votes.add(node);
    }
  }
}
