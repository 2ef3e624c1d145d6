import { type Checker, type RunEnd, Violation } from '../types.ts';
import { describeOperation } from './describe-operation.ts';
import { isDetachedRead, shownRevision } from './kv-moves.ts';
import { requireLinearizable } from './linearizability.ts';
import { type Truth } from './truth.ts';
import { findMisread } from './witness.ts';

/**
 * Serializable and local reads show a prefix of the writes, and reads of an old revision show that revision: each equals the
 * store as it was at the revision that it names (its header's, or the one that was asked for). Held against the truth; where
 * that was not recorded whole, against everything else that the clients were told.
 *
 * Not verified: how old such a read is, and that a member goes only forward (member-answers does); that a read of a compacted
 * revision is refused, since an answer that is still right harms nobody.
 */
export class SerializableReads implements Checker {
  readonly name = 'serializable-reads';
  /** Undefined: nobody recorded what was applied. */
  readonly #truth: Truth | undefined;

  constructor(truth?: Truth) {
    this.#truth = truth;
  }

  onEnd(end: RunEnd): void {
    const truth = this.#truth;
    if (truth?.isLost === true) return;
    if (truth?.isComplete !== true) {
      requireLinearizable(this.name, end.history, { reads: 'all' });
      return;
    }
    const reads = end.history.filter((read) => isDetachedRead(read) && shownRevision(read) !== undefined);
    const misread = findMisread(reads, truth);
    if (misread !== undefined)
      throw new Violation(this.name, `${describeOperation(misread.operation)}: ${misread.reason}`);
  }
}
