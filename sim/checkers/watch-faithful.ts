import { eventTypes } from '../../core/chainfire/api/watch.ts';
import { type FeedRule } from './watch-checker.ts';
import { describeEvent, isWanted, revisionOf } from './watch-feeds.ts';
import { isDeletion } from './truth.ts';

/**
 * Every event is of a change that was applied, as it was applied: type, key, revisions, version, value and lease; and it is
 * one that the watch wants, by its keys and its filters.
 *
 * Not verified: what was before (watch-prev-kv).
 */
export const watchFaithful: FeedRule = ({ target, deliveries }, truth) => {
  for (const { events } of deliveries) {
    for (const event of events) {
      const { kv } = event;
      const row = truth.changeAt(revisionOf(event))?.rows.find(({ key }) => key === kv?.key);
      if (kv === undefined || row === undefined) return `${describeEvent(event)} never was`;
      if (isDeletion(row) !== (event.type === eventTypes.delete) || !truth.isRow(kv, row))
        return `${describeEvent(event)} is told otherwise than it was`;
      if (!isWanted(target, row)) return `${describeEvent(event)} is not wanted`;
    }
  }
  return undefined;
};
