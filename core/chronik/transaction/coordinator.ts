import { unreachable } from '../../base/assert.ts';
import { type NodeId } from '../../base/ids.ts';
import { kafkaErrors, type KafkaError } from '../../wire/kafka/error-codes.ts';
import {
  type DescribeTransactionsRequest,
  type ListTransactionsRequest,
} from '../../wire/kafka/messages/transaction-admin.ts';
import {
  type AddOffsetsToTxnRequest,
  type AddPartitionsToTxnRequest,
  type EndTxnRequest,
  type InitProducerIdRequest,
} from '../../wire/kafka/messages/transactions.ts';
import { offsetsTopic, type GroupLog } from '../group/port.ts';
import { type LeaderEpoch, type Offset, type TopicPartition } from '../types.ts';
import { describeEntry, listEntries, undescribed } from './administration.ts';
import { type PendingChange, type TransactionEntry } from './entry.ts';
import { type LedPartition } from './led-partition.ts';
import { type CoordinatedId, TransactionLedger } from './ledger.ts';
import { type MarkerFound, type MarkerWritten } from './messages.ts';
import { type TransactionCall, type TransactionClient, type TransactionPort } from './port.ts';
import { refusalOfNewProducer } from './producer-checks.ts';
import { type TransactionSettings } from './settings.ts';
import { isDecided, producerEpochMax, type TransactionState, withPartitions } from './state.ts';

/** A new producer, for which an id is being drawn. */
interface Drawing {
  readonly led: LedPartition;
  readonly entry: TransactionEntry;
  readonly requestId: number;
  readonly timeoutMs: number;
}

/**
 * Transactions (KIP-98): what a transactional id has open, and how it ended. A broker coordinates the ids whose partition of
 * `__transaction_state` it leads; every change is a record there, and nothing follows from it, neither an answer nor a marker,
 * before the high watermark has passed it. Once an outcome is decided, markers are written until all partitions have theirs, by
 * whoever coordinates.
 *
 * A producer that comes back under its id takes the epoch after the one before: whatever an older one has open is aborted, and what it
 * still sends is refused (KIP-360, KIP-588).
 */
export class TransactionCoordinator {
  readonly #settings: TransactionSettings;
  readonly #port: TransactionPort;
  readonly #ledger: TransactionLedger;
  readonly #drawings = new Map<number, Drawing>();
  #token = 0;

  constructor(given: { readonly settings: TransactionSettings; readonly port: TransactionPort }) {
    this.#settings = given.settings;
    this.#port = given.port;
    this.#ledger = new TransactionLedger(given.settings, given.port);
  }

  /** When `tick` is to be called at the latest; 0: now. */
  get deadlineUs(): number {
    return this.#ledger.deadlineUs;
  }

  /** A client's request; its answer goes out through the port, at once or later. */
  request(requestId: number, call: TransactionCall, client: TransactionClient, nowUs: number): void {
    switch (call.api) {
      case 'initProducerId':
        return this.#initProducerId(requestId, call, client, nowUs);
      case 'addPartitionsToTxn':
        return this.#addPartitions(requestId, call, client, nowUs);
      case 'addOffsetsToTxn':
        return this.#addOffsets(requestId, call, client, nowUs);
      case 'endTxn':
        return this.#endTxn(requestId, call, client, nowUs);
      case 'describeTransactions':
        return this.#describe(requestId, call.body as DescribeTransactionsRequest, client);
      case 'listTransactions':
        return this.#list(requestId, call.body as ListTransactionsRequest, client);
      default:
        unreachable(call.api);
    }
  }

  /** This broker leads a partition of `__transaction_state`, in this epoch: its ids are read anew. */
  partitionLed(given: {
    readonly partition: number;
    readonly leaderEpoch: LeaderEpoch;
    readonly log: GroupLog;
  }): void {
    this.partitionLeft(given.partition);
    this.#ledger.partitionLed(given);
  }

  /** It leads it no more. Whoever waits is told to look for the coordinator again; another one goes on. */
  partitionLeft(partition: number): void {
    const led = this.#ledger.partitionLeft(partition);
    for (const [token, drawing] of this.#drawings) {
      if (drawing.led !== led) continue;
      this.#drawings.delete(token);
      this.#replyInit(drawing.requestId, 'NOT_COORDINATOR');
    }
  }

