import { type Checker, type RunEnd, type StepObservation, Violation } from '../types.ts';
import { CommittedLog } from './committed-log.ts';
import { type Inheritance } from './inheritance.ts';
import { surelyWrote } from './outcomes.ts';

/**
 * Nothing that was acknowledged is lost, whatever crashed, all members at once included: at the end every member of the
 * core has committed and applied as far as any member ever had, with the same entry there, and its revision is not below
 * that of any acknowledged write.
 *
 * Not verified: that the written values are still there; the clients' last reads, which follow the faults, show them to
 * the linearizability checker.
 */
export class Durability implements Checker {
  readonly name = 'durability';
  readonly #committed: CommittedLog;

  constructor(inheritance?: Inheritance) {
    this.#committed = new CommittedLog(inheritance);
  }

  onStep(step: StepObservation): void {
    this.#committed.observe(step.member.view.raft);
  }

  onEnd(end: RunEnd): void {
    let acknowledged = 0;
    for (const operation of end.history) acknowledged = Math.max(acknowledged, surelyWrote(operation) ?? 0);
    const commit = this.#committed.last;
    for (const [node, member] of end.members) {
      const { raft, revision, appliedIndex } = member.view;
      if (revision < acknowledged) {
        throw new Violation(
          this.name,
          `a write was acknowledged with revision ${acknowledged}; member ${node} ended at ${revision}`,
        );
      }
      if (commit === undefined) continue;
      const term = raft.termAt(commit.index);
      if (appliedIndex < commit.index || (term !== undefined && term !== commit.entryTerm)) {
        throw new Violation(
          this.name,
          `entry ${commit.index} of term ${commit.entryTerm} was committed in term ${commit.commitTerm}; member ${node} ` +
            `ended with ${appliedIndex} applied and term ${String(term)} there`,
        );
      }
    }
  }
}
