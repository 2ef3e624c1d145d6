import { Violation } from '../../types.ts';
import { type BrokerStep, type ChronikChecker } from '../checker.ts';
import { type Replica } from '../state.ts';

/**
 * A leader's high watermark never comes to lie above what any member of the in-sync set, those included that it has proposed,
 * has on its disk; it does not advance while the set is smaller than min.insync.replicas (or than the number of replicas, where
 * that is less); and while a broker leads in one epoch it never falls.
 *
 * Not verified: that it advances as soon as it could; members that already follow a later leader or assignment. Where one step brings another
 * set or another setting, the high watermark may be from before it.
 */
export class HighWatermarkRule implements ChronikChecker {
  readonly name = 'high-watermark';
  /** How many in sync each leader's topic took when the replica was looked at last, by broker and partition. */
  readonly #least = new Map<string, number>();

  onStep(step: BrokerStep): void {
    for (const { id, before, after } of step.replicas) {
      if (after?.role !== 'leader') continue;
      const key = `${after.node} ${id}`;
      const leastBefore = this.#least.get(key);
      const leastNow = leastOf(step, after);
      if (leastNow !== undefined) this.#least.set(key, leastNow);
      if (before?.role !== 'leader' || before.leaderEpoch !== after.leaderEpoch) continue;
      if (after.highWatermark < before.highWatermark) {
        const from = before.highWatermark;
        throw new Violation(
          this.name,
          `${who(after)} has let it fall from ${from} to ${after.highWatermark}`,
        );
      }
      if (after.highWatermark === before.highWatermark) continue;
      this.#requireReplicated(step, after);
      const least = Math.min(leastNow ?? 1, leastBefore ?? Infinity);
      const inSync = Math.max(after.inSyncReplicas.length, before.inSyncReplicas.length);
      if (inSync >= least) continue;
      throw new Violation(
        this.name,
        `${who(after)} has advanced it to ${after.highWatermark} with ${inSync} in sync, of ${least} that it takes`,
      );
    }
  }

  #requireReplicated({ state }: BrokerStep, leader: Replica): void {
    for (const member of leader.inSyncReplicasMaximal) {
      const other = member === leader.node ? leader : state.replica(member, leader.id);
      if (other === undefined || other.leaderEpoch > leader.leaderEpoch) continue;
      // It has heard of another assignment: what it had, and has reported, may have gone with the old one.
      if (other.partitionEpoch > leader.partitionEpoch) continue;
      if (other.syncedEndOffset >= leader.highWatermark) continue;
      throw new Violation(
        this.name,
        `${who(leader)} has advanced it to ${leader.highWatermark}, where n${member}, in sync, has ${other.syncedEndOffset} on its disk`,
      );
    }
  }
}

/** How many have to be in sync; undefined where the broker knows the partition no more. */
function leastOf({ broker }: BrokerStep, { key, partition }: Replica): number | undefined {
  const topic = broker.view.image.topicByCreated(key.created);
  const row = topic?.partitions[partition];
  if (topic === undefined || row === undefined) return undefined;
  return Math.min(broker.view.image.topicConfig(topic).minInsyncReplicas, row.replicas.length);
}

function who({ node, topic, partition, leaderEpoch }: Replica): string {
  return `n${node}, which leads ${topic}-${partition} in epoch ${leaderEpoch},`;
}
