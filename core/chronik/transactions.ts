import { assert } from '../base/assert.ts';
import { type NodeId } from '../base/ids.ts';
import { encodeEndMarker } from '../wire/kafka/control-records.ts';
import { type BrokerMessage, type CallingClient } from './broker-protocol.ts';
import { type GroupAppend, offsetsTopic } from './group/port.ts';
import { partitionOfGroup } from './group/placement.ts';
import { type MetadataImage } from './metadata/image.ts';
import { type ProducerIds } from './producer-ids.ts';
import { type Replicas } from './replicas.ts';
import { type AppendEnd } from './replication/requests.ts';
import { type Replication } from './replication/replication.ts';
import { type Authorization } from './requests/authorization.ts';
import { keyOf } from './requests/context.ts';
import { transactionsTopic } from './requests/internal-topics.ts';
import { TransactionCoordinator } from './transaction/coordinator.ts';
import { type MarkedPartition, MarkerWriter } from './transaction/marker-writer.ts';
import { type MarkerMessage, type MarkerWrite } from './transaction/messages.ts';
import { type TransactionCall, type TransactionPort } from './transaction/port.ts';
import { type TransactionSettings } from './transaction/settings.ts';
import { noLeader, type Offset, type PartitionKey } from './types.ts';

/** What transactions are given by the broker that they belong to. */
export interface TransactionsGiven {
  readonly id: NodeId;
  readonly clock: { readonly nowUs: number; readonly wallMs: number };
  readonly image: MetadataImage;
  readonly replication: Replication;
  readonly replicas: Replicas;
  readonly authorization: Authorization;
  readonly producerIds: ProducerIds;
  readonly settings: TransactionSettings;
  /** To a partition of `__transaction_state`. */
  readonly append: (partition: number, batch: Uint8Array) => GroupAppend;
  readonly reply: (requestId: number, body: unknown) => void;
  readonly send: (to: NodeId, message: BrokerMessage) => void;
  /** A marker was appended to a partition of `__consumer_offsets`. */
  readonly offsetsMarked: (marker: MarkerWrite, endOffset: Offset) => void;
}

/** How long a marker waits for replicas before its coordinator is told that it is not known to be there. */
const markerTimeoutUs = 30_000_000;
const operations = { READ: 'read', WRITE: 'write', DESCRIBE: 'describe' } as const;
const resources = { TRANSACTIONAL_ID: 'transactionalId', TOPIC: 'topic', GROUP: 'group' } as const;

/** Both sides of transactions on this broker: their coordinator, and the markers in partitions that this broker leads. */
export class Transactions {
  readonly coordinator: TransactionCoordinator;
  readonly #given: TransactionsGiven;
  readonly #writer: MarkerWriter;
  /** What this broker has to say to itself: said behind the step's event. Emptied in every step. */
  #own: MarkerMessage[] = [];

  constructor(given: TransactionsGiven) {
    this.#given = given;
    const send = (to: NodeId, message: MarkerMessage): void => {
      if (to === given.id) this.#own.push(message);
      else given.send(to, message);
    };
    const { settings } = given;
    this.coordinator = new TransactionCoordinator({ settings, port: this.#coordinatorPort(send) });
    this.#writer = new MarkerWriter({
      ledPartition: (key) => this.#ledPartition(key),
      appendMarker: (marker, token) => this.#appendMarker(marker, token),
      send,
    });
  }

  request(requestId: number, call: TransactionCall, { id, principal, host }: CallingClient): void {
    const client = { id: id ?? '', principal, host };
    this.coordinator.request(requestId, call, client, this.#given.clock.nowUs);
  }

  received(from: NodeId, message: MarkerMessage): void {
    switch (message.kind) {
      case 'markerQuery':
        return this.#writer.query(from, message);
      case 'markerFound':
        return this.coordinator.markerFound(from, message);
      case 'markerWrite':
        return this.#writer.write(from, message);
      case 'markerWritten':
        return this.coordinator.markerWritten(message, this.#given.clock.nowUs);
    }
  }

  /** @returns whether this broker had something to say to itself */
  passOwn(): boolean {
    if (this.#own.length === 0) return false;
    const own = this.#own;
    this.#own = [];
    for (const message of own) this.received(this.#given.id, message);
    return true;
  }

  /** Of a marker that waited for replicas. */
  markerEnded(token: number, end: AppendEnd): void {
    this.#writer.appendEnded(token, end === 'NONE');
  }

  #coordinatorPort(send: TransactionPort['send']): TransactionPort {
    const { image, authorization, producerIds } = this.#given;
    return {
      partitionCount: () => image.topic(transactionsTopic)?.partitions.length ?? 0,
      offsetsPartition: (groupId) => {
        const count = image.topic(offsetsTopic)?.partitions.length ?? 0;
        return count === 0 ? undefined : partitionOfGroup(groupId, count);
      },
      append: this.#given.append,
      reply: this.#given.reply,
      allows: (client, { operation, resource, name }) =>
        authorization.allows(client, operations[operation], resources[resource], name),
      partitionKey: (topic, partition) => keyOf(image.topic(topic), partition),
      leaderOf: (key) => {
        const leader = image.partition(key)?.leader ?? noLeader;
        return leader === noLeader ? undefined : leader;
      },
      send,
      drawProducerId: (token) => {
        producerIds.draw((producerId) => {
          this.coordinator.producerIdDrawn(token, producerId, this.#given.clock.nowUs);
        });
      },
    };
  }

  #ledPartition(key: PartitionKey): MarkedPartition | undefined {
    const { replication, replicas } = this.#given;
    const view = replication.replica(key);
    const log = replicas.replica(key)?.log;
    if (view?.role !== 'leader' || log === undefined) return undefined;
    return {
      leaderEpoch: view.assignment.leaderEpoch,
      openTransaction: (producerId) => log.openTransaction(producerId),
    };
  }

  #appendMarker(marker: MarkerWrite, token: number): boolean {
    const { replication, clock, image } = this.#given;
    const { key, producerId, producerEpoch, committed, coordinatorEpoch } = marker;
    const outcome = committed ? 'commit' : 'abort';
    const timestampMs = clock.wallMs;
    const appended = replication.append({
      key,
      records: encodeEndMarker({ outcome, coordinatorEpoch, producerId, producerEpoch, timestampMs }),
      acks: -1,
      token: markerToken(token),
      deadlineUs: clock.nowUs + markerTimeoutUs,
      wallMs: clock.wallMs,
      origin: 'coordinator',
    });
    if (appended.kind === 'refused') return false;
    assert(appended.kind !== 'doubted', 'a marker has no sequence');
    if (image.topicByCreated(key.created)?.name === offsetsTopic)
      this.#given.offsetsMarked(marker, appended.endOffset);
    if (appended.kind === 'done') this.#writer.appendEnded(token, true);
    return true;
  }
}

/** Tokens of requests are positive: those of markers are told from them by their sign. */
export function markerToken(token: number): number {
  return -token;
}
