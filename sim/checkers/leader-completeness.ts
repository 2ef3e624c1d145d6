import { type NodeId } from '../../core/base/ids.ts';
import { type RaftView } from '../../core/raft/types.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';
import { CommittedLog } from './committed-log.ts';
import { type Inheritance } from './inheritance.ts';

/**
 * Leader Completeness (Raft, figure 3): whoever leads a term holds every entry that was committed in an earlier one.
 * Looked at when a member takes office. And what two members committed at one index is the same entry.
 *
 * Not verified: entries that were committed, but whose committer crashed before any of its steps showed it; a leader's
 * entries behind its snapshot (state-machine-safety sees what they did).
 */
export class LeaderCompleteness implements Checker {
  readonly name = 'leader-completeness';
  readonly #committed: CommittedLog;

  constructor(inheritance?: Inheritance) {
    this.#committed = new CommittedLog(inheritance);
  }
  readonly #ledTerms = new Map<NodeId, number>();
  readonly #commitIndexes = new Map<NodeId, number>();

  onStep(step: StepObservation): void {
    const raft = step.member.view.raft;
    this.#checkCommit(step.node, raft);
    if (raft.role !== 'leader' || this.#ledTerms.get(step.node) === raft.term) return;
    this.#ledTerms.set(step.node, raft.term);
    const commit = this.#committed.lastBefore(raft.term);
    if (commit === undefined || commit.index < raft.firstIndex - 1) return;
    if (commit.index > raft.lastIndex || raft.termAt(commit.index) !== commit.entryTerm) {
      throw new Violation(
        this.name,
        `member ${step.node} leads term ${raft.term} with a log that ends at ${raft.lastIndex} and holds term ` +
          `${String(raft.termAt(commit.index))} at ${commit.index}, where an entry of term ${commit.entryTerm} was ` +
          `committed in term ${commit.commitTerm}`,
      );
    }
  }

  onCrashed(node: NodeId): void {
    this.#commitIndexes.delete(node);
  }

  #checkCommit(node: NodeId, raft: RaftView): void {
    const before = this.#commitIndexes.get(node) ?? 0;
    if (raft.commitIndex === before) return;
    this.#commitIndexes.set(node, raft.commitIndex);
    this.#committed.observe(raft);
    for (let index = Math.max(before + 1, raft.firstIndex); index <= raft.commitIndex; index += 1) {
      const [own, first] = [raft.termAt(index), this.#committed.termAt(index)];
      if (own !== undefined && first !== undefined && own !== first) {
        throw new Violation(
          this.name,
          `member ${node} committed an entry of term ${own} at ${index}, where one of term ${first} was committed`,
        );
      }
    }
  }
}
