import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { decodeConfiguration } from '../../core/raft/configuration.ts';
import { type Configuration, type RaftView } from '../../core/raft/types.ts';
import { type Checker, type StepObservation } from '../types.ts';
import { readableEntries } from './readable-entries.ts';
import { type LogChange, SeenTerms } from './seen-terms.ts';

/** A configuration and the entry that brought it; index 0: the cluster's birth. */
export interface PlacedConfiguration {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
}

interface Known {
  readonly seen: SeenTerms;
  /** The one below everything that the log holds, then those in it, oldest first. */
  placed: PlacedConfiguration[];
  /** What was in force before the step that is being looked at. */
  before: PlacedConfiguration;
  /** From here on the disk could not be read: to be looked at again. */
  unreadIndex: number | undefined;
}

/**
 * Which configurations each member's log holds, read from its entries and not from what the member makes of them. Records for
 * the checkers that ask whose word counts; complains of nothing.
 *
 * Where a log begins anew behind a snapshot, what members' logs have shown as committed up to there counts, and nothing that
 * the member's own log held there and others have replaced: a snapshot covers what is committed alone. The cluster's birth is
 * what a member says at its first start.
 */
export class LogConfigurations implements Checker {
  readonly name = 'log-configurations';
  readonly #known = new Map<NodeId, Known>();
  /**
   * Those that some member has shown as committed, oldest first. None is missing that a snapshot covers: whoever commits one
   * first has it in its log, and nothing leaves a step, or a start, that was not looked at.
   */
  readonly #committed: PlacedConfiguration[] = [];

  onRecovered(node: NodeId, member: ChainfireMember): void {
    this.look(node, member.view.raft);
  }

  onStep(step: StepObservation): void {
    this.look(step.node, step.member.view.raft);
  }

  /** The newest in the member's log: in force there (Raft §4.1). */
  inForce(node: NodeId, raft: RaftView): PlacedConfiguration {
    return this.#of(node, raft).placed.at(-1) as PlacedConfiguration;
  }

  /** In force before this step. */
  before(node: NodeId, raft: RaftView): PlacedConfiguration {
    return this.#of(node, raft).before;
  }

  /** The newest in the member's log at or below an index. */
  at(node: NodeId, raft: RaftView, index: number): PlacedConfiguration {
    const { placed } = this.#of(node, raft);
    return placed.findLast((one) => one.index <= index) ?? (placed[0] as PlacedConfiguration);
  }

  /** Those in the member's log from the index on, the one that they follow first. */
  since(node: NodeId, raft: RaftView, index: number): readonly PlacedConfiguration[] {
    const { placed } = this.#of(node, raft);
    const first = placed.findIndex((one) => one.index >= index);
    return first === -1 ? [] : placed.slice(Math.max(0, first - 1));
  }

  look(node: NodeId, raft: RaftView): void {
    const known = this.#of(node, raft);
    known.before = known.placed.at(-1) as PlacedConfiguration;
    const change = withUnread(known.seen.look(raft), known.unreadIndex);
    if (change !== undefined) this.#read(known, raft, change);
    this.#noteCommitted(known, raft);
  }

  #of(node: NodeId, raft: RaftView): Known {
    let known = this.#known.get(node);
    if (known === undefined) {
      const birth = { index: 0, term: 0, configuration: raft.configuration };
      known = { seen: new SeenTerms(), placed: [birth], before: birth, unreadIndex: undefined };
      this.#known.set(node, known);
    }
    return known;
  }

  #read(known: Known, raft: RaftView, { keptIndex, replaced }: Omit<LogChange, 'endedIndex'>): void {
    if (replaced) {
      const birth = known.placed[0] as PlacedConfiguration;
      known.placed = [birth, ...this.#committed.filter(({ index }) => index < raft.firstIndex)];
    }
    while (known.placed.length > 1 && (known.placed.at(-1)?.index ?? 0) > keptIndex) known.placed.pop();
    known.unreadIndex = undefined;
    for (let index = Math.max(keptIndex + 1, raft.firstIndex); index <= raft.lastIndex;) {
      const entries = readableEntries(raft, index);
      if (entries === undefined) {
        known.unreadIndex = index;
        return;
      }
      for (const entry of entries) {
        index = entry.index + 1;
        if (entry.kind !== 'configuration') continue;
        const { index: at, term } = entry;
        known.placed.push({ index: at, term, configuration: decodeConfiguration(entry.data) });
      }
    }
  }

  #noteCommitted(known: Known, { commitIndex }: RaftView): void {
    const newest = this.#committed.at(-1)?.index ?? 0;
    for (const placed of known.placed) {
      if (placed.index > newest && placed.index <= commitIndex) this.#committed.push(placed);
    }
  }
}

function withUnread(
  change: LogChange | undefined,
  unreadIndex: number | undefined,
): Omit<LogChange, 'endedIndex'> | undefined {
  if (unreadIndex === undefined) return change;
  return {
    replaced: change?.replaced === true,
    keptIndex: Math.min(change?.keptIndex ?? Infinity, unreadIndex - 1),
  };
}
