import { present } from '../../../core/base/assert.ts';
import { bytesFromLatin1, latin1FromBytes } from '../../../core/base/bytes.ts';
import { type CallingClient } from '../../../core/chronik/broker-protocol.ts';
import { type BrokerSettings } from '../../../core/chronik/settings.ts';
import { type KafkaError, kafkaErrorOf } from '../../../core/wire/kafka/error-codes.ts';
import { scanBatches } from '../../../core/wire/kafka/record-batch.ts';
import { decodeRecords, encodeBatch, type NewBatch } from '../../../core/wire/kafka/records.ts';
import { TestBrokers } from './three-brokers.ts';

export const topic = 'orders';

/** About what the brokers' wall clocks show: records of another age would begin another segment. */
const timestampMs = 1_700_000_000_000;

export interface Produced {
  readonly error: KafkaError;
  readonly offset: number;
}

/** Everybody is there, and so is a topic of one partition that all of them keep. */
export function brokersWithTopic(
  size = 3,
  given: {
    readonly settings?: Partial<BrokerSettings>;
    readonly configs?: readonly (readonly [string, string])[];
    readonly partitions?: number;
  } = {},
): TestBrokers {
  const brokers = new TestBrokers(size, given.settings);
  brokers.ready();
  const { topics } = brokers.call(1, 'createTopics', {
    topics: [
      {
        name: topic,
        numPartitions: given.partitions ?? 1,
        replicationFactor: size,
        configs: (given.configs ?? []).map(([name, value]) => ({ name, value })),
      },
    ],
  });
  const [created] = topics;
  if (created?.errorCode !== 0) throw new Error(`not made: ${created?.errorMessage}`);
  brokers.runUntil(() => everybodyKnows(brokers, topic));
  return brokers;
}

/** All brokers that run have applied the same leader of the topic's first partition, and it runs. */
export function everybodyKnows(brokers: TestBrokers, name: string): boolean {
  const leader = brokers.leaderOf(name);
  if (leader === 0) return false;
  return [...brokers.nodes.values()]
    .filter(({ up }) => up)
    .every(({ broker: { view } }) => {
      const mine = view.partition({ topic: name, partition: 0 });
      return view.image.topic(name)?.partitions[0]?.leader === leader && mine?.leader === leader;
    });
}

export function batchOf(values: readonly string[], over: Partial<NewBatch> = {}): Uint8Array {
  const records = values.map((value) => ({ timestampMs, value: bytesFromLatin1(value) }));
  return encodeBatch({ records, ...over });
}

export function produce(
  brokers: TestBrokers,
  id: number,
  values: readonly string[],
  given: {
    readonly acks?: number;
    readonly name?: string;
    readonly timeoutMs?: number;
    readonly batch?: Partial<NewBatch>;
    readonly transactionalId?: string;
    readonly client?: CallingClient;
  } = {},
): Produced {
  const { acks = -1, name = topic, timeoutMs = 10_000, batch, transactionalId, client } = given;
  const { responses } = brokers.call(
    id,
    'produce',
    {
      acks,
      timeoutMs,
      transactionalId,
      topicData: [{ name, partitionData: [{ index: 0, records: batchOf(values, batch) }] }],
    },
    client === undefined ? {} : { client },
  );
  const partition = present(responses[0]?.partitionResponses[0], 'a partition is answered');
  return { error: kafkaErrorOf(partition.errorCode), offset: partition.baseOffset };
}

/** Values from an offset on, as many as one answer has. @throws where the partition's answer is an error */
export function fetch(
  brokers: TestBrokers,
  id: number,
  given: {
    readonly offset?: number;
    readonly committed?: boolean;
    readonly maxWaitMs?: number;
    readonly name?: string;
  } = {},
): readonly string[] {
  const { offset: fetchOffset = 0, name = topic } = given;
  const { responses } = brokers.call(id, 'fetch', {
    maxWaitMs: given.maxWaitMs ?? 100,
    minBytes: 1,
    maxBytes: 1_000_000,
    isolationLevel: given.committed === true ? 1 : 0,
    topics: [{ topic: name, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000 }] }],
  });
  const partition = present(responses[0]?.partitions[0], 'a partition is answered');
  if (partition.errorCode !== 0) throw new Error(kafkaErrorOf(partition.errorCode));
  if (!(partition.records instanceof Uint8Array)) return [];
  const { abortedTransactions } = partition;
  /** Where the last marker of each producer is: what was aborted before it is over. */
  const ended = new Map<number, number>();
  return scanBatches(partition.records).batches.flatMap((batch) => {
    const { producerId, baseOffset } = batch;
    if (batch.isControl) {
      ended.set(producerId, baseOffset);
      return [];
    }
    const isAborted = abortedTransactions?.some(
      ({ producerId: by, firstOffset }) =>
        by === producerId && firstOffset <= baseOffset && firstOffset > (ended.get(by) ?? -1),
    );
    if (isAborted === true) return [];
    return decodeRecords(batch)
      .filter(({ offset }) => offset >= fetchOffset)
      .map(({ value }) => latin1FromBytes(present(value, 'a record has a value')));
  });
}
