import { latin1FromBytes } from '../../../core/base/bytes.ts';
import { type NodeId } from '../../../core/base/ids.ts';
import { type Entry, type RaftNodeEffect } from '../../../core/raft/types.ts';
import { type Cluster, group1, type TestMember } from './cluster.ts';

/**
 * Watches every step of every member of a cluster. Verifies: election safety, one vote a term across restarts, terms and
 * commit indexes that never fall, leader completeness and log matching, state-machine safety, answers to reads that are
 * fresh. Does not verify: liveness, nor what clients see.
 */
export class Invariants {
  readonly #cluster: Cluster;
  readonly #leaders = new Map<number, NodeId>();
  readonly #votes = new Map<string, NodeId>();
  readonly #terms = new Map<NodeId, number>();
  readonly #commits = new Map<TestMember, number>();
  readonly #committed = new Map<number, string>();
  readonly #led = new Set<string>();
  /** What was committed anywhere when a read was asked for, by member and context. */
  readonly #reads = new Map<string, number>();
  committedIndex = 0;
  elections = 0;
  readsAnswered = 0;
  snapshots = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    cluster.observe = (member, effects) => this.#check(member, effects);
  }

  readAsked(member: TestMember, context: number): void {
    this.#reads.set(`${member.id}/${context}`, this.committedIndex);
  }

  /** Log Matching (Raft §5.3), for all pairs. */
  checkLogs(): void {
    const members = [...this.#cluster.members.values()];
    for (const left of members) {
      for (const right of members) {
        if (left.id >= right.id) continue;
        const from = Math.max(left.view.firstIndex, right.view.firstIndex);
        let agrees = false;
        for (let index = Math.min(left.view.lastIndex, right.view.lastIndex); index >= from; index -= 1) {
          const same = left.view.termAt(index) === right.view.termAt(index);
          if (agrees && !same)
            fail(`log matching: ${left.id} and ${right.id} differ at ${index} and agree above`);
          agrees ||= same;
        }
      }
    }
  }

  #check(member: TestMember, effects: readonly RaftNodeEffect[]): void {
    const { view, id } = member;
    const term = this.#terms.get(id) ?? 0;
    if (view.term < term && member.syncedSeq > 0) fail(`the term of ${id} fell from ${term} to ${view.term}`);
    if (member.syncedSeq === member.persistedSeq) this.#terms.set(id, view.term);

    const commit = this.#commits.get(member) ?? 0;
    if (view.commitIndex < commit)
      fail(`the commit index of ${id} fell from ${commit} to ${view.commitIndex}`);
    if (view.commitIndex > commit) this.#committedTo(member, Math.max(commit, view.firstIndex - 1) + 1);
    this.#commits.set(member, view.commitIndex);

    if (view.role === 'leader') this.#checkLeader(member);
    for (const effect of effects) this.#checkEffect(member, effect);
  }

  #checkLeader(member: TestMember): void {
    const { view, id } = member;
    const known = this.#leaders.get(view.term);
    if (known !== undefined && known !== id)
      fail(`election safety: ${known} and ${id} lead term ${view.term}`);
    this.#leaders.set(view.term, id);
    if (this.#led.has(`${id}/${view.term}`)) return;
    this.#led.add(`${id}/${view.term}`);
    this.elections += 1;
    for (let index = view.firstIndex; index <= this.committedIndex; index += 1) {
      const [entry] = view.entries(index, index, 1);
      if (entry === undefined || describe(entry) !== this.#committed.get(index)) {
        fail(`leader completeness: ${id} leads term ${view.term} without entry ${index}`);
      }
    }
  }

  #committedTo(member: TestMember, from: number): void {
    for (const entry of member.view.entries(from, member.view.commitIndex, 1 << 30)) {
      const known = this.#committed.get(entry.index);
      if (known !== undefined && known !== describe(entry)) {
        fail(`state-machine safety: ${member.id} has ${describe(entry)} at ${entry.index}, others ${known}`);
      }
      this.#committed.set(entry.index, describe(entry));
    }
    this.committedIndex = Math.max(this.committedIndex, member.view.commitIndex);
  }

  #checkEffect(member: TestMember, effect: RaftNodeEffect): void {
    if (effect.kind === 'readReady') {
      const floor = this.#reads.get(`${member.id}/${effect.context}`);
      if (floor === undefined) fail(`read ${effect.context} of ${member.id} was answered but never asked`);
      else if (effect.index < floor) fail(`a stale read: ${effect.index} though ${floor} was committed`);
      this.#reads.delete(`${member.id}/${effect.context}`);
      this.readsAnswered += 1;
    }
    if (effect.kind === 'snapshotNeeded') this.snapshots += 1;
    if (effect.kind !== 'send') return;
    for (const { group, message } of effect.messages) {
      if (group !== group1) continue;
      if (message.kind === 'voteResponse' && message.granted && !message.preVote) {
        if (effect.afterSyncSeq === 0 && member.syncedSeq < member.persistedSeq)
          fail('a vote left before it was durable');
        const vote = `${member.id}/${message.term}`;
        const known = this.#votes.get(vote);
        if (known !== undefined && known !== effect.to)
          fail(`${vote} voted for ${known} and for ${effect.to}`);
        // Counted once it can have been seen: a gated vote that is lost in a crash was never given.
        if (effect.afterSyncSeq <= member.syncedSeq) this.#votes.set(vote, effect.to);
      }
      if (message.kind === 'appendResponse' && !message.rejected && effect.afterSyncSeq <= member.syncedSeq) {
        if (message.index > member.view.syncedIndex && message.index > member.store.index) {
          fail(`${member.id} acknowledged ${message.index} with ${member.view.syncedIndex} durable`);
        }
      }
    }
  }
}

function describe(entry: Entry): string {
  return `${entry.term}:${entry.kind}:${latin1FromBytes(entry.data)}`;
}

function fail(what: string): never {
  throw new Error(what);
}
