import { type FeedRule } from './watch-checker.ts';
import { owedRows, revisionOf } from './watch-feeds.ts';

/**
 * The revision that a response names is a bookmark: whoever watches again from the next misses nothing. So everything owed up
 * to it was told by then, it never falls, and nothing was applied above it that it would pass over.
 *
 * Not verified: gaps before an event (watch-reliable); how far progress lags.
 */
export const watchBookmarkable: FeedRule = ({ target, from, deliveries }, truth) => {
  let last = 0;
  let told = 0;
  let next = from ?? Infinity;
  for (const { revision, events, moreFollows } of deliveries) {
    for (const event of events) told = Math.max(told, revisionOf(event));
    if (moreFollows) continue;
    if (revision < last) return `it has come to revision ${last}, and then says ${revision}`;
    if (revision > truth.revision) return `it has come to revision ${revision}, which never was`;
    last = revision;
    for (next = Math.max(next, told + 1); next <= revision; next += 1) {
      const [missed] = owedRows(target, truth, next);
      if (missed !== undefined)
        return `it says that it has come to ${revision}, and ${missed.key}, changed at ${next}, was not told`;
    }
  }
  return undefined;
};
