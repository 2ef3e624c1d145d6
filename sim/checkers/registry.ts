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
import { Truth } from './truth.ts';
import { TruthRecorder } from './truth-recorder.ts';
import { VoteOnce } from './vote-once.ts';

/** In the order in which they look: those that name a cause before those that see a consequence. */
const factories: ReadonlyMap<string, (truth: Truth) => Checker> = new Map<string, (truth: Truth) => Checker>([
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
  ['revisions', (truth) => new Revisions(truth)],
  ['linearizability', (truth) => new Linearizability(truth)],
  ['serializable-reads', (truth) => new SerializableReads(truth)],
  ['durability', () => new Durability()],
  ['convergence', () => new Convergence()],
]);

export const checkerNames: readonly string[] = [...factories.keys()];

/** Fresh checkers for one run, in the order of the registry, behind what records the truth for them. @throws RangeError for a name that is not in it */
export function createCheckers(names: readonly string[] | 'all'): readonly Checker[] {
  for (const name of names === 'all' ? [] : names) {
    if (!factories.has(name))
      throw new RangeError(`no checker is called ${name}; there are ${checkerNames.join(', ')}`);
  }
  const truth = new Truth();
  const chosen = [...factories].filter(([name]) => names === 'all' || names.includes(name));
  return [new TruthRecorder(truth), ...chosen.map(([, create]) => create(truth))];
}
