import { type Checker } from '../types.ts';
import { BackupExact } from './backup-exact.ts';
import { BackupNotOlder } from './backup-not-older.ts';
import { AlarmsAgree } from './alarms-agree.ts';
import { AlarmsHeeded } from './alarms-heeded.ts';
import { AllowedAnswers } from './allowed-answers.ts';
import { CommitAndTermMonotonic } from './commit-and-term-monotonic.ts';
import { CommitQuorum } from './commit-quorum.ts';
import { ConfigurationChanges } from './configuration-changes.ts';
import { ConfigurationInForce } from './configuration-in-force.ts';
import { ConflictBeforeCut } from './conflict-before-cut.ts';
import { Convergence } from './convergence.ts';
import { CorruptionFound } from './corruption-found.ts';
import { Durability } from './durability.ts';
import { DurableLog } from './durable-log.ts';
import { ElectionQuorum } from './election-quorum.ts';
import { ElectionSafety } from './election-safety.ts';
import { LeaderAppendOnly } from './leader-append-only.ts';
import { LeaderCompleteness } from './leader-completeness.ts';
import { Linearizability } from './linearizability.ts';
import { LogConfigurations } from './log-configurations.ts';
import { LogMatching } from './log-matching.ts';
import { MatchNeverFalls } from './match-never-falls.ts';
import { NamespaceLimits } from './namespace-limits.ts';
import { NamespaceUsage } from './namespace-usage.ts';
import { RetainedHistory } from './retained-history.ts';
import { Revisions } from './revisions.ts';
import { SerializableReads } from './serializable-reads.ts';
import { StateMachineSafety } from './state-machine-safety.ts';
import { Truth } from './truth.ts';
import { TruthRecorder } from './truth-recorder.ts';
import { VoteOnce } from './vote-once.ts';

import { type Evidence } from './evidence.ts';
import { type Inheritance } from './inheritance.ts';
import { RestoredHistory } from './restored-history.ts';
import { RestoredState } from './restored-state.ts';
import { LeaseAgreement } from './lease-agreement.ts';
import { LeaseLives } from './lease-lives.ts';
import { LeaseNotEarly } from './lease-not-early.ts';
import { LeaseNotLate } from './lease-not-late.ts';
import { LockExclusion } from './lock-exclusion.ts';
import { MemberAnswers } from './member-answers.ts';
import { watchAtomic } from './watch-atomic.ts';
import { watchBookmarkable } from './watch-bookmarkable.ts';
import { WatchChecker } from './watch-checker.ts';
import { watchCompaction } from './watch-compaction.ts';
import { watchFaithful } from './watch-faithful.ts';
import { MemberFeeds } from './watch-feeds.ts';
import { watchOrdered } from './watch-ordered.ts';
import { watchPrevKv } from './watch-prev-kv.ts';
import { watchReliable } from './watch-reliable.ts';
import { watchUnique } from './watch-unique.ts';

/** In the order in which they look: those that name a cause before those that see a consequence. */
const factories: ReadonlyMap<string, (evidence: Evidence) => Checker> = new Map<
  string,
  (evidence: Evidence) => Checker
