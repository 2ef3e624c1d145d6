import { noLeader } from '../../../core/chronik/types.ts';
import { Violation } from '../../types.ts';
import { type BrokerStep, type ChronikChecker } from '../checker.ts';
import { type KnownPartition } from '../state.ts';

/**
 * Who joins an in-sync set is unfenced at that time, and holds on its disk what the world was told of.
 *
 * Not verified: that it has caught up with more than that; who was a member at the partition's creation; under which
 * registration it has fetched; one who joined and was the last to be fenced by entries that were applied in one step.
 */
export class IsrJoins implements ChronikChecker {
  readonly name = 'isr-joins';

  onStep({ metadata, state }: BrokerStep): void {
    for (const { id, before, after } of metadata) {
      if (before === undefined || after === undefined) continue;
      // With a clean election in between nobody has joined who was not in sync; with an unclean one, whoever leads.
      const joined = after.state.isr.filter((node) => !before.state.isr.includes(node));
      if (after.state.uncleanElections > before.state.uncleanElections) continue;
      for (const node of joined) {
        const where = `${after.topic.name}-${after.partition} (epoch ${after.state.leaderEpoch}, ${after.state.partitionEpoch})`;
        if (state.image?.broker(node)?.fenced === true && !mayBeFencedSince(before, after)) {
          throw new Violation(this.name, `n${node} has joined the in-sync set of ${where}, and is fenced`);
        }
        const replica = state.replica(node, id);
        const { end } = state.truth.of(id);
        if (replica === undefined || replica.syncedEndOffset >= end) continue;
        const has = replica.syncedEndOffset;
        throw new Violation(
          this.name,
          `n${node} has joined the in-sync set of ${where} with ${has} of ${end} on its disk`,
        );
      }
    }
  }
}

/**
 * Whether a member may have joined unfenced and been fenced behind that, with nobody having seen the partition in between. To
 * be fenced changes the partition once more: a member goes from the in-sync set while another is unfenced, and the last one
 * stays and leads no longer (KIP-841). So a set with a leader has no member that is fenced, whenever that one was.
 */
function mayBeFencedSince(before: KnownPartition, after: KnownPartition): boolean {
  return after.state.leader === noLeader && after.state.partitionEpoch > before.state.partitionEpoch + 1;
}
