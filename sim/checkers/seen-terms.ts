import { type RaftView } from '../../core/raft/types.ts';

export interface LogChange {
  /** Highest index up to which the log is what it was. */
  readonly keptIndex: number;
  /** Where the log ended before. */
  readonly endedIndex: number;
}

/** The terms of one member's log as last looked at: tells where the log has changed since, and costs only that much. */
export class SeenTerms {
  /** By index; 0 is the empty log's. Undefined where a snapshot or compaction hid the entry. */
  readonly #terms: (number | undefined)[] = [0];

  /** @returns undefined when nothing has changed */
  look(raft: RaftView): LogChange | undefined {
    const { firstIndex, lastIndex } = raft;
    const terms = this.#terms;
    const endedIndex = terms.length - 1;
    let keptIndex = Math.min(endedIndex, lastIndex);
    while (keptIndex >= firstIndex && raft.termAt(keptIndex) !== terms[keptIndex]) keptIndex -= 1;
    if (keptIndex === lastIndex && endedIndex === lastIndex) return undefined;
    keptIndex = Math.max(keptIndex, firstIndex - 1);
    terms.length = Math.min(terms.length, keptIndex + 1);
    while (terms.length <= lastIndex) terms.push(raft.termAt(terms.length));
    return { keptIndex, endedIndex };
  }
}