  /** Records below it are durable, and so is what rests on them. */
  highWatermarkMoved(partition: number, highWatermark: Offset, nowUs: number): void {
    this.#ledger.highWatermarkMoved(partition, highWatermark, nowUs);
  }

  /** @param producerId undefined: none could be had, for the present */
  producerIdDrawn(token: number, producerId: number | undefined, nowUs: number): void {
    const drawing = this.#drawings.get(token);
    if (drawing === undefined) return;
    this.#drawings.delete(token);
    const { led, entry, requestId, timeoutMs } = drawing;
    entry.drawing = false;
    if (producerId === undefined) {
      if (entry.state.producerId === -1) led.entries.delete(entry.transactionalId);
      return this.#replyInit(requestId, 'COORDINATOR_NOT_AVAILABLE');
    }
    this.#begin({ led, entry }, { producerId, producerEpoch: 0, timeoutMs }, { requestId, nowUs });
  }

  markerFound(from: NodeId, found: MarkerFound): void {
    this.#ledger.markerFound(from, found);
  }

  markerWritten(written: MarkerWritten, nowUs: number): void {
    this.#ledger.markerWritten(written, nowUs);
  }

  /** Wall time: stamps records, and decides which ids have expired. */
  wallClock(wallMs: number): void {
    this.#ledger.wallClock(wallMs);
  }

  /** A turn of loading; markers that were not answered; transactions that have lasted too long. */
  tick(nowUs: number): void {
    this.#ledger.tick(nowUs);
  }

