import { type NodeId } from '../../core/base/ids.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';

interface Led {
  readonly term: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
}

/**
 * Leader Append-Only (Raft, figure 3): while a member leads a term, its log only grows; the last entry that it had stays
 * where it was.
 *
 * Not verified: that the bytes of an entry stay the same (log-matching and state-machine-safety see those).
 */
export class LeaderAppendOnly implements Checker {
  readonly name = 'leader-append-only';
  readonly #led = new Map<NodeId, Led>();

  onStep(step: StepObservation): void {
    const raft = step.member.view.raft;
    const before = this.#led.get(step.node);
    if (raft.role !== 'leader') {
      if (before !== undefined) this.#led.delete(step.node);
      return;
    }
    if (before !== undefined && before.term === raft.term) {
      if (before.lastIndex === raft.lastIndex && raft.termAt(raft.lastIndex) === before.lastTerm) return;
      const kept = before.lastIndex < raft.firstIndex || raft.termAt(before.lastIndex) === before.lastTerm;
      if (raft.lastIndex < before.lastIndex || !kept) {
        throw new Violation(
          this.name,
          `member ${step.node}, leader of term ${raft.term}, had entry ${before.lastIndex} of term ${before.lastTerm}; ` +
            `now its log ends at ${raft.lastIndex} and holds term ${String(raft.termAt(before.lastIndex))} there`,
        );
      }
    }
    const lastTerm = raft.termAt(raft.lastIndex) ?? 0;
    this.#led.set(step.node, { term: raft.term, lastIndex: raft.lastIndex, lastTerm });
  }

  onCrashed(node: NodeId): void {
    this.#led.delete(node);
  }
}
