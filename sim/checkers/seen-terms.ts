import { type RaftView } from '../../core/raft/types.ts';

export interface LogChange {
  /** Highest index up to which the log is what it was; at least the position that it begins behind. */
  readonly keptIndex: number;
  /**
   * The log begins behind a position that it was not seen to hold: a snapshot is in the place of all of it (Raft §7), and what
   * it held below the position need not be what is committed there. Where it was seen to hold the very entry, that and
   * everything below is what is committed, since the logs agree up to there (Log Matching).
   */
  readonly replaced: boolean;
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
    const beginsBehind = firstIndex - 1;
    const terms = this.#terms;
    const endedIndex = terms.length - 1;
    let keptIndex = Math.min(endedIndex, lastIndex);
    while (keptIndex >= beginsBehind && raft.termAt(keptIndex) !== terms[keptIndex]) keptIndex -= 1;
    if (keptIndex === lastIndex && endedIndex === lastIndex) return undefined;
    const replaced = keptIndex < beginsBehind;
    keptIndex = Math.max(keptIndex, beginsBehind);
    terms.length = replaced ? 0 : keptIndex + 1;
    while (terms.length <= lastIndex) terms.push(raft.termAt(terms.length));
    return { keptIndex, replaced, endedIndex };
  }
}
