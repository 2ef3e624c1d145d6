import { Violation } from '../../types.ts';
import { type BrokerStep, type ChronikChecker } from '../checker.ts';
import { type MirroredBatch } from '../log-mirror.ts';
import { type Replica } from '../state.ts';

/**
 * Any two replicas of a partition hold the same batches, with the same epochs, below the smaller of their high watermarks. Each
 * batch that comes below a replica's high watermark is compared with the one that the first replica has shown there.
 *
 * Not verified: batches that are compared by their CRC, which leaves base offset and epoch to be compared beside it; logs that
 * are compacted; of a partition with an unclean election, what followers have of the time before it.
 */
export class ReplicasAgree implements ChronikChecker {
  readonly name = 'replicas-agree';
  /** How far each replica's log has been shown, by broker and partition; a life begins anew. */
  readonly #shown = new Map<string, number>();

  onRecovered(process: BrokerStep['process']): void {
    for (const key of this.#shown.keys()) if (key.startsWith(`${process.node} `)) this.#shown.delete(key);
  }

  onStep({ replicas, metadata, state, process }: BrokerStep): void {
    for (const { id, before, after } of metadata) {
      if ((after?.state.uncleanElections ?? 0) > (before?.state.uncleanElections ?? 0)) this.#forget(id);
    }
    for (const { id, after } of replicas) {
      const key = `${process.node} ${id}`;
      if (after === undefined) {
        this.#shown.delete(key);
        continue;
      }
      const toOffset = Math.min(after.highWatermark, after.logEndOffset);
      const fromOffset = this.#shown.get(key) ?? after.logStartOffset;
      if (toOffset <= fromOffset || after.leaderEpoch < state.truth.of(id).uncleanEpoch) continue;
      const batches = state.mirror(process.node).between(after.directory, fromOffset, toOffset) ?? [];
      const { uncleanEpoch } = state.truth.of(id);
      for (const batch of batches) {
        // What it has not yet cut of what an unclean election has given up.
        if (after.role !== 'leader' && batch.leaderEpoch < uncleanEpoch) continue;
        this.#show(state.committed(id).show(batch), after, batch);
      }
      this.#shown.set(key, toOffset);
    }
  }

  #show(
    said: { readonly kind: 'first' | 'same' } | { readonly kind: 'other'; readonly shown: MirroredBatch },
    replica: Replica,
    batch: MirroredBatch,
  ): void {
    if (said.kind !== 'other') return;
    const { node, topic, partition, highWatermark } = replica;
    throw new Violation(
      this.name,
      `n${node} has ${brief(batch)} in ${topic}-${partition} below its high watermark ${highWatermark}, where another replica has shown ${brief(said.shown)}`,
    );
  }

  #forget(id: string): void {
    for (const key of this.#shown.keys()) if (key.endsWith(` ${id}`)) this.#shown.delete(key);
  }
}

function brief({ baseOffset, lastOffset, leaderEpoch, crc }: MirroredBatch): string {
  return `offsets ${baseOffset} to ${lastOffset} of epoch ${leaderEpoch} (CRC ${crc})`;
}
