import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';

interface Seen {
  term: number;
  commitIndex: number;
  appliedIndex: number;
  revision: number;
  compactRevision: number;
}

/**
 * Within a member's life its term, commit index, applied index, revision and compaction revision never fall, it applies
 * nothing that is not committed, and nothing that is not durable in its own log.
 *
 * Not verified: falls across a restart, which are legitimate where the disk had not kept up (vote-once and durable-log
 * say what a restart must keep).
 */
export class CommitAndTermMonotonic implements Checker {
  readonly name = 'commit-and-term-monotonic';
  readonly #seen = new Map<NodeId, Seen>();

  onStep(step: StepObservation): void {
    this.#look(step.node, step.member);
  }

  onRecovered(node: NodeId, member: ChainfireMember): void {
    this.#seen.delete(node);
    this.#look(node, member);
  }

  #look(node: NodeId, member: ChainfireMember): void {
    const view = member.view;
    const { term, commitIndex, syncedIndex } = view.raft;
    let seen = this.#seen.get(node);
    if (seen === undefined) {
      seen = { term: 0, commitIndex: 0, appliedIndex: 0, revision: 0, compactRevision: 0 };
      this.#seen.set(node, seen);
    }
    if (term < seen.term) this.#fell(node, 'term', seen.term, term);
    if (commitIndex < seen.commitIndex) this.#fell(node, 'commit index', seen.commitIndex, commitIndex);
    if (view.appliedIndex < seen.appliedIndex)
      this.#fell(node, 'applied index', seen.appliedIndex, view.appliedIndex);
    if (view.revision < seen.revision) this.#fell(node, 'revision', seen.revision, view.revision);
    if (view.compactRevision < seen.compactRevision) {
      this.#fell(node, 'compaction revision', seen.compactRevision, view.compactRevision);
    }
    if (view.appliedIndex > commitIndex) this.#beyond(node, view.appliedIndex, 'commit index', commitIndex);
    if (view.appliedIndex > syncedIndex) this.#beyond(node, view.appliedIndex, 'synced index', syncedIndex);
    seen.term = term;
    seen.commitIndex = commitIndex;
    seen.appliedIndex = view.appliedIndex;
    seen.revision = view.revision;
    seen.compactRevision = view.compactRevision;
  }

  #fell(node: NodeId, what: string, from: number, to: number): never {
    throw new Violation(this.name, `the ${what} of member ${node} fell from ${from} to ${to}`);
  }

  #beyond(node: NodeId, applied: number, what: string, bound: number): never {
    throw new Violation(this.name, `member ${node} has applied ${applied}, above its ${what} of ${bound}`);
  }
}
