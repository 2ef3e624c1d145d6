import { type Checker, type RunEnd } from '../types.ts';
import { requireLinearizable } from './linearizability.ts';

/**
 * Serializable reads show a prefix of the writes, and reads of an old revision show that revision: each equals the store
 * as it was at the revision that it names (its header's, or the one that was asked for), together with everything else
 * that the clients were told.
 *
 * Not verified: how old a serializable read is; that a read of a compacted revision is refused, since an answer that is
 * still right harms nobody.
 */
export class SerializableReads implements Checker {
  readonly name = 'serializable-reads';

  onEnd(end: RunEnd): void {
    requireLinearizable(this.name, end.history, { reads: 'all' });
  }
}
