import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';
import { SeenTerms } from './seen-terms.ts';

/**
 * Within its life a member cuts its log only where an entry conflicts with the leader's (Raft §5.3): a log that has become
 * shorter ends with an entry that was not there before, or with a snapshot.
 *
 * Not verified: that the conflict was real (log-matching and leader-completeness see the damage); restarts, which may
 * lose what was not durable (durable-log).
 */
export class ConflictBeforeCut implements Checker {
  readonly name = 'conflict-before-cut';
  readonly #seen = new Map<NodeId, SeenTerms>();

  onStep(step: StepObservation): void {
    const raft = step.member.view.raft;
    const change = this.#of(step.node).look(raft);
    if (change === undefined || raft.lastIndex >= change.endedIndex) return;
    if (raft.lastIndex === change.keptIndex && raft.lastIndex >= raft.firstIndex) {
      throw new Violation(
        this.name,
        `member ${step.node} cut its log from ${change.endedIndex} to ${raft.lastIndex}, and no entry conflicted`,
      );
    }
  }

  onRecovered(node: NodeId, member: ChainfireMember): void {
    this.#of(node).look(member.view.raft);
  }

  #of(node: NodeId): SeenTerms {
    let seen = this.#seen.get(node);
    if (seen === undefined) this.#seen.set(node, (seen = new SeenTerms()));
    return seen;
  }
}
