import { type Checker } from '../types.ts';
import { CommitAndTermMonotonic } from './commit-and-term-monotonic.ts';
import { CommitQuorum } from './commit-quorum.ts';
import { ConflictBeforeCut } from './conflict-before-cut.ts';
import { Convergence } from './convergence.ts';
import { Durability } from './durability.ts';
import { DurableLog } from './durable-log.ts';
import { ElectionSafety } from './election-safety.ts';
import { LeaderAppendOnly } from './leader-append-only.ts';
import { LeaderCompleteness } from './leader-completeness.ts';
import { Linearizability } from './linearizability.ts';
import { LogMatching } from './log-matching.ts';
import { Revisions } from './revisions.ts';
import { SerializableReads } from './serializable-reads.ts';
import { StateMachineSafety } from './state-machine-safety.ts';
import { VoteOnce } from './vote-once.ts';

/** In the order in which they look: those that name a cause before those that see a consequence. */
const factories: ReadonlyMap<string, () => Checker> = new Map<string, () => Checker>([
  ['vote-once', () => new VoteOnce()],
  ['election-safety', () => new ElectionSafety()],
  ['leader-append-only', () => new LeaderAppendOnly()],
  ['log-matching', () => new LogMatching()],
  ['conflict-before-cut', () => new ConflictBeforeCut()],
  ['durable-log', () => new DurableLog()],
  ['commit-quorum', () => new CommitQuorum()],
  ['leader-completeness', () => new LeaderCompleteness()],
  ['commit-and-term-monotonic', () => new CommitAndTermMonotonic()],
  ['state-machine-safety', () => new StateMachineSafety()],
  ['revisions', () => new Revisions()],
  ['linearizability', () => new Linearizability()],
  ['serializable-reads', () => new SerializableReads()],
  ['durability', () => new Durability()],
  ['convergence', () => new Convergence()],
]);

export const checkerNames: readonly string[] = [...factories.keys()];

/** Fresh checkers for one run, in the order of the registry. @throws RangeError for a name that is not in it */
export function createCheckers(names: readonly string[] | 'all'): readonly Checker[] {
  if (names === 'all') return [...factories.values()].map((create) => create());
  for (const name of names) {
    if (!factories.has(name))
      throw new RangeError(`no checker is called ${name}; there are ${checkerNames.join(', ')}`);
  }
  return [...factories].filter(([name]) => names.includes(name)).map(([, create]) => create());
}
