import { type NodeId } from '../../../core/base/ids.ts';
import { Violation } from '../../types.ts';
import { type BrokerStep, type ChronikChecker } from '../checker.ts';
import { type MirroredBatch } from '../log-mirror.ts';

/**
 * At most one broker leads a partition in an epoch; in the metadata epochs of leaders and of partitions only rise, the latter
 * with every change; and in a log each batch begins where the one before ends, with an epoch that is not below its.
 *
 * Not verified: that somebody leads; logs that are compacted; where the first batch of a log begins.
 */
export class OneLeader implements ChronikChecker {
  readonly name = 'one-leader';
  /** By partition and epoch. */
  readonly #leaders = new Map<string, NodeId>();
  readonly #last = new Map<string, MirroredBatch>();

  onRecovered(process: BrokerStep['process']): void {
    for (const key of this.#last.keys()) if (key.startsWith(`${process.node} `)) this.#last.delete(key);
  }

  onStep(step: BrokerStep): void {
    const { replicas, metadata, process } = step;
    for (const { id, after } of replicas) {
      if (after?.role !== 'leader') continue;
      const key = `${id} ${after.leaderEpoch}`;
      const other = this.#leaders.get(key);
      if (other === undefined) this.#leaders.set(key, process.node);
      else if (other !== process.node) {
        const where = `${after.topic}-${after.partition} in epoch ${after.leaderEpoch}`;
        throw new Violation(this.name, `both n${other} and n${process.node} lead ${where}`);
      }
    }
    for (const { before, after } of metadata) {
      if (before === undefined || after === undefined) continue;
      const where = `${after.topic.name}-${after.partition}`;
      const { leaderEpoch, partitionEpoch } = after.state;
      if (leaderEpoch < before.state.leaderEpoch) {
        const from = before.state.leaderEpoch;
        throw new Violation(this.name, `the leader's epoch of ${where} falls from ${from} to ${leaderEpoch}`);
      }
      if (partitionEpoch <= before.state.partitionEpoch) {
        const from = before.state.partitionEpoch;
        throw new Violation(
          this.name,
          `${where} has changed, and its epoch goes from ${from} to ${partitionEpoch}`,
        );
      }
    }
    this.#followLogs(step);
  }

  #followLogs({ logEvents, process, state }: BrokerStep): void {
    for (const { kind, directory, batch } of logEvents) {
      const key = `${process.node} ${directory}`;
      if (kind === 'cut') {
        this.#last.delete(key);
        continue;
      }
      const last = this.#last.get(key) ?? this.#before(state.mirror(process.node).batches(directory), batch);
      this.#last.set(key, batch);
      if (last === undefined) continue;
      if (batch.baseOffset !== last.lastOffset + 1) {
        const what = `offset ${batch.baseOffset} behind ${last.lastOffset}`;
        throw new Violation(this.name, `n${process.node} has written ${what} to ${directory}`);
      }
      if (batch.leaderEpoch < last.leaderEpoch) {
        const what = `epoch ${batch.leaderEpoch} behind ${last.leaderEpoch}, at offset ${batch.baseOffset}`;
        throw new Violation(this.name, `n${process.node} has written ${what} to ${directory}`);
      }
    }
  }

  /** The batch ahead of this one, which a step has appended. */
  #before(batches: readonly MirroredBatch[] | undefined, batch: MirroredBatch): MirroredBatch | undefined {
    const at = batches?.lastIndexOf(batch) ?? -1;
    return at > 0 ? batches?.[at - 1] : undefined;
  }
}
