import { apis } from '../../../core/wire/kafka/apis.ts';
import { isRetriable, kafkaErrorOf } from '../../../core/wire/kafka/error-codes.ts';
import { sequencePlus } from '../../../core/wire/kafka/record-batch.ts';
import { encodeBatch, type NewRecord } from '../../../core/wire/kafka/records.ts';
import { type KafkaCluster } from './cluster.ts';
import { compressed, type OwnCompression } from './compression.ts';
import { KafkaClientError, refusedBy } from './errors.ts';
import { partitionOfKey } from './partitioner.ts';

export interface ProducerOptions {
  /** −1: all in-sync replicas; 1: the leader; 0: nobody says. */
  readonly acks: -1 | 0 | 1;
  readonly compression: OwnCompression;
  /** How long the leader may wait for the others. */
  readonly timeoutMs: number;
}

export interface Appended {
  readonly partition: number;
  /** Of the first record; −1 with acks 0. */
  readonly baseOffset: number;
  readonly count: number;
}

interface ProducerIdentity {
  readonly id: number;
  readonly epoch: number;
}

/**
 * Appends records to topics. With acks −1 it is an idempotent producer (KIP-98): what is sent again because its answer was
 * lost is in the log once. One batch of a partition is under way at a time.
 */
export class Producer {
  readonly #cluster: KafkaCluster;
  readonly #options: ProducerOptions;
  #identity: ProducerIdentity | undefined;
  /** Of the next record, by topic and partition. */
  readonly #sequences = new Map<string, number>();
  /** Where records without a key go next, by topic. */
  readonly #turns = new Map<string, number>();

  constructor(cluster: KafkaCluster, options: ProducerOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  /**
   * Appends records: by key, without one all of them to the next partition in turn, or where it is said.
   *
   * @throws KafkaClientError when some are not appended; of outcome `unknown` when they may be
   */
  async send(topic: string, records: readonly NewRecord[], partition?: number): Promise<readonly Appended[]> {
    const { partitions } = await this.#cluster.topic(topic);
    const turn = (this.#turns.get(topic) ?? Math.floor(Math.random() * partitions.length)) + 1;
    this.#turns.set(topic, turn);
    const shares = new Map<number, NewRecord[]>();
    for (const record of records) {
      const place =
        partition ??
        (record.key === undefined ? turn % partitions.length : partitionOfKey(record.key, partitions.length));
      const share = shares.get(place);
      if (share === undefined) shares.set(place, [record]);
      else share.push(record);
    }
    return Promise.all([...shares].map(([place, share]) => this.#append(topic, place, share)));
  }

  async #append(topic: string, partition: number, records: readonly NewRecord[]): Promise<Appended> {
    const place = `${topic}-${partition}`;
    const identity = this.#options.acks === -1 ? await this.#identify() : undefined;
    const sequence = this.#sequences.get(place) ?? 0;
    const { compression } = this.#options;
    const batch = encodeBatch({
      records,
      ...(identity === undefined
        ? {}
        : { producerId: identity.id, producerEpoch: identity.epoch, baseSequence: sequence }),
      compression: { codec: compression, compress: (bytes) => compressed(compression, bytes) },
    });
    const baseOffset =
      this.#options.acks === 0
        ? await this.#tell(topic, partition, batch)
        : await this.#ask(topic, partition, batch);
    this.#sequences.set(place, sequencePlus(sequence, records.length));
    return { partition, baseOffset, count: records.length };
  }

  async #ask(topic: string, partition: number, records: Uint8Array): Promise<number> {
    const { acks, timeoutMs } = this.#options;
    const body = apis.produce.request.create({
      acks,
      timeoutMs,
      topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
    });
    const answer = await this.#cluster.call({ kind: 'leader', topic, partition }, 'produce', body, {
      idempotent: acks === -1,
      waitMs: timeoutMs,
      errorOf: ({ responses }) => {
        const own = responses[0]?.partitionResponses[0];
        if (own === undefined) throw new KafkaClientError('the answer names no partition', 'unknown');
        const error = kafkaErrorOf(own.errorCode);
        // It was appended before, and the answer was lost.
        if (error === 'DUPLICATE_SEQUENCE_NUMBER') return 'NONE';
        if (error === 'NONE' || isRetriable(error)) return error;
        throw refusedBy(`${topic}-${partition}`, error, own.errorMessage);
      },
    });
    return answer.responses[0]?.partitionResponses[0]?.baseOffset ?? -1;
  }

  async #tell(topic: string, partition: number, records: Uint8Array): Promise<number> {
    const body = apis.produce.request.create({
      acks: 0,
      timeoutMs: this.#options.timeoutMs,
      topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
    });
    const leader = await this.#cluster.leaderOf(topic, partition);
    const connection = await this.#cluster.connectionTo(leader, this.#options.timeoutMs);
    connection.tell('produce', body);
    await connection.flushed();
    return -1;
  }

  async #identify(): Promise<ProducerIdentity> {
    if (this.#identity !== undefined) return this.#identity;
    const body = apis.initProducerId.request.create({
      transactionalId: undefined,
      transactionTimeoutMs: 60_000,
    });
    const answer = await this.#cluster.call({ kind: 'any' }, 'initProducerId', body);
    this.#identity ??= { id: answer.producerId, epoch: answer.producerEpoch };
    return this.#identity;
  }
}
