import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';

interface Led {
  readonly term: number;
  readonly peers: Map<NodeId, Known>;
}

interface Known {
  match: number;
  /** Starts of the member that the leader has, at the latest, begun anew for. */
  starts: number;
}

/**
 * What a leader knows a member to hold never becomes less while that member lives: a late answer tells of the past (Raft,
 * figure 2: matchIndex increases monotonically). For each start of a member its leader may begin anew once.
 *
 * Not verified: that the member does hold it (commit-quorum sees what is committed on the strength of it).
 */
export class MatchNeverFalls implements Checker {
  readonly name = 'match-never-falls';
  readonly #led = new Map<NodeId, Led>();
  readonly #starts = new Map<NodeId, number>();

  onStep({ node, member }: StepObservation): void {
    const { raft } = member.view;
    if (raft.role !== 'leader') {
      this.#led.delete(node);
      return;
    }
    let led = this.#led.get(node);
    if (led?.term !== raft.term) this.#led.set(node, (led = { term: raft.term, peers: new Map() }));
    for (const id of raft.configuration.voters) {
      const match = raft.peer(id)?.matchIndex;
      if (match !== undefined) this.#look(led, node, id, match);
    }
  }

  onRecovered(node: NodeId, _member: ChainfireMember): void {
    this.#led.delete(node);
    this.#starts.set(node, (this.#starts.get(node) ?? 0) + 1);
  }

  #look(led: Led, leader: NodeId, id: NodeId, match: number): void {
    const starts = this.#starts.get(id) ?? 0;
    const known = led.peers.get(id);
    if (known === undefined) {
      // What a new leader hears first may still be of the member's start before.
      led.peers.set(id, { match, starts: starts - 1 });
      return;
    }
    if (match < known.match) {
      if (starts === known.starts) {
        throw new Violation(
          this.name,
          `leader ${leader} of term ${led.term} knew member ${id} to hold ${known.match}, and now no more than ${match}`,
        );
      }
      known.starts = starts;
    }
    known.match = match;
  }
}
