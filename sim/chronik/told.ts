import { partitionKeyText } from '../../core/chronik/types.ts';
import { kafkaErrors } from '../../core/wire/kafka/error-codes.ts';
import { type FetchResponse } from '../../core/wire/kafka/messages/fetch.ts';
import { type ProduceResponse } from '../../core/wire/kafka/messages/produce.ts';
import { readHeaders, readRecords } from './batch.ts';
import { type BrokerAnswer, type ToldRecords } from './checker.ts';
import { Violation } from '../types.ts';

/**
 * Puts into the truth what an answer tells the world as it leaves its broker.
 *
 * @throws Violation where it was told otherwise before
 */
export function learnFrom(answer: BrokerAnswer): readonly ToldRecords[] {
  const { call } = answer;
  if (call.api === 'produce') return call.body.acks === -1 ? learnFromProduce(answer) : [];
  return call.api === 'fetch' && call.body.replicaId < 0 ? learnFromFetch(answer) : [];
}

function learnFromProduce(answer: BrokerAnswer): readonly ToldRecords[] {
  const { call, body, state } = answer;
  if (call.api !== 'produce') return [];
  const told: ToldRecords[] = [];
  for (const { name, partitionResponses } of (body as ProduceResponse).responses) {
    for (const { index, errorCode, baseOffset } of partitionResponses) {
      count(answer, errorCode);
      const records = call.body.topicData
        .find((topic) => topic.name === name)
        ?.partitionData.find((partition) => partition.index === index)?.records;
      if (errorCode !== kafkaErrors.NONE || baseOffset < 0 || !(records instanceof Uint8Array)) continue;
      const values = readHeaders(records).flatMap((header) =>
        readRecords(records, header.positionBytes, header),
      );
      const learned = learn(
        answer,
        { topic: name, partition: index },
        'acknowledged',
        values.map(({ value }, at) => [baseOffset + at, value]),
      );
      if (learned !== undefined) told.push(learned);
      state.counts.acknowledged += values.length;
    }
  }
  return told;
}

function learnFromFetch(answer: BrokerAnswer): readonly ToldRecords[] {
  const told: ToldRecords[] = [];
  for (const { topic, partitions } of (answer.body as FetchResponse).responses) {
    for (const { partitionIndex, errorCode, records } of partitions) {
      if (errorCode !== kafkaErrors.NONE || !(records instanceof Uint8Array)) continue;
      const values = readHeaders(records)
        .filter(({ isControl }) => !isControl)
        .flatMap((header) => readRecords(records, header.positionBytes, header));
      const learned = learn(
        answer,
        { topic, partition: partitionIndex },
        'served',
        values.map(({ offset, value }) => [offset, value]),
      );
      if (learned !== undefined) told.push(learned);
    }
  }
  return told;
}

function learn(
  { broker, state, process, nowUs }: BrokerAnswer,
  where: { readonly topic: string; readonly partition: number },
  told: 'acknowledged' | 'served',
  values: readonly (readonly [offset: number, value: string | undefined])[],
): ToldRecords | undefined {
  const view = broker.view.partition(where);
  if (view === undefined || values.length === 0) return undefined;
  const id = partitionKeyText(view.key);
  const truth = state.truth.of(id);
  // Its records are lost by order; it does not know of it yet.
  if (view.leaderEpoch < truth.uncleanEpoch) return undefined;
  // An answer for several partitions leaves when the last of them is decided: this one may have been decided in the epoch before.
  if (truth.uncleanEpoch > 0 && view.role !== 'leader') return undefined;
  let endOffset = 0;
  for (const [offset, value] of values) {
    const other = truth.learn(offset, { value, told, leaderEpoch: view.leaderEpoch, atUs: nowUs });
    if (other !== undefined) {
      const what = `${String(value)} at offset ${offset} of ${where.topic}-${where.partition}`;
      throw new Violation(
        'told-otherwise',
        `n${process.node} has ${told} ${what}, where ${String(other.value)} was ${other.told} at ${other.atUs} µs`,
      );
    }
    endOffset = Math.max(endOffset, offset + 1);
  }
  return { nowUs, process, id, leaderEpoch: view.leaderEpoch, told, endOffset, state };
}

function count({ state }: BrokerAnswer, errorCode: number): void {
  if (
    errorCode === kafkaErrors.NOT_ENOUGH_REPLICAS ||
    errorCode === kafkaErrors.NOT_ENOUGH_REPLICAS_AFTER_APPEND
  ) {
    state.counts.notEnoughReplicas += 1;
  }
}
