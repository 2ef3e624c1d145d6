import { type Checker, type RunEnd, Violation } from '../types.ts';

/**
 * At the end, members of the core that is up are the same: applied index and rolling hash, revision and compaction
 * revision, term and leader.
 *
 * Not verified: members outside the core; how long it took (the run bounds it); the bytes of the stores, which the
 * clients' last reads compare through whoever answers them.
 */
export class Convergence implements Checker {
  readonly name = 'convergence';

  onEnd(end: RunEnd): void {
    let first: { node: number; state: string } | undefined;
    for (const [node, member] of end.members) {
      const view = member.view;
      const state =
        `applied ${view.appliedIndex} of term ${view.appliedTerm}, hash ${view.appliedHash.toString(16)}, revision ` +
        `${view.revision}, compacted ${view.compactRevision}, term ${view.raft.term}, leader ${view.raft.leader}`;
      if (first === undefined) first = { node, state };
      else if (first.state !== state) {
        throw new Violation(
          this.name,
          `member ${first.node} ended with ${first.state}; member ${node} with ${state}`,
        );
      }
    }
  }
}
