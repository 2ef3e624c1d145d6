import { Violation } from '../../types.ts';
import { type BrokerStep, type ChronikChecker } from '../checker.ts';
import { type Replica } from '../state.ts';

/**
 * A leader's high watermark never comes to lie above what any member of the in-sync set, those included that it has proposed,
 * has on its disk; it does not advance while the set is smaller than min.insync.replicas (or than the number of replicas, where
 * that is less); and while a broker leads in one epoch it never falls.
 *
 * Not verified: that it advances as soon as it could; members that already follow a later leader.
 */
export class HighWatermarkRule implements ChronikChecker {
  readonly name = 'high-watermark';

  onStep({ replicas, state, process, broker }: BrokerStep): void {
    for (const { id, before, after } of replicas) {
      if (after?.role !== 'leader') continue;
      const goesOn = before?.role === 'leader' && before.leaderEpoch === after.leaderEpoch;
      if (goesOn && after.highWatermark < before.highWatermark) {
        const from = before.highWatermark;
        throw new Violation(
          this.name,
          `${who(after)} has let it fall from ${from} to ${after.highWatermark}`,
        );
      }
      if (!goesOn || after.highWatermark <= before.highWatermark) continue;
      for (const member of after.inSyncReplicasMaximal) {
        const other = member === process.node ? after : state.replica(member, id);
        if (other === undefined || other.leaderEpoch > after.leaderEpoch) continue;
        if (other.syncedEndOffset >= after.highWatermark) continue;
        throw new Violation(
          this.name,
          `${who(after)} has advanced it to ${after.highWatermark}, where n${member}, in sync, has ${other.syncedEndOffset} on its disk`,
        );
      }
      const topic = broker.view.image.topicByCreated(after.key.created);
      const row = topic?.partitions[after.partition];
      if (topic === undefined || row === undefined) continue;
      const { minInsyncReplicas } = broker.view.image.topicConfig(topic);
      const least = Math.min(minInsyncReplicas, row.replicas.length);
      // A step may bring a smaller set and the answer that was counted before it.
      const inSync = Math.max(after.inSyncReplicas.length, before.inSyncReplicas.length);
      if (inSync >= least) continue;
      throw new Violation(
        this.name,
        `${who(after)} has advanced it to ${after.highWatermark} with ${inSync} in sync, of ${least} that it takes`,
      );
    }
  }
}

function who({ node, topic, partition, leaderEpoch }: Replica): string {
  return `n${node}, which leads ${topic}-${partition} in epoch ${leaderEpoch},`;
}
