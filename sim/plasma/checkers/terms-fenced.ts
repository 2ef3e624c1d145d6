import { Violation } from '../../types.ts';
import { type PlasmaChecker } from '../checker.ts';
import { type TrueCommit } from '../truth.ts';

/**
 * Commits of the control plane are numbered without gaps, each row is changed by a numbered commit alone, and only while some server
 * holds the leader's key: who was deposed changes nothing.
 *
 * Not verified: that it is the holder of the key who commits; the store's own checkers have compares of transactions.
 */
export class TermsFenced implements PlasmaChecker {
  readonly name = 'terms-fenced';
  #revision = 0;

  onCommit({ revision, rows, term, storeRevision }: TrueCommit): void {
    if (revision === undefined) {
      if (rows.length === 0) return;
      throw new Violation(
        'terms-fenced',
        `rows change at ${storeRevision} of the store without a commit`,
        'no commit',
      );
    }
    if (revision !== this.#revision + 1) {
      const detail = `commit ${revision} follows commit ${this.#revision}`;
      throw new Violation('terms-fenced', detail, 'commits have gaps');
    }
    this.#revision = revision;
    if (term === undefined)
      throw new Violation('terms-fenced', `commit ${revision} is made while nobody leads`, 'nobody leads');
  }
}
