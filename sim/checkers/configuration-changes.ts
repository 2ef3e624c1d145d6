import { type NodeId } from '../../core/base/ids.ts';
import { isJoint, leaveJoint, membersOf, sameConfiguration } from '../../core/raft/configuration.ts';
import { type Configuration } from '../../core/raft/types.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';
import { type LogConfigurations, type PlacedConfiguration } from './log-configurations.ts';

/**
 * A leader changes the configuration one step at a time, each through a joint one (Raft §4.3): it appends the next only when the
 * one before is committed, and begins a change only when it has committed in its term (the bug of 2015). And an id that has
 * left is never a member again.
 *
 * Looked at when a leader's log gets a configuration. Not verified: that there was reason for the change.
 */
export class ConfigurationChanges implements Checker {
  readonly name = 'configuration-changes';
  readonly #configurations: LogConfigurations;
  /** Every id that was ever in a committed configuration, and those of them that have left. */
  readonly #members = new Set<NodeId>();
  readonly #left = new Set<NodeId>();

  constructor(configurations: LogConfigurations) {
    this.#configurations = configurations;
  }

  onStep(step: StepObservation): void {
    const { raft } = step.member.view;
    const newest = this.#configurations.inForce(step.node, raft);
    const before = this.#configurations.before(step.node, raft);
    if (newest.index === before.index && newest.term === before.term) return;
    if (raft.role !== 'leader' || newest.term !== raft.term) return;
    const added = this.#configurations.since(step.node, raft, before.index + 1);
    for (let at = 1; at < added.length; at += 1) {
      this.#check(step, added[at - 1] as PlacedConfiguration, added[at] as PlacedConfiguration);
    }
  }

  #check(step: StepObservation, before: PlacedConfiguration, next: PlacedConfiguration): void {
    const { raft } = step.member.view;
    const what = `entry ${next.index}, ${JSON.stringify(next.configuration)} after ${JSON.stringify(before.configuration)}`;
    if (!follows(before.configuration, next.configuration)) this.#fail(step, `${what}: no step of a change`);
    if (before.index > raft.commitIndex)
      this.#fail(step, `${what}: that of entry ${before.index} is not committed`);
    if (isJoint(next.configuration) && raft.termAt(raft.commitIndex) !== raft.term) {
      this.#fail(step, `${what}: nothing of term ${raft.term} is committed`);
    }
    this.#note(before.configuration);
    for (const id of membersOf(next.configuration)) {
      if (this.#left.has(id)) this.#fail(step, `${what}: member ${id} had left`);
    }
  }

  /** A committed configuration. */
  #note(configuration: Configuration): void {
    if (isJoint(configuration)) return;
    const members = membersOf(configuration);
    for (const id of this.#members) if (!members.includes(id)) this.#left.add(id);
    for (const id of members) this.#members.add(id);
  }

  #fail({ node, member }: StepObservation, what: string): never {
    throw new Violation(
      this.name,
      `member ${node}, leader of term ${member.view.raft.term}, appended ${what}`,
    );
  }
}

function follows(before: Configuration, next: Configuration): boolean {
  if (isJoint(before)) return sameConfiguration(next, leaveJoint(before));
  return (
    next.outgoing.length === before.voters.length && next.outgoing.every((id, at) => id === before.voters[at])
  );
}
