import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';

interface Applied {
  readonly term: number;
  readonly hash: number;
  readonly node: NodeId;
}

/**
 * State Machine Safety (Raft, figure 3): members that have applied up to the same index have applied the same entries.
 * Compares the member's rolling hash over everything applied, and the term, wherever two of them pause at one index,
 * restarts and installed snapshots included: it reflects the whole past, so a difference shows at the next shared index.
 *
 * Not verified: that what an entry did to the store is the same (convergence compares at the end); entries that one
 * member only ever applied.
 */
export class StateMachineSafety implements Checker {
  readonly name = 'state-machine-safety';
  readonly #applied = new Map<number, Applied>();
  readonly #lastSeen = new Map<NodeId, number>();

  onStep(step: StepObservation): void {
    this.#look(step.node, step.member);
  }

  onRecovered(node: NodeId, member: ChainfireMember): void {
    this.#lastSeen.delete(node);
    this.#look(node, member);
  }

  #look(node: NodeId, member: ChainfireMember): void {
    const { appliedIndex, appliedTerm, appliedHash } = member.view;
    if (this.#lastSeen.get(node) === appliedIndex) return;
    this.#lastSeen.set(node, appliedIndex);
    const other = this.#applied.get(appliedIndex);
    if (other === undefined) {
      this.#applied.set(appliedIndex, { term: appliedTerm, hash: appliedHash, node });
    } else if (other.hash !== appliedHash || other.term !== appliedTerm) {
      throw new Violation(
        this.name,
        `at index ${appliedIndex} member ${other.node} had applied term ${other.term}, hash ${other.hash.toString(16)}; ` +
          `member ${node} has term ${appliedTerm}, hash ${appliedHash.toString(16)}`,
      );
    }
  }
}
