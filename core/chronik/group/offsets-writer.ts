import { present } from '../../base/assert.ts';
import { usPerMs } from '../../base/units.ts';
import { type KafkaError, kafkaErrors } from '../../wire/kafka/error-codes.ts';
import { type GroupClock } from './clock.ts';
import { type AfterAppend, type LedPartition } from './led-partition.ts';
import { OffsetsBatches, type TransactionalProducer } from './offsets-batches.ts';
import { type OffsetRecord, type OffsetsRecord } from './offset-records.ts';
import { type GroupPort } from './port.ts';
import { type GroupSettings } from './settings.ts';

/** Appends records to `__consumer_offsets`, and says in coordinators' terms why it could not. */
export class OffsetsWriter {
  readonly #settings: GroupSettings;
  readonly #port: GroupPort;
  readonly #clock: GroupClock;
  readonly #batches = new OffsetsBatches();

  constructor(given: {
    readonly settings: GroupSettings;
    readonly port: GroupPort;
    readonly clock: GroupClock;
  }) {
    this.#settings = given.settings;
    this.#port = given.port;
    this.#clock = given.clock;
  }

  /** All of them or none; they take effect when they are durable. @returns why nothing was appended, or `NONE` */
  append(led: LedPartition, records: readonly OffsetsRecord[], after: AfterAppend): KafkaError {
    if (led.full) return 'COORDINATOR_NOT_AVAILABLE';
    const appended = this.#port.append(led.partition, this.#batches.encode(records, this.#wallMs));
    if (appended.kind === 'refused') return coordinatorError(appended.error);
    const { endOffset } = appended;
    led.pend({ endOffset, change: { kind: 'records', records }, deadlineUs: this.#deadlineUs, after });
    return 'NONE';
  }

  /** The same in a producer's transaction: they count when it commits. */
  appendTransactional(
    led: LedPartition,
    producer: TransactionalProducer,
    records: readonly OffsetRecord[],
    after: AfterAppend,
  ): KafkaError {
    if (led.full) return 'COORDINATOR_NOT_AVAILABLE';
    const batch = this.#batches.encode(records, this.#wallMs, producer);
    const appended = this.#port.append(led.partition, batch);
    if (appended.kind === 'refused') return coordinatorError(appended.error);
    const { endOffset } = appended;
    led.pend({ endOffset, change: { kind: 'transactional', records }, deadlineUs: this.#deadlineUs, after });
    const firstOffset = endOffset - records.length;
    records.forEach((record, at) => {
      led.stage(producer.id, record, firstOffset + at);
    });
    return 'NONE';
  }

  get #wallMs(): number {
    return present(this.#clock.wallMs, 'groups are read once the wall time is known');
  }

  get #deadlineUs(): number {
    return this.#clock.nowUs + this.#settings.offsetCommitTimeoutMs * usPerMs;
  }
}

/** What a coordinator says for an error of the log that it writes to, as Kafka's does. */
function coordinatorError(error: string): KafkaError {
  switch (error) {
    case 'UNKNOWN_TOPIC_OR_PARTITION':
    case 'NOT_ENOUGH_REPLICAS':
    case 'NOT_ENOUGH_REPLICAS_AFTER_APPEND':
      return 'COORDINATOR_NOT_AVAILABLE';
    case 'NOT_LEADER_OR_FOLLOWER':
    case 'FENCED_LEADER_EPOCH':
    case 'KAFKA_STORAGE_ERROR':
      return 'NOT_COORDINATOR';
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
    case 'INVALID_FETCH_SIZE':
      return 'INVALID_COMMIT_OFFSET_SIZE';
    default:
      return error in kafkaErrors ? (error as KafkaError) : 'UNKNOWN_SERVER_ERROR';
  }
}