  #initProducerId(
    requestId: number,
    { version, body }: TransactionCall,
    client: TransactionClient,
    nowUs: number,
  ): void {
    const request = body as InitProducerIdRequest;
    const { transactionalId, transactionTimeoutMs: timeoutMs } = request;
    if (transactionalId === undefined || transactionalId === '')
      return this.#replyInit(requestId, 'INVALID_REQUEST');
    if (!this.#allowsWrite(client, transactionalId))
      return this.#replyInit(requestId, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED');
    if (timeoutMs <= 0 || timeoutMs > this.#settings.timeoutMsMax)
      return this.#replyInit(requestId, 'INVALID_TRANSACTION_TIMEOUT');
    const led = this.#ledger.ledFor(transactionalId);
    if (typeof led === 'string') return this.#replyInit(requestId, led);
    const entry = led.entries.get(transactionalId) ?? this.#ledger.newId(led, transactionalId);
    if (entry === undefined) return this.#replyInit(requestId, 'POLICY_VIOLATION');
    if (entry.drawing || entry.pending !== undefined || isDecided(entry.state))
      return this.#replyInit(requestId, 'CONCURRENT_TRANSACTIONS');
    const refusal = refusalOfNewProducer(entry, request, version);
    if (refusal !== undefined) return this.#replyInit(requestId, refusal);
    if (entry.state.status === 'Ongoing') {
      this.#ledger.abort({ led, entry }, nowUs);
      return this.#replyInit(requestId, 'CONCURRENT_TRANSACTIONS');
    }
    const asked = { requestId, timeoutMs, claimedEpoch: request.producerEpoch, nowUs };
    this.#nextProducer({ led, entry }, asked);
  }

  #nextProducer(
    found: CoordinatedId,
    asked: {
      readonly requestId: number;
      readonly timeoutMs: number;
      readonly claimedEpoch: number;
      readonly nowUs: number;
    },
  ): void {
    const { requestId, timeoutMs, claimedEpoch } = asked;
    const { led, entry } = found;
    const { producerId, producerEpoch } = entry.state;
    // It was given the present epoch and did not hear of it: once more, and nobody is fenced.
    if (claimedEpoch !== -1 && claimedEpoch === entry.previousEpoch)
      return this.#replyInit(requestId, 'NONE', { producerId, producerEpoch });
    if (producerId !== -1 && producerEpoch < producerEpochMax)
      return this.#begin(found, { producerId, producerEpoch: producerEpoch + 1, timeoutMs }, asked);
    entry.drawing = true;
    this.#token += 1;
    this.#drawings.set(this.#token, { led, entry, requestId, timeoutMs });
    this.#port.drawProducerId(this.#token);
  }

  #begin(
    found: CoordinatedId,
    producer: { readonly producerId: number; readonly producerEpoch: number; readonly timeoutMs: number },
    { requestId, nowUs }: { readonly requestId: number; readonly nowUs: number },
  ): void {
    const { entry } = found;
    const previous = entry.state;
    const state: TransactionState = {
      ...producer,
      status: 'Empty',
      partitions: [],
      startedMs: -1,
      updatedMs: this.#ledger.wallMs,
    };
    const follows: Pick<PendingChange, 'then' | 'reply'> = {
      then: () => {
        entry.previousEpoch = previous.producerId === producer.producerId ? previous.producerEpoch : -1;
      },
      reply: (error) => this.#replyInit(requestId, error, error === 'NONE' ? producer : undefined),
    };
    const refusal = this.#ledger.change(found, state, follows, nowUs);
    if (refusal === undefined) return;
    if (previous.producerId === -1) found.led.entries.delete(entry.transactionalId);
    this.#replyInit(requestId, refusal);
  }

  #addPartitions(
    requestId: number,
    { version, body }: TransactionCall,
    client: TransactionClient,
    nowUs: number,
  ): void {
    const request = body as AddPartitionsToTxnRequest;
    const { v3AndBelowTransactionalId: id, v3AndBelowTopics: topics } = request;
    const claimed = {
      producerId: request.v3AndBelowProducerId,
      producerEpoch: request.v3AndBelowProducerEpoch,
    };
    const reply = (errorOf: (place: TopicPartition) => KafkaError): void => {
      const resultsByTopicV3AndBelow = topics.map(({ name, partitions }) => ({
        name,
        resultsByPartition: partitions.map((partitionIndex) => ({
          partitionIndex,
          partitionErrorCode: kafkaErrors[errorOf({ topic: name, partition: partitionIndex })],
        })),
      }));
      this.#port.reply(requestId, { throttleTimeMs: 0, resultsByTopicV3AndBelow });
    };
    if (!this.#allowsWrite(client, id)) return reply(() => 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED');
    const wrong = (place: TopicPartition): KafkaError | undefined => {
      if (!this.#port.allows(client, { operation: 'WRITE', resource: 'TOPIC', name: place.topic }))
        return 'TOPIC_AUTHORIZATION_FAILED';
      if (this.#port.partitionKey(place.topic, place.partition) === undefined)
        return 'UNKNOWN_TOPIC_OR_PARTITION';
      return undefined;
    };
    const places = topics.flatMap(({ name, partitions }) =>
      partitions.map((partition) => ({ topic: name, partition })),
    );
    if (places.some((place) => wrong(place) !== undefined))
      return reply((place) => wrong(place) ?? 'OPERATION_NOT_ATTEMPTED');
    const found = this.#ledger.find(id, claimed, version);
    if (typeof found === 'string') return reply(() => found);
    this.#enter(found, places, nowUs, (error) => reply(() => error));
  }

  #addOffsets(
    requestId: number,
    { version, body }: TransactionCall,
    client: TransactionClient,
    nowUs: number,
  ): void {
    const request = body as AddOffsetsToTxnRequest;
    const { transactionalId, groupId } = request;
    const reply = (error: KafkaError): void =>
      this.#port.reply(requestId, { throttleTimeMs: 0, errorCode: kafkaErrors[error] });
    if (!this.#allowsWrite(client, transactionalId)) return reply('TRANSACTIONAL_ID_AUTHORIZATION_FAILED');
    if (!this.#port.allows(client, { operation: 'READ', resource: 'GROUP', name: groupId }))
      return reply('GROUP_AUTHORIZATION_FAILED');
    const partition = this.#port.offsetsPartition(groupId);
    if (partition === undefined) return reply('COORDINATOR_NOT_AVAILABLE');
    const found = this.#ledger.find(transactionalId, request, version);
    if (typeof found === 'string') return reply(found);
    this.#enter(found, [{ topic: offsetsTopic, partition }], nowUs, reply);
  }

  /** Partitions take part in the transaction, which begins with the first of them. */
  #enter(
    found: CoordinatedId,
    places: readonly TopicPartition[],
    nowUs: number,
    reply: (error: KafkaError) => void,
  ): void {
    const { entry } = found;
    const { state } = entry;
    if (entry.pending !== undefined || isDecided(state)) return reply('CONCURRENT_TRANSACTIONS');
    const isOpen = state.status === 'Ongoing';
    const partitions = withPartitions(isOpen ? state.partitions : [], places);
    if (partitions === undefined) return reply('NONE');
    if (partitions.length > this.#settings.partitionsPerTransactionMax) return reply('POLICY_VIOLATION');
    const changed: TransactionState = {
      ...state,
      status: 'Ongoing',
      partitions,
      startedMs: isOpen ? state.startedMs : this.#ledger.wallMs,
      updatedMs: this.#ledger.wallMs,
    };
    // From the beginning, not from when it is durable: a client that hears nothing gives up by its own clock.
    if (!isOpen) this.#ledger.armTimeout(entry, nowUs);
    const refusal = this.#ledger.change(found, changed, { then: () => undefined, reply }, nowUs);
    if (refusal === undefined) return;
    if (!isOpen) entry.timeoutUs = Infinity;
    reply(refusal);
  }

  #endTxn(
    requestId: number,
    { version, body }: TransactionCall,
    client: TransactionClient,
    nowUs: number,
  ): void {
    const request = body as EndTxnRequest;
    const { transactionalId, committed } = request;
    const reply = (error: KafkaError): void =>
      this.#port.reply(requestId, { throttleTimeMs: 0, errorCode: kafkaErrors[error] });
    if (!this.#allowsWrite(client, transactionalId)) return reply('TRANSACTIONAL_ID_AUTHORIZATION_FAILED');
    const found = this.#ledger.find(transactionalId, request, version);
    if (typeof found === 'string') return reply(found);
    const { state, pending } = found.entry;
    if (pending !== undefined) return reply('CONCURRENT_TRANSACTIONS');
    switch (state.status) {
      case 'Ongoing':
        return this.#ledger.decide(found, { committed, fences: false, reply }, nowUs);
      case 'CompleteCommit':
        return reply(committed ? 'NONE' : 'INVALID_TXN_STATE');
      case 'CompleteAbort':
        return reply(committed ? 'INVALID_TXN_STATE' : 'NONE');
      case 'PrepareCommit':
        return reply(committed ? 'CONCURRENT_TRANSACTIONS' : 'INVALID_TXN_STATE');
      case 'PrepareAbort':
        return reply(committed ? 'INVALID_TXN_STATE' : 'CONCURRENT_TRANSACTIONS');
      case 'Empty':
      case 'Dead':
      case 'PrepareEpochFence':
        return reply('INVALID_TXN_STATE');
      default:
        unreachable(state.status);
    }
  }

  #describe(requestId: number, request: DescribeTransactionsRequest, client: TransactionClient): void {
    const transactionStates = request.transactionalIds.map((id) => {
      if (!this.#port.allows(client, { operation: 'DESCRIBE', resource: 'TRANSACTIONAL_ID', name: id }))
        return undescribed(id, kafkaErrors.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
      const led = this.#ledger.ledFor(id);
      if (typeof led === 'string') return undescribed(id, kafkaErrors[led]);
      const entry = led.entries.get(id);
      return entry === undefined
        ? undescribed(id, kafkaErrors.TRANSACTIONAL_ID_NOT_FOUND)
        : describeEntry(entry);
    });
    this.#port.reply(requestId, { throttleTimeMs: 0, transactionStates });
  }

  #list(requestId: number, request: ListTransactionsRequest, client: TransactionClient): void {
    const seen: TransactionEntry[] = [];
    for (const entry of this.#ledger.entries()) {
      const name = entry.transactionalId;
      if (this.#port.allows(client, { operation: 'DESCRIBE', resource: 'TRANSACTIONAL_ID', name }))
        seen.push(entry);
    }
    this.#port.reply(requestId, listEntries(seen, request, this.#ledger.wallMs));
  }

  #allowsWrite(client: TransactionClient, name: string): boolean {
    return this.#port.allows(client, { operation: 'WRITE', resource: 'TRANSACTIONAL_ID', name });
  }

  #replyInit(
    requestId: number,
    error: KafkaError,
    producer: { readonly producerId: number; readonly producerEpoch: number } = {
      producerId: -1,
      producerEpoch: -1,
    },
  ): void {
    const { producerId, producerEpoch } = producer;
    this.#port.reply(requestId, {
      throttleTimeMs: 0,
      errorCode: kafkaErrors[error],
      producerId,
      producerEpoch,
    });
  }
}
