import { type FeedRule } from './watch-checker.ts';
import { describeEvent, revisionOf } from './watch-feeds.ts';

/**
 * Events come in order of their revisions, none from before the revision at which the watch began, and none is of a later
 * revision than its response says it has come to.
 *
 * Not verified: the order within a revision, which is not promised; that nothing is missing (watch-reliable).
 */
export const watchOrdered: FeedRule = ({ from, deliveries }) => {
  let last = 0;
  for (const { events, revision } of deliveries) {
    for (const event of events) {
      const at = revisionOf(event);
      if (from === undefined || at < from)
        return `${describeEvent(event)} lies before ${String(from)}, where it begins`;
      if (at < last) return `${describeEvent(event)} comes behind revision ${last}`;
      if (at > revision) return `${describeEvent(event)} comes in a response of revision ${revision}`;
      last = at;
    }
  }
  return undefined;
};
