import { type FeedRule } from './watch-checker.ts';
import { describeEvent, revisionOf } from './watch-feeds.ts';

/** No event is told twice by one watch: a key changes once in a revision. For clients that holds across streams. */
export const watchUnique: FeedRule = ({ deliveries }) => {
  const told = new Set<string>();
  for (const { events } of deliveries) {
    for (const event of events) {
      const name = `${revisionOf(event)} ${event.kv?.key ?? ''}`;
      if (told.has(name)) return `${describeEvent(event)} is told twice`;
      told.add(name);
    }
  }
  return undefined;
};
