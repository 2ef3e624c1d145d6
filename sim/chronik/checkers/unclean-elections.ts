import { Violation } from '../../types.ts';
import { type BrokerStep, type ChronikChecker } from '../checker.ts';

/**
 * A partition's leader is chosen from outside of its in-sync set only where the topic allows it, and the metadata says so.
 *
 * Not verified: elections of which only the outcome of several was seen at once, and those at the end of a reassignment; they are
 * held to leader-has-truth.
 */
export class UncleanElections implements ChronikChecker {
  readonly name = 'unclean-elections';

  onStep({ metadata, state }: BrokerStep): void {
    for (const { before, after } of metadata) {
      if (before === undefined || after === undefined) continue;
      const where = `${after.topic.name}-${after.partition} in epoch ${after.state.leaderEpoch}`;
      const recorded = after.state.uncleanElections > before.state.uncleanElections;
      if (recorded && state.image?.topicConfig(after.topic).uncleanLeaderElection !== true) {
        throw new Violation(
          this.name,
          `n${after.state.leader} leads ${where} by an unclean election, which its topic does not allow`,
        );
      }
      const wasOne = after.state.partitionEpoch === before.state.partitionEpoch + 1;
      const { leader } = after.state;
      // A reassignment that is complete may take in, by one entry, who is to lead from then on.
      const isReassigned = after.state.replicas.length !== before.state.replicas.length;
      if (
        !wasOne ||
        isReassigned ||
        recorded ||
        leader < 0 ||
        before.state.isr.some((node) => node === leader)
      )
        continue;
      throw new Violation(
        this.name,
        `n${leader} leads ${where}, was not in sync, and nothing is recorded of it`,
      );
    }
  }
}
