import { type Checker, type RunEnd, Violation } from '../types.ts';
import { type Evidence } from './evidence.ts';
import { type Truth } from './truth.ts';
import { allFeeds, type WatchFeed } from './watch-feeds.ts';

/** @returns what is wrong with what this watch was told, or undefined */
export type FeedRule = (feed: WatchFeed, truth: Truth) => string | undefined;

/**
 * Holds every watch of a run, those of clients and those that members serve on their streams, to one rule at the end.
 *
 * Does not look when the truth was not recorded whole.
 */
export class WatchChecker implements Checker {
  readonly name: string;
  readonly #rule: FeedRule;
  readonly #evidence: Pick<Evidence, 'truth' | 'feeds'>;

  constructor(name: string, rule: FeedRule, evidence: Pick<Evidence, 'truth' | 'feeds'>) {
    this.name = name;
    this.#rule = rule;
    this.#evidence = evidence;
  }

  onEnd(end: RunEnd): void {
    const { truth, feeds } = this.#evidence;
    if (!truth.isComplete) return;
    for (const feed of allFeeds(end, feeds)) {
      const wrong = this.#rule(feed, truth);
      if (wrong !== undefined) throw new Violation(this.name, `${feed.who}: ${wrong}`);
    }
  }
}
