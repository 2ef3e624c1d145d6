import { type FeedRule } from './watch-checker.ts';
import { owedRows, revisionOf } from './watch-feeds.ts';

/**
 * All events of a revision come together: in one response, or in responses that follow on one another, all but the last of
 * which say that more follows.
 *
 * Not verified: revisions of which nothing is told (watch-reliable).
 */
export const watchAtomic: FeedRule = ({ target, deliveries }, truth) => {
  /** The revision of which more is to follow, and how much of it has come. */
  let open = 0;
  let count = 0;
  for (const { events, moreFollows } of deliveries) {
    if (open > 0 && events.length === 0) return `something else is told amid revision ${open}`;
    for (const event of [...events, undefined]) {
      const revision = event === undefined ? 0 : revisionOf(event);
      const ends = open > 0 && revision !== open && !(event === undefined && moreFollows);
      if (ends) {
        const owed = owedRows(target, truth, open).length;
        if (count < owed)
          return `${count} of ${owed} events of revision ${open} come, and then something else`;
        open = 0;
      }
      if (event === undefined) continue;
      count = open === revision ? count + 1 : 1;
      open = revision;
    }
  }
  return undefined;
};
