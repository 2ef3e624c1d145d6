import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { isJoint } from '../../core/raft/configuration.ts';
import { type RaftView } from '../../core/raft/types.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';
import { type Commit, CommittedLog } from './committed-log.ts';
import { type Inheritance } from './inheritance.ts';
import { type LogConfigurations, type PlacedConfiguration } from './log-configurations.ts';

/**
 * A commit rests on disks: at the moment the cluster's commit index rises, a quorum of the voters (of both sets while the
 * configuration is joint) holds the entry durably, by their own account of what is synced. The voters are those that the
 * committer's log names; learners do not count.
 *
 * A member that is down counts with what it had synced; one that repairs a damaged log counts as holding it, since what
 * it acknowledged was there once. Not verified: that members' accounts of what is synced are true (durable-log does).
 */
export class CommitQuorum implements Checker {
  readonly name = 'commit-quorum';
  readonly #configurations: LogConfigurations;
  readonly #committed: CommittedLog;
  /** The newest incarnation of each; a crashed one still shows what it had synced. */
  readonly #members = new Map<NodeId, ChainfireMember>();

  constructor(configurations: LogConfigurations, inheritance?: Inheritance) {
    this.#configurations = configurations;
    this.#committed = new CommittedLog(inheritance);
  }

  onRecovered(node: NodeId, member: ChainfireMember): void {
    this.#members.set(node, member);
  }

  onStep(step: StepObservation): void {
    this.#members.set(step.node, step.member);
    const raft = step.member.view.raft;
    const before = this.#committed.last?.index ?? 0;
    const commit = this.#committed.observe(raft);
    if (commit === undefined) return;
    this.#requireQuorum(step.node, commit, this.#decisive(step));
    // A joint configuration commits by its own rule, whatever that has led to in the same step.
    for (const placed of this.#configurations.since(step.node, raft, before + 1)) {
      if (placed.index <= before || placed.index > commit.index) continue;
      const { index, term: entryTerm } = placed;
      this.#requireQuorum(step.node, { ...commit, index, entryTerm }, placed);
    }
  }

  /**
   * What was in force when the leader committed: what it had before the step. Unless it has left a joint configuration in the
   * step, which is in force at once; one that it has entered came of the commit.
   */
  #decisive({ node, member }: StepObservation): PlacedConfiguration {
    const { raft } = member.view;
    const newest = this.#configurations.inForce(node, raft);
    return isJoint(newest.configuration) ? this.#configurations.before(node, raft) : newest;
  }

  #requireQuorum(committer: NodeId, commit: Commit, { configuration }: PlacedConfiguration): void {
    this.#require(committer, commit, configuration.voters);
    if (configuration.outgoing.length > 0) this.#require(committer, commit, configuration.outgoing);
  }

  #require(committer: NodeId, commit: Commit, voters: readonly NodeId[]): void {
    const holders = voters.filter((voter) => {
      const member = this.#members.get(voter);
      return member !== undefined && holds(member.view.raft, commit);
    });
    if (2 * holders.length > voters.length) return;
    throw new Violation(
      this.name,
      `member ${committer} committed entry ${commit.index} of term ${commit.entryTerm}, which lies on the disks of ` +
        `[${holders.join(', ')}] of [${voters.join(', ')}] only`,
    );
  }
}

function holds(raft: RaftView, commit: Commit): boolean {
  if (raft.repairing || commit.index < raft.firstIndex) return true;
  return raft.syncedIndex >= commit.index && raft.termAt(commit.index) === commit.entryTerm;
}
