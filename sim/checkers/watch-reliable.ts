import { type FeedRule } from './watch-checker.ts';
import { owedRows, revisionOf } from './watch-feeds.ts';

/**
 * No gap: when an event is told, something was told before of every earlier revision, from the watch's first on, that has
 * changed what is watched. For clients that holds across streams, members and compactions.
 *
 * Not verified: that all of a revision is told (watch-atomic); that what is owed comes in the end (the liveness phase waits
 * for watches of everything); what progress alone claims (watch-bookmarkable).
 */
export const watchReliable: FeedRule = ({ target, from, deliveries }, truth) => {
  let next = from ?? Infinity;
  for (const { events } of deliveries) {
    for (const event of events) {
      const revision = revisionOf(event);
      for (; next < revision; next += 1) {
        const [missed] = owedRows(target, truth, next);
        if (missed !== undefined)
          return `revision ${revision} is told, and ${missed.key}, changed at ${next}, was not`;
      }
      if (next === revision) next += 1;
    }
  }
  return undefined;
};
