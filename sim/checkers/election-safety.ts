import { type NodeId } from '../../core/base/ids.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';

/**
 * Election Safety (Raft, figure 3): a term has at most one leader, in the whole life of the cluster.
 *
 * Not verified: that a leader was elected by a quorum, or that there ever is one.
 */
export class ElectionSafety implements Checker {
  readonly name = 'election-safety';
  readonly #leaders = new Map<number, NodeId>();

  onStep(step: StepObservation): void {
    const { role, term } = step.member.view.raft;
    if (role !== 'leader') return;
    const leader = this.#leaders.get(term);
    if (leader === undefined) this.#leaders.set(term, step.node);
    else if (leader !== step.node) {
      throw new Violation(this.name, `members ${leader} and ${step.node} both lead term ${term}`);
    }
  }
}
