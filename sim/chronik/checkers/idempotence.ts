import { kafkaErrors } from '../../../core/wire/kafka/error-codes.ts';
import { Violation } from '../../types.ts';
import { type ChronikChecker } from '../checker.ts';
import { type MirroredBatch } from '../log-mirror.ts';
import { type ChronikState } from '../state.ts';

const sequences = 2_147_483_648;
/** What would end an idempotent producer that has made no mistake. */
const wrongly: ReadonlySet<number> = new Set([
  kafkaErrors.OUT_OF_ORDER_SEQUENCE_NUMBER,
  kafkaErrors.UNKNOWN_PRODUCER_ID,
  kafkaErrors.INVALID_PRODUCER_EPOCH,
]);

/**
 * In what replicas have shown below their high watermarks an idempotent producer's sequence numbers follow one another without
 * gap or repetition, from 0 on in each epoch; every batch that it was acknowledged lies at the offset that it was told; and one
 * that has made no mistake is not told of one.
 *
 * Not verified: what a broker remembers of producers, beside what it answers; partitions that have lost records by an unclean
 * election or by order; producers that do not wait for the in-sync set.
 */
export class Idempotence implements ChronikChecker {
  readonly name = 'idempotence';

  onEnd(state: ChronikState): void {
    for (const known of state.partitions()) {
      if (known.state.uncleanElections > 0) continue;
      this.#requireSequences(state, known.id, `${known.topic.name}-${known.partition}`);
    }
    this.#requireAnswers(state);
  }

  #requireSequences(state: ChronikState, id: string, where: string): void {
    const log = state.committed(id);
    const next = new Map<number, { epoch: number; sequence: number }>();
    for (let offset = 0; offset < log.end;) {
      const batch: MirroredBatch | undefined = log.at(offset);
      if (batch === undefined) return;
      offset = batch.lastOffset + 1;
      if (batch.producerId < 0 || batch.isControl) continue;
      const known = next.get(batch.producerId);
      const expected = known?.epoch === batch.producerEpoch ? known.sequence : 0;
      const what = `producer ${batch.producerId} has sequence ${batch.baseSequence} of epoch ${batch.producerEpoch} at offset ${batch.baseOffset} of ${where}`;
      if (known !== undefined && batch.producerEpoch < known.epoch) {
        throw new Violation(this.name, `${what} behind epoch ${known.epoch}`);
      }
      if (batch.baseSequence !== expected)
        throw new Violation(this.name, `${what}, where ${expected} was to come`);
      const sequence = (batch.baseSequence + batch.recordCount) % sequences;
      next.set(batch.producerId, { epoch: batch.producerEpoch, sequence });
    }
  }

  #requireAnswers(state: ChronikState): void {
    for (const batch of state.history.produced) {
      const { outcome, producerId, topic, partition, acks } = batch;
      if (producerId < 0 || acks !== -1) continue;
      const known = state.partitionNamed(topic, partition);
      if (known === undefined || known.state.uncleanElections > 0) continue;
      const what = `client ${batch.client}'s batch of sequence ${batch.baseSequence} (producer ${producerId}) for ${topic}-${partition}`;
      if (outcome.kind === 'refused' && wrongly.has(outcome.error)) {
        throw new Violation(
          this.name,
          `${what} was refused with error ${outcome.error}, though nothing before it is missing`,
        );
      }
      if (outcome.kind !== 'acknowledged' || outcome.offset < 0) continue;
      const found = state.committed(known.id).at(outcome.offset);
      if (found === undefined) continue;
      if (found.producerId === producerId && found.baseSequence === batch.baseSequence) continue;
      throw new Violation(
        this.name,
        `${what} was acknowledged at offset ${outcome.offset}, where producer ${found.producerId} has sequence ${found.baseSequence}`,
      );
    }
  }
}
