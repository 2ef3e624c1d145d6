import { type Inheritance } from './inheritance.ts';
import { type LeaseLives } from './lease-lives.ts';
import { type LogConfigurations } from './log-configurations.ts';
import { type Truth } from './truth.ts';
import { type MemberFeeds } from './watch-feeds.ts';

/** What recorders gather during a run for the checkers that judge at its end. */
export interface Evidence {
  readonly truth: Truth;
  readonly feeds: MemberFeeds;
  readonly leases: LeaseLives;
  readonly configurations: LogConfigurations;
  /** What the cluster was made from; undefined: it began with nothing. */
  readonly inheritance: Inheritance | undefined;
}
