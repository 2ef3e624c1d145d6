import { type FeedRule } from './watch-checker.ts';
import { revisionOf } from './watch-feeds.ts';

/**
 * A watch is ended for a compaction only when what it was owed next had been compacted: it had not come so far, and somebody
 * had compacted up to the revision that it names. What it can have, it is told.
 *
 * Not verified: that a watch that was overtaken is ended at once. One that went on regardless would have a gap
 * (watch-reliable, watch-bookmarkable); one that said nothing more would keep the liveness phase waiting.
 */
export const watchCompaction: FeedRule = ({ from, deliveries, compacted }, truth) => {
  if (compacted === undefined) return undefined;
  let next = from ?? 0;
  for (const { revision, events, moreFollows } of deliveries) {
    for (const event of events) next = Math.max(next, revisionOf(event) + (moreFollows ? 0 : 1));
    if (!moreFollows) next = Math.max(next, revision + 1);
  }
  if (from !== undefined && next >= compacted.revision)
    return `it ended for a compaction at ${compacted.revision}, and was owed nothing before ${next}`;
  if (compacted.revision > truth.compactRevisionAt(Infinity))
    return `it ended for a compaction at ${compacted.revision}, which never was`;
  return undefined;
};
