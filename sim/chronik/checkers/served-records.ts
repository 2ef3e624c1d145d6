import { Violation } from '../../types.ts';
import { type FetchRequest, type FetchResponse } from '../../../core/wire/kafka/messages/fetch.ts';
import { kafkaErrors } from '../../../core/wire/kafka/error-codes.ts';
import { partitionKeyText } from '../../../core/chronik/types.ts';
import { type BatchHeader, readHeaders, readRecords } from '../batch.ts';
import { type BrokerAnswer, type ChronikChecker } from '../checker.ts';

/**
 * What a consumer is served at an offset is what anybody was ever told of there; nothing at or above the high watermark is
 * served, nor at or above the last stable offset to one that reads only what is committed; and the batches of an answer begin
 * with the one that holds the offset that was asked for, and leave no gap.
 *
 * Not verified: that the answer is as new as it could be; which aborted transactions it names. Leaders of an epoch that an
 * unclean election has overtaken may serve what is gone.
 */
export class ServedRecords implements ChronikChecker {
  readonly name = 'served-records';

  onAnswered(answer: BrokerAnswer): void {
    const { call, body } = answer;
    if (call.api !== 'fetch' || call.body.replicaId >= 0) return;
    const asked = call.body;
    for (const topic of (body as FetchResponse).responses) {
      for (const partition of topic.partitions) {
        const { records, errorCode } = partition;
        if (errorCode !== kafkaErrors.NONE || !(records instanceof Uint8Array) || records.length === 0)
          continue;
        this.#check(answer, asked, topic.topic, { ...partition, records });
      }
    }
  }

  #check(
    { broker, state, nowUs, process }: BrokerAnswer,
    asked: FetchRequest,
    topic: string,
    answer: FetchResponse['responses'][number]['partitions'][number] & { readonly records: Uint8Array },
  ): void {
    const partition = answer.partitionIndex;
    const view = broker.view.partition({ topic, partition });
    if (view === undefined) return;
    const truth = state.truth.of(partitionKeyText(view.key));
    if (view.leaderEpoch < truth.uncleanEpoch) return;
    const where = `n${process.node} has served of ${topic}-${partition}`;
    const headers = readHeaders(answer.records);
    const fetchOffset =
      asked.topics
        .find((each) => each.topic === topic)
        ?.partitions.find((each) => each.partition === partition)?.fetchOffset ?? 0;
    this.#requireWhole(where, headers, fetchOffset);
    const bound = asked.isolationLevel === 1 ? answer.lastStableOffset : answer.highWatermark;
    const last = headers.at(-1)?.lastOffset ?? -1;
    if (last >= bound) throw new Violation(this.name, `${where} offset ${last}, where its bound is ${bound}`);
    for (const header of headers) {
      if (header.isControl) continue;
      for (const { offset, value } of readRecords(answer.records, header.positionBytes, header)) {
        const known = truth.known(offset);
        if (known === undefined || known.value === value) continue;
        const what = `${String(value)} at offset ${offset}, where ${String(known.value)} was ${known.told}`;
        throw new Violation(
          this.name,
          `${where} ${what} at ${known.atUs} µs, ${nowUs - known.atUs} µs before`,
        );
      }
    }
  }

  #requireWhole(where: string, headers: readonly BatchHeader[], fetchOffset: number): void {
    let expected = fetchOffset;
    for (const { baseOffset, lastOffset } of headers) {
      const fits =
        expected === fetchOffset ? baseOffset <= expected && lastOffset >= expected : baseOffset === expected;
      if (!fits) {
        const found = `offsets ${baseOffset} to ${lastOffset}`;
        throw new Violation(
          this.name,
          `${where} ${found} where ${expected} was to come, asked from ${fetchOffset}`,
        );
      }
      expected = lastOffset + 1;
    }
  }
}
