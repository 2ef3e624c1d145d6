import { type FeedRule } from './watch-checker.ts';
import { describeEvent, revisionOf } from './watch-feeds.ts';

/**
 * A watch that wants it is told with each event what the key was one revision before, when it was anything; others are not.
 * It may be left out only where that revision had been compacted.
 *
 * Not verified: that it is left out where it was compacted, since one that is still right harms nobody.
 */
export const watchPrevKv: FeedRule = ({ target, deliveries }, truth) => {
  for (const { events, atUs } of deliveries) {
    for (const event of events) {
      const { prevKv } = event;
      if (prevKv !== undefined && !target.prevKv)
        return `${describeEvent(event)} comes with what nobody wanted`;
      const revision = revisionOf(event);
      const before = truth.rowAt(event.kv?.key ?? '', revision - 1);
      if (prevKv !== undefined) {
        if (before === undefined)
          return `${describeEvent(event)} comes with what was before, and nothing was`;
        if (!truth.isRow(prevKv, before))
          return `${describeEvent(event)} comes with what the key was at ${prevKv.modRevision}, not at ${before.modRevision}`;
      } else if (target.prevKv && before !== undefined && truth.compactRevisionAt(atUs) < revision) {
        return `${describeEvent(event)} comes without what was before`;
      }
    }
  }
  return undefined;
};
