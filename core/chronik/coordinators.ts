import { assert } from '../base/assert.ts';
import { type Prng } from '../base/prng.ts';
import { usPerSecond } from '../base/units.ts';
import { type SegmentReader } from '../storage/segment-files.ts';
import { noBytes } from '../base/bytes.ts';
import { type BrokerMessage } from './broker-protocol.ts';
import { GroupCoordinator } from './group/coordinator.ts';
import {
  type GroupAppend,
  type GroupClient,
  type GroupLog,
  type GroupPermission,
  offsetsTopic,
} from './group/port.ts';
import { type GroupSettings } from './group/settings.ts';
import { type MetadataImage } from './metadata/image.ts';
import { noToken } from './notices.ts';
import { type ProducerIds } from './producer-ids.ts';
import { type Replicas } from './replicas.ts';
import { type Replication } from './replication/replication.ts';
import { type Authorization } from './requests/authorization.ts';
import { keyOf } from './requests/context.ts';
import { transactionsTopic } from './requests/internal-topics.ts';
import { type StepOutput } from './step-output.ts';
import { markerToken, Transactions } from './transactions.ts';
import { type TransactionSettings } from './transaction/settings.ts';
import { type AppendEnd } from './replication/requests.ts';
import { type NodeId } from '../base/ids.ts';
import { type LeaderEpoch, type Offset, type PartitionKey, partitionKeyText } from './types.ts';

/** What coordinators are given by the broker that they belong to. */
export interface CoordinatorsGiven {
  readonly id: NodeId;
  readonly clock: { readonly nowUs: number; readonly wallMs: number };
  readonly image: MetadataImage;
  readonly replication: Replication;
  readonly replicas: Replicas;
  readonly segments: SegmentReader;
  readonly authorization: Authorization;
  readonly output: StepOutput;
  readonly producerIds: ProducerIds;
  readonly groupSettings: GroupSettings;
  readonly transactionSettings: TransactionSettings;
  readonly prng: Prng;
}

/** A coordinator looks at the high watermark, not at how an append of its own ends: it ends when that has passed it. */
const appendWaitUs = 60 * usPerSecond;
const operations = { READ: 'read', WRITE: 'write', DESCRIBE: 'describe', DELETE: 'delete' } as const;
const resources = { GROUP: 'group', TOPIC: 'topic', TRANSACTIONAL_ID: 'transactionalId' } as const;

/** This broker's coordinators: each is told of the partitions of its topic that this broker leads, and appends to them. */
export class Coordinators {
  readonly groups: GroupCoordinator;
  readonly transactions: Transactions;
  readonly #given: CoordinatorsGiven;
  /** Partitions of coordinators' topics that this broker leads, by `partitionKeyText`: the topic may be gone when they end. */
  readonly #led = new Map<string, { readonly topic: string; readonly partition: number }>();

  constructor(given: CoordinatorsGiven) {
    this.#given = given;
    this.groups = new GroupCoordinator({
      settings: given.groupSettings,
      prng: given.prng.fork('groups'),
      port: {
        partitionCount: () => given.image.topic(offsetsTopic)?.partitions.length ?? 0,
        append: (partition, batch) => this.#append(offsetsTopic, partition, batch),
        reply: (requestId, body) => {
          given.output.reply(requestId, { kind: 'answered', body, throttleMs: 0 });
        },
        allows: (client, permission) => this.#allows(client, permission),
        authorizedOperations: (client, groupId) =>
          given.authorization.operationBits(client, 'group', groupId),
        partitionExists: (topic, partition) => keyOf(given.image.topic(topic), partition) !== undefined,
      },
    });
    this.transactions = new Transactions({
      ...given,
      settings: given.transactionSettings,
      append: (partition, batch) => this.#append(transactionsTopic, partition, batch),
      reply: (requestId, body) => {
        given.output.reply(requestId, { kind: 'answered', body, throttleMs: 0 });
      },
      send: (to: NodeId, message: BrokerMessage) => given.output.send(to, message),
      offsetsMarked: ({ key, producerId, producerEpoch, committed }, endOffset) => {
        this.groups.markerAppended({
          partition: key.partition,
          producerId,
          producerEpoch,
          committed,
          endOffset,
        });
      },
    });
  }

