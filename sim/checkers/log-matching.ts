import { crc32c } from '../../core/base/crc32c.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type Entry, type RaftView } from '../../core/raft/types.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';
import { readableEntries } from './readable-entries.ts';
import { SeenTerms } from './seen-terms.ts';

interface KnownEntry {
  readonly term: number;
  readonly previousTerm: number | undefined;
  readonly kind: Entry['kind'];
  readonly hash: number;
  readonly node: NodeId;
}

/** Entries are asked for in slices, so that a long catch-up does not pass through memory at once. */

/**
 * Log Matching (Raft, figure 3): two entries with the same index and term, on any two members at any two times, hold the
 * same bytes and follow an entry of the same term; by induction the logs agree up to there.
 *
 * Looks at an entry once for each time it enters a member's log. Not verified: that an entry's bytes do not change in
 * place, under the same term, after it was looked at; entries that a snapshot skipped; what the disk does not give out.
 */
export class LogMatching implements Checker {
  readonly name = 'log-matching';
  readonly #known = new Map<number, KnownEntry[]>();
  readonly #seen = new Map<NodeId, SeenTerms>();

  onStep(step: StepObservation): void {
    this.#look(step.node, step.member.view.raft);
  }

  onRecovered(node: NodeId, member: ChainfireMember): void {
    this.#look(node, member.view.raft);
  }

  #look(node: NodeId, raft: RaftView): void {
    let seen = this.#seen.get(node);
    if (seen === undefined) this.#seen.set(node, (seen = new SeenTerms()));
    const change = seen.look(raft);
    if (change === undefined) return;
    for (let index = change.keptIndex + 1; index <= raft.lastIndex;) {
      const entries = readableEntries(raft, index);
      if (entries === undefined) return;
      for (const entry of entries) {
        this.#compare(node, entry, raft.termAt(entry.index - 1));
        index = entry.index + 1;
      }
    }
  }

  #compare(node: NodeId, entry: Entry, previousTerm: number | undefined): void {
    const own: KnownEntry = {
      term: entry.term,
      previousTerm,
      kind: entry.kind,
      hash: crc32c(entry.data),
      node,
    };
    let known = this.#known.get(entry.index);
    if (known === undefined) this.#known.set(entry.index, (known = []));
    const other = known.find((candidate) => candidate.term === entry.term);
    if (other === undefined) {
      known.push(own);
      return;
    }
    const previousDiffers =
      other.previousTerm !== undefined && previousTerm !== undefined && other.previousTerm !== previousTerm;
    if (other.hash !== own.hash || other.kind !== own.kind || previousDiffers) {
      throw new Violation(
        this.name,
        `entry ${entry.index} of term ${entry.term}: member ${other.node} had ${describe(other)}, ` +
          `member ${node} has ${describe(own)}`,
      );
    }
  }
}

function describe(entry: KnownEntry): string {
  return `${entry.kind} ${entry.hash.toString(16)} after term ${String(entry.previousTerm)}`;
}
