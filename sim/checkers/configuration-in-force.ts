import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { sameConfiguration } from '../../core/raft/configuration.ts';
import { type RaftView } from '../../core/raft/types.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';
import { type LogConfigurations } from './log-configurations.ts';

/**
 * A member goes by the newest configuration in its log, from when it is appended until it is cut away, committed or not
 * (Raft §4.1). Where a log behind a snapshot holds none, that is the newest that was committed up to the
 * snapshot's position.
 *
 * Not verified: that it decides by it (commit-quorum and election-quorum do).
 */
export class ConfigurationInForce implements Checker {
  readonly name = 'configuration-in-force';
  readonly #configurations: LogConfigurations;

  constructor(configurations: LogConfigurations) {
    this.#configurations = configurations;
  }

  onStep(step: StepObservation): void {
    this.#look(step.node, step.member.view.raft);
  }

  onRecovered(node: NodeId, member: ChainfireMember): void {
    this.#look(node, member.view.raft);
  }

  #look(node: NodeId, raft: RaftView): void {
    const { index, configuration } = this.#configurations.inForce(node, raft);
    if (configuration === raft.configuration || sameConfiguration(configuration, raft.configuration)) return;
    throw new Violation(
      this.name,
      `member ${node} goes by ${JSON.stringify(raft.configuration)}, and the newest configuration in its log is ` +
        `${JSON.stringify(configuration)} of entry ${index}`,
    );
  }
}
