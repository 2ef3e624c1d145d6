import { type RaftView } from '../../core/raft/types.ts';
import { type Inheritance } from './inheritance.ts';

/** One advance of the cluster's commit index: up to `index`, whose entry is of `entryTerm`, during `commitTerm`. */
export interface Commit {
  readonly index: number;
  readonly entryTerm: number;
  readonly commitTerm: number;
}

/**
 * What the cluster has committed, as the members showed it: the highest commit index that any of them ever had, and the
 * term of the entry at each. Shared by the checkers that ask whether commits are kept.
 */
export class CommittedLog {
  readonly #commits: Commit[] = [];
  /** Term of each committed entry, as its first committer had it; undefined where a snapshot hid it. */
  readonly #terms: (number | undefined)[] = [0];

  /** @param inherited what a cluster began with, that was made from a backup: on every disk before anybody started */
  constructor(inherited?: Inheritance) {
    if (inherited === undefined) return;
    const { index, term } = inherited.state;
    for (let below = 1; below < index; below += 1) this.#terms[below] = undefined;
    this.#terms[index] = term;
    this.#commits.push({ index, entryTerm: term, commitTerm: term });
  }

  get last(): Commit | undefined {
    return this.#commits.at(-1);
  }

  termAt(index: number): number | undefined {
    return this.#terms[index];
  }

  /** The newest commit made in a term below `term`. */
  lastBefore(term: number): Commit | undefined {
    for (let at = this.#commits.length - 1; at >= 0; at -= 1) {
      const commit = this.#commits[at];
      if (commit !== undefined && commit.commitTerm < term) return commit;
    }
    return undefined;
  }

  /** Takes in a member's commit index. @returns the new commit when the cluster's commit index has risen */
  observe(raft: RaftView): Commit | undefined {
    const before = this.#commits.at(-1)?.index ?? 0;
    if (raft.commitIndex <= before) return undefined;
    for (let index = before + 1; index <= raft.commitIndex; index += 1)
      this.#terms[index] = raft.termAt(index);
    const entryTerm = this.#terms[raft.commitIndex];
    if (entryTerm === undefined) return undefined;
    const commit = { index: raft.commitIndex, entryTerm, commitTerm: raft.term };
    this.#commits.push(commit);
    return commit;
  }
}
