import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';

interface Led {
  readonly term: number;
  readonly matches: Map<NodeId, number>;
}

/**
 * What a leader knows a member to hold never becomes less while that member lives: a late answer tells of the past (Raft,
 * figure 2: matchIndex increases monotonically). After a restart of the member its leader may have to begin anew.
 *
 * Not verified: that the member does hold it (commit-quorum sees what is committed on the strength of it).
 */
export class MatchNeverFalls implements Checker {
  readonly name = 'match-never-falls';
  readonly #led = new Map<NodeId, Led>();

  onStep({ node, member }: StepObservation): void {
    const { raft } = member.view;
    if (raft.role !== 'leader') {
      this.#led.delete(node);
      return;
    }
    let led = this.#led.get(node);
    if (led?.term !== raft.term) this.#led.set(node, (led = { term: raft.term, matches: new Map() }));
    for (const id of raft.configuration.voters) {
      const match = raft.peer(id)?.matchIndex;
      if (match === undefined) continue;
      const before = led.matches.get(id) ?? 0;
      if (match < before) {
        throw new Violation(
          this.name,
          `leader ${node} of term ${raft.term} knew member ${id} to hold ${before}, and now no more than ${match}`,
        );
      }
      if (match > before) led.matches.set(id, match);
    }
  }

  /** Whoever leads learns of the new start with the member's next answer. */
  onRecovered(node: NodeId, _member: ChainfireMember): void {
    this.#led.delete(node);
    for (const { matches } of this.#led.values()) matches.delete(node);
  }
}
