import { assert } from '../../base/assert.ts';
import { usPerMs } from '../../base/units.ts';
import { type ProduceRequest, type ProduceResponse } from '../../wire/kafka/messages/produce.ts';
import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import { type AppendEnd } from '../replication/requests.ts';
import { errorNumber } from './errors.ts';
import { isInternalTopic } from './internal-topics.ts';
import { type Arrival, keyOf, type RequestContext } from './context.ts';

type TopicResponse = ProduceResponse['responses'][number];
type PartitionResponse = TopicResponse['partitionResponses'][number];
type PartitionRecords = ProduceRequest['topicData'][number]['partitionData'][number]['records'];
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A produce request on its way: its answer leaves when its last partition has what was asked for. */
interface Pending {
  readonly arrival: Arrival<ProduceRequest>;
  readonly responses: readonly TopicResponse[];
  readonly throttleMs: number;
  left: number;
}

/** One of its partitions that waits. */
interface Waiting {
  readonly pending: Pending;
  readonly response: Mutable<PartitionResponse>;
}

/** Versions below hold formats older than the record batch of KIP-98; they are only named for clients that look for them. */
const versionMin = 3;
const noOffset = -1;

/**
 * Produce: batches go to the logs of their partitions' leaders as they are. The answer says what became of each partition, and
 * leaves when every one of them is as durable as `acks` asks for, or cannot be.
 *
 * Source: KIP-98 (batches, idempotence), KIP-467 (messages for people).
 */
export class ProduceRequests {
  readonly #context: RequestContext;
  /** By token. Bounded by replication, which refuses appends beyond its bound. */
  readonly #waiting = new Map<number, Waiting>();

  constructor(context: RequestContext) {
    this.#context = context;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  requested(arrival: Arrival<ProduceRequest>): void {
    const { body, client } = arrival;
    const refusal = this.#refusalOf(arrival);
    let bytes = 0;
    const responses: TopicResponse[] = [];
    const waits: { readonly token: number; readonly response: Mutable<PartitionResponse> }[] = [];
    for (const { name, partitionData } of body.topicData) {
      const partitionResponses: Mutable<PartitionResponse>[] = [];
      const topicRefusal = refusal ?? this.#topicRefusalOf(name, arrival);
      for (const { index, records } of partitionData) {
        bytes += recordsBytes(records);
        const response = blankResponse(index);
        partitionResponses.push(response);
        if (topicRefusal !== undefined) response.errorCode = topicRefusal;
        else {
          const token = this.#append(arrival, { name, index, records, response });
          if (token !== undefined) waits.push({ token, response });
        }
      }
      responses.push({ name, partitionResponses });
    }
    const { principal, id: clientId } = client;
    const used = { principal, clientId, bytes };
    const throttleMs = this.#context.quotas.use('producer_byte_rate', used, this.#context.nowUs);
    const pending: Pending = { arrival, responses, throttleMs, left: waits.length };
    for (const { token, response } of waits) this.#waiting.set(token, { pending, response });
    if (pending.left === 0) this.#answer(pending);
  }

  /** A partition that waited is as durable as was asked for, or cannot be. */
  appendEnded(token: number, end: AppendEnd): void {
    const waiting = this.#waiting.get(token);
    assert(waiting !== undefined, 'an append ends once');
    this.#waiting.delete(token);
    const { pending, response } = waiting;
    if (end !== 'NONE') {
      response.errorCode = kafkaErrors[end];
      response.baseOffset = noOffset;
      // What was said of the batch's sequence holds only where that is why it is refused.
      if (end !== 'OUT_OF_ORDER_SEQUENCE_NUMBER') response.errorMessage = undefined;
    }
    pending.left -= 1;
    if (pending.left === 0) this.#answer(pending);
  }

  /** Of the request as a whole. */
  #refusalOf({ version, body, client }: Arrival<ProduceRequest>): number | undefined {
    if (version < versionMin) return kafkaErrors.UNSUPPORTED_FOR_MESSAGE_FORMAT;
    if (body.acks !== -1 && body.acks !== 0 && body.acks !== 1) return kafkaErrors.INVALID_REQUIRED_ACKS;
    const { transactionalId } = body;
    if (transactionalId === undefined) return undefined;
    const mayWrite = this.#context.authorization.allows(client, 'write', 'transactionalId', transactionalId);
    return mayWrite ? undefined : kafkaErrors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
  }

  #topicRefusalOf(name: string, { client }: Arrival<ProduceRequest>): number | undefined {
    if (!this.#context.authorization.allows(client, 'write', 'topic', name)) {
      return kafkaErrors.TOPIC_AUTHORIZATION_FAILED;
    }
    // What is in these topics is the brokers' own: a record of a client's could not be read by the next coordinator.
    return isInternalTopic(name) ? kafkaErrors.INVALID_TOPIC_EXCEPTION : undefined;
  }

  /** @returns under which token it waits; undefined: it does not */
  #append(
    { body }: Arrival<ProduceRequest>,
    given: {
      readonly name: string;
      readonly index: number;
      readonly records: PartitionRecords;
      readonly response: Mutable<PartitionResponse>;
    },
  ): number | undefined {
    const { records, response } = given;
    const key = keyOf(this.#context.image.topic(given.name), given.index);
    if (key === undefined) {
      response.errorCode = kafkaErrors.UNKNOWN_TOPIC_OR_PARTITION;
      return undefined;
    }
    if (!(records instanceof Uint8Array) || records.length === 0) {
      response.errorCode = kafkaErrors.INVALID_RECORD;
      response.errorMessage = 'there is no record batch for this partition';
      return undefined;
    }
    const token = this.#context.nextToken();
    const outcome = this.#context.replication.append({
      key,
      records,
      acks: body.acks as -1 | 0 | 1,
      token,
      deadlineUs: this.#context.nowUs + Math.max(body.timeoutMs, 0) * usPerMs,
      wallMs: this.#context.wallMs,
      origin: 'client',
    });
    response.logStartOffset = outcome.logStartOffset;
    if (outcome.kind === 'refused') {
      response.errorCode = errorNumber(outcome.error);
      response.errorMessage = outcome.message;
      return undefined;
    }
    if (outcome.kind === 'doubted') {
      response.errorMessage = outcome.message;
      return token;
    }
    response.baseOffset = outcome.baseOffset;
    response.logAppendTimeMs = outcome.logAppendTimeMs;
    return outcome.kind === 'waits' ? token : undefined;
  }

  #answer({ arrival, responses, throttleMs }: Pending): void {
    const { requestId, body } = arrival;
    if (body.acks !== 0) {
      this.#context.answer<'produce'>(requestId, { responses, throttleTimeMs: throttleMs }, throttleMs);
      return;
    }
    const failed = responses.some(({ partitionResponses }) =>
      partitionResponses.some(({ errorCode }) => errorCode !== kafkaErrors.NONE),
    );
    if (!failed) this.#context.silence(requestId);
    // The only word that the protocol leaves: the producer asks for the metadata anew when it connects again.
    else this.#context.disconnect(requestId, 'a produce request with acks=0 failed');
  }
}

function blankResponse(index: number): Mutable<PartitionResponse> {
  return {
    index,
    errorCode: kafkaErrors.NONE,
    baseOffset: noOffset,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: [],
    errorMessage: undefined,
  };
}

function recordsBytes(records: PartitionRecords): number {
  return records instanceof Uint8Array ? records.length : 0;
}
