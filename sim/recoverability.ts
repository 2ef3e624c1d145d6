import { type NodeId } from '../core/base/ids.ts';
import { readApplied } from '../core/chainfire/mvcc/meta.ts';
import { isQuorum } from '../core/raft/quorum.ts';
import { type Configuration, type RaftView } from '../core/raft/types.ts';
import { type Cluster, type MemberProcess } from './cluster.ts';
import { findStart, type FoundStart, keepsHardState, type LogEnd } from './found-start.ts';
import { configurationsInForce } from './membership/core.ts';

/** More was destroyed than any system could bring back. The run ends; it is no failure, and it has shown nothing. */
export class Unrecoverable extends Error {
  override readonly name = 'Unrecoverable';
}

/** How a member stands after what was done to it. */
interface Standing {
  readonly votes: boolean;
  readonly holds: (end: LogEnd) => boolean;
}

/**
 * Whether any system could still bring back what it promised, asked explicitly whenever damage has gone beyond what the fault
 * atlas allows. It could not when
 *
 * - a member has lost its newest term and vote without a trace: it may vote twice, and nothing tells it,
 * - the members that may vote, since they start and know of nothing that they lack, are no quorum, or
 * - a quorum could be had of such as lack something that was committed, or that the damaged member had acknowledged, so that
 *   it may yet come to be.
 *
 * What is asked is what is on the disks, as if every damaged member started now. A run in which all that holds goes on, and
 * everything that it then shows is the system's doing.
 */
export class Recoverability {
  readonly #cluster: Cluster;
  /** The newest entry that any member knew to be committed. */
  #committed: LogEnd = { index: 0, term: 0 };
  /** What silently damaged members had acknowledged. */
  #acknowledged: readonly LogEnd[] = [];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** A member has made a step. */
  stepped(raft: RaftView): void {
    if (raft.commitIndex <= this.#committed.index) return;
    this.#committed = { index: raft.commitIndex, term: raft.termAt(raft.commitIndex) ?? 0 };
  }

  /**
   * A member was damaged, whatever the atlas says.
   *
   * @param struck what a start would have found before, and the end of its durable log then
   * @throws Unrecoverable
   */
  struck(process: MemberProcess, struck: { readonly before: FoundStart; readonly end: LogEnd }): void {
    const after = findStart(process.segments.copy(), storedOf(process));
    if (after.kind === 'goesOn' && !after.repairing) {
      if (!keepsHardState(struck.before, after))
        throw new Unrecoverable(
          `n${process.node} may vote twice: its newest term and vote are gone without a trace`,
        );
      if (!after.holds(struck.end)) this.#acknowledged = [...this.#acknowledged, struck.end];
    }
    const why = this.why();
    if (why !== undefined) throw new Unrecoverable(why);
  }

  /** Undefined when what was promised can be kept. */
  why(): string | undefined {
    const standings = new Map<NodeId, Standing>();
    for (const process of this.#cluster.processes) standings.set(process.member, standingOf(process));
    for (const configuration of configurationsInForce(this.#cluster)) {
      const why = this.#whyNot(configuration, standings);
      if (why !== undefined) return why;
    }
    return undefined;
  }

  #whyNot(configuration: Configuration, standings: ReadonlyMap<NodeId, Standing>): string | undefined {
    if (!isQuorum(configuration, (id) => standings.get(id)?.votes === true))
      return `those of ${configuration.voters.join(', ')} that may vote are no quorum`;
    for (const end of [this.#committed, ...this.#acknowledged]) {
      const lacking = (id: NodeId): boolean => {
        const standing = standings.get(id);
        return standing?.votes === true && !standing.holds(end);
      };
      if (isQuorum(configuration, lacking))
        return `a quorum of ${configuration.voters.join(', ')} lacks entry ${end.index} of term ${end.term}`;
    }
    return undefined;
  }
}

/** By what is on its disk: it may lose the rest at any time. The store may have come further than the log is left. */
function standingOf(process: MemberProcess): Standing {
  if (process.stopped) return { votes: false, holds: () => false };
  const applied = storedOf(process);
  const start = findStart(process.segments.copy(), applied);
  if (start.kind === 'refuses') return { votes: false, holds: () => false };
  if (start.kind === 'breaks') return { votes: true, holds: () => true };
  const syncedIndex = process.machine?.view.raft.syncedIndex ?? Infinity;
  const isSynced = (end: LogEnd): boolean => end.index <= syncedIndex;
  return {
    votes: !start.repairing,
    holds: (end) => end.index <= applied.index || (start.holds(end) && isSynced(end)),
  };
}

/** What the member's store is sure to reflect after a crash. */
function storedOf(process: MemberProcess): LogEnd {
  const view = process.machine?.view;
  if (view === undefined) return readApplied(process.store);
  return { index: view.storedIndex, term: view.raft.termAt(view.storedIndex) ?? 0 };
}