  /** When `tick` is to be called at the latest. */
  get deadlineUs(): number {
    return Math.min(this.groups.deadlineUs, this.transactions.coordinator.deadlineUs);
  }

  tick(nowUs: number): void {
    const { coordinator } = this.transactions;
    if (this.groups.deadlineUs <= nowUs) this.groups.tick(nowUs);
    if (coordinator.deadlineUs <= nowUs) coordinator.tick(nowUs);
  }

  wallClock(wallMs: number): void {
    this.groups.wallClock(wallMs);
    this.transactions.coordinator.wallClock(wallMs);
  }

  /** Of a coordinator's own append that waited for replicas: a marker's. */
  appendEnded(token: number, end: AppendEnd): void {
    this.transactions.markerEnded(markerToken(token), end);
  }

  partitionLed(key: PartitionKey, leaderEpoch: LeaderEpoch, nowUs: number): void {
    const topic = this.#given.image.topicByCreated(key.created)?.name;
    if (topic !== offsetsTopic && topic !== transactionsTopic) return;
    const { partition } = key;
    this.#led.set(partitionKeyText(key), { topic, partition });
    const led = { partition, leaderEpoch, log: this.#logOf(key) };
    if (topic === offsetsTopic) this.groups.partitionLed(led, nowUs);
    else this.transactions.coordinator.partitionLed(led);
  }

  partitionLeft(key: PartitionKey): void {
    const text = partitionKeyText(key);
    const led = this.#led.get(text);
    if (led === undefined) return;
    this.#led.delete(text);
    if (led.topic === offsetsTopic) this.groups.partitionLeft(led.partition);
    else this.transactions.coordinator.partitionLeft(led.partition);
  }

  highWatermarkMoved(key: PartitionKey, highWatermark: Offset, nowUs: number): void {
    const led = this.#led.get(partitionKeyText(key));
    if (led === undefined) return;
    const coordinator = led.topic === offsetsTopic ? this.groups : this.transactions.coordinator;
    coordinator.highWatermarkMoved(led.partition, highWatermark, nowUs);
  }

  #append(topic: string, partition: number, batch: Uint8Array): GroupAppend {
    const { image, replication, clock } = this.#given;
    const key = keyOf(image.topic(topic), partition);
    if (key === undefined) return { kind: 'refused', error: 'UNKNOWN_TOPIC_OR_PARTITION' };
    const outcome = replication.append({
      key,
      records: batch,
      acks: -1,
      token: noToken,
      deadlineUs: clock.nowUs + appendWaitUs,
      wallMs: clock.wallMs,
      origin: 'coordinator',
    });
    if (outcome.kind === 'refused') return { kind: 'refused', error: outcome.error };
    assert(outcome.kind !== 'doubted', 'what coordinators write has no sequence');
    return { kind: 'appended', endOffset: outcome.endOffset };
  }

  #allows(client: GroupClient, { operation, resource, name }: GroupPermission): boolean {
    return this.#given.authorization.allows(client, operations[operation], resources[resource], name);
  }

  #logOf(key: PartitionKey): GroupLog {
    const { replicas, replication, segments } = this.#given;
    const log = () => replicas.replica(key)?.log;
    const highWatermark = () => replication.replica(key)?.highWatermark ?? 0;
    return {
      get logStartOffset() {
        return log()?.logStartOffset ?? 0;
      },
      get highWatermark() {
        return highWatermark();
      },
      get logEndOffset() {
        return log()?.logEndOffset ?? 0;
      },
      read: (fromOffset, bytesMax) => {
        const range = { fromOffset, toOffset: highWatermark(), bytesMax, minOneBatch: true };
        const slice = log()?.read(range);
        if (slice === undefined) return noBytes;
        return segments.read(slice.file, slice.positionBytes, slice.lengthBytes);
      },
    };
  }
}