>([
  ['vote-once', () => new VoteOnce()],
  ['election-safety', () => new ElectionSafety()],
  ['leader-append-only', () => new LeaderAppendOnly()],
  ['log-matching', () => new LogMatching()],
  ['match-never-falls', () => new MatchNeverFalls()],
  ['conflict-before-cut', () => new ConflictBeforeCut()],
  ['durable-log', () => new DurableLog()],
  ['configuration-in-force', ({ configurations }) => new ConfigurationInForce(configurations)],
  ['configuration-changes', ({ configurations }) => new ConfigurationChanges(configurations)],
  ['election-quorum', ({ configurations }) => new ElectionQuorum(configurations)],
  ['commit-quorum', ({ configurations, inheritance }) => new CommitQuorum(configurations, inheritance)],
  ['leader-completeness', ({ inheritance }) => new LeaderCompleteness(inheritance)],
  ['commit-and-term-monotonic', () => new CommitAndTermMonotonic()],
  ['alarms-agree', () => new AlarmsAgree()],
  ['alarms-heeded', () => new AlarmsHeeded()],
  ['corruption-found', () => new CorruptionFound()],
  ['state-machine-safety', () => new StateMachineSafety()],
  ['lease-agreement', () => new LeaseAgreement()],
  ['lease-not-late', () => new LeaseNotLate()],
  ['member-answers', () => new MemberAnswers()],
  ['namespace-usage', ({ truth }) => new NamespaceUsage(truth)],
  ['namespace-limits', ({ truth }) => new NamespaceLimits(truth)],
  ['revisions', ({ truth }) => new Revisions(truth)],
  ['retained-history', ({ truth, inheritance }) => new RetainedHistory(truth, inheritance)],
  ['linearizability', ({ truth }) => new Linearizability(truth)],
  ['serializable-reads', ({ truth }) => new SerializableReads(truth)],
  ['watch-ordered', (evidence) => new WatchChecker('watch-ordered', watchOrdered, evidence)],
  ['watch-atomic', (evidence) => new WatchChecker('watch-atomic', watchAtomic, evidence)],
  ['watch-unique', (evidence) => new WatchChecker('watch-unique', watchUnique, evidence)],
  ['watch-faithful', (evidence) => new WatchChecker('watch-faithful', watchFaithful, evidence)],
  ['watch-reliable', (evidence) => new WatchChecker('watch-reliable', watchReliable, evidence)],
  ['watch-bookmarkable', (evidence) => new WatchChecker('watch-bookmarkable', watchBookmarkable, evidence)],
  ['watch-prev-kv', (evidence) => new WatchChecker('watch-prev-kv', watchPrevKv, evidence)],
  ['watch-compaction', (evidence) => new WatchChecker('watch-compaction', watchCompaction, evidence)],
  ['lease-not-early', (evidence) => new LeaseNotEarly(evidence)],
  ['lock-exclusion', () => new LockExclusion()],
  ['allowed-answers', () => new AllowedAnswers()],
  ['backup-not-older', () => new BackupNotOlder()],
  ['backup-exact', ({ truth }) => new BackupExact(truth)],
  ['restored-state', ({ inheritance, leases }) => new RestoredState(inheritance, leases)],
  ['restored-history', ({ inheritance, feeds }) => new RestoredHistory(inheritance, feeds)],
  ['durability', ({ inheritance }) => new Durability(inheritance)],
  ['convergence', () => new Convergence()],
]);

export const checkerNames: readonly string[] = [...factories.keys()];

/** Fresh checkers for one run, in the order of the registry, behind those that record for them. @throws RangeError for a name that is not in it */
export function createCheckers(
  names: readonly string[] | 'all',
  inheritance?: Inheritance,
): readonly Checker[] {
  for (const name of names === 'all' ? [] : names) {
    if (!factories.has(name))
      throw new RangeError(`no checker is called ${name}; there are ${checkerNames.join(', ')}`);
  }
  const truth = inheritance?.truth ?? new Truth();
  const configurations = new LogConfigurations();
  const evidence = {
    truth,
    feeds: new MemberFeeds(),
    leases: new LeaseLives(),
    configurations,
    inheritance,
  };
  const recorders = [new TruthRecorder(truth), evidence.feeds, evidence.leases, configurations];
  const chosen = [...factories].filter(([name]) => names === 'all' || names.includes(name));
  return [...recorders, ...chosen.map(([, create]) => create(evidence))];
}

/** What some of these have recorded of what was applied; undefined: nobody does. */
export function truthOf(checkers: readonly Checker[]): Truth | undefined {
  return checkers.find((checker) => checker instanceof TruthRecorder)?.truth;
}
