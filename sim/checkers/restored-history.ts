import { type Checker, type RunEnd, Violation } from '../types.ts';
import { type Inheritance } from './inheritance.ts';
import { allFeeds, type MemberFeeds } from './watch-feeds.ts';

/**
 * In a cluster that was restored so that everything from before counts as compacted, a watch that begins before is told so, and
 * nothing else: whoever resumes from what it has seen of the old cluster is never shown what the new one has made of it.
 *
 * Not verified: clusters that were restored otherwise, where that may happen, as docs/backup.md says.
 */
export class RestoredHistory implements Checker {
  readonly name = 'restored-history';
  readonly #inheritance: Inheritance | undefined;
  readonly #feeds: MemberFeeds;

  constructor(inheritance: Inheritance | undefined, feeds: MemberFeeds) {
    this.#inheritance = inheritance;
    this.#feeds = feeds;
  }

  onEnd(end: RunEnd): void {
    if (this.#inheritance?.revisions.markCompacted !== true) return;
    const { revision } = this.#inheritance.state;
    for (const { who, target, deliveries, compacted } of allFeeds(end, this.#feeds)) {
      const { startRevision } = target;
      if (startRevision === 0 || startRevision >= revision) continue;
      // A client is told that its watch is there before it is told anything else.
      const goesOn = compacted === undefined && deliveries.length > 1;
      if (!goesOn && deliveries.every(({ events }) => events.length === 0)) continue;
      throw new Violation(
        this.name,
        `${who} began at revision ${startRevision}, before the restored ${revision}, and was told of the present`,
        'a watch from before was told of the present',
      );
    }
  }
}
