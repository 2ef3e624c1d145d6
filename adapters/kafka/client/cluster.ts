import { setTimeout as pause } from 'node:timers/promises';

import { type ApiName, apis, type RequestOf, type ResponseOf } from '../../../core/wire/kafka/apis.ts';
import { isRetriable, type KafkaError, kafkaErrorOf } from '../../../core/wire/kafka/error-codes.ts';
import { type Address, formatAddress } from '../../config/address.ts';
import { BrokerConnection } from './connection.ts';
import { KafkaClientError, refusedBy } from './errors.ts';
import { type KafkaClientOptions } from './options.ts';

/** Whom to ask. A group or a transactional id has a coordinator; what any broker may be asked has none. */
export type Target =
  | { readonly kind: 'any' }
  | { readonly kind: 'controller' }
  | { readonly kind: 'broker'; readonly id: number }
  | { readonly kind: 'leader'; readonly topic: string; readonly partition: number }
  | { readonly kind: 'group'; readonly id: string };

export interface CallOptions<A extends ApiName> {
  /** The error of an answer, where it has one for all of it; undefined: it has none. */
  readonly errorOf?: (body: ResponseOf<A>) => KafkaError | undefined;
  /** A call that may be carried out twice without harm is sent again when its answer is lost. Default: it may. */
  readonly idempotent?: boolean;
  /** How long the broker itself may take; the answer is waited for a little longer. */
  readonly waitMs?: number;
  readonly versionMax?: number;
}

export interface PartitionPlace {
  readonly partition: number;
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
  readonly offline: readonly number[];
}

export interface TopicPlace {
  readonly name: string;
  readonly topicId: string;
  readonly isInternal: boolean;
  /** By number. */
  readonly partitions: readonly PartitionPlace[];
}

/** Between attempts: doubling, from the first to the last of these. */
const pauseMsMin = 50;
const pauseMsMax = 1_000;
/** A broker that cannot be reached for so long is not waited for any longer: another may have taken its place. */
const connectMsMax = 5_000;
/** What a broker may take beyond what it was given. */
const graceMs = 2_000;
const coordinatorOfGroup = 0;

/** Where an answer is lost, these may have changed something. */
const changing: ReadonlySet<ApiName> = new Set<ApiName>([
  'produce',
  'offsetCommit',
  'offsetDelete',
  'createTopics',
  'deleteTopics',
  'createPartitions',
  'deleteRecords',
  'alterConfigs',
  'incrementalAlterConfigs',
  'alterPartitionReassignments',
  'electLeaders',
  'createAcls',
  'deleteAcls',
  'deleteGroups',
  'alterClientQuotas',
  'alterUserScramCredentials',
]);

/**
 * All brokers of a cluster, found by asking some: looks up leaders and coordinators, connects to each broker once, and tries
 * again, for `timeoutMs` at most, where another attempt may do better.
 */
export class KafkaCluster {
  readonly #options: KafkaClientOptions;
  readonly #connections = new Map<string, Promise<BrokerConnection>>();
  #brokers = new Map<number, Address>();
  #controller = -1;
  readonly #topics = new Map<string, TopicPlace>();
  readonly #coordinators = new Map<string, number>();
  #closed = false;

  constructor(options: KafkaClientOptions) {
    this.#options = options;
  }

  close(): void {
    this.#closed = true;
    for (const pending of this.#connections.values()) {
      // One that never opened has told whoever waits for it.
      pending.then(
        (connection) => connection.close(),
        () => undefined,
      );
    }
    this.#connections.clear();
  }

  /**
   * Asks, again and again where that helps, until there is an answer without a retriable error.
   *
   * @throws KafkaClientError; of outcome `unknown` where it was sent, may not be repeated, and no answer came
   */
  async call<A extends ApiName>(
    target: Target,
    api: A,
    body: RequestOf<A>,
    options: CallOptions<A> = {},
  ): Promise<ResponseOf<A>> {
    const { errorOf = topError, idempotent = true, waitMs = 0, versionMax = Infinity } = options;
    return this.retrying(async (leftMs) => {
      const timeoutMs = waitMs + Math.max(leftMs, graceMs);
      let answer: ResponseOf<A>;
      try {
        const connection = await this.#connectionTo(target, Math.min(leftMs, connectMsMax));
        answer = await connection.call(api, body, { timeoutMs, versionMax });
      } catch (error) {
        // Who leads or coordinates is another by now, or will be.
        this.#forget(target);
        if (error instanceof KafkaClientError && error.outcome === 'unknown' && idempotent) {
          // Nobody cares whether a question was heard.
          const outcome = changing.has(api) ? 'unknown' : 'failed';
          return { kind: 'again', error: new KafkaClientError(error.message, outcome, { cause: error }) };
        }
        throw error;
      }
      const kafkaError = errorOf(answer) ?? 'NONE';
      if (kafkaError === 'NONE') return { kind: 'done', value: answer };
      if (!isRetriable(kafkaError)) throw refusedBy(api, kafkaError, messageOf(answer));
      this.#forget(target);
      return { kind: 'again', error: refusedBy(api, kafkaError, messageOf(answer)) };
    });
  }

  /** Repeats an attempt until it is done, throws anything but a failure to connect, or the time is over. */
  async retrying<T>(
    attempt: (
      leftMs: number,
    ) => Promise<
      | { readonly kind: 'done'; readonly value: T }
      | { readonly kind: 'again'; readonly error: KafkaClientError }
    >,
  ): Promise<T> {
    const endMs = performance.now() + this.#options.timeoutMs;
    let pauseMs = pauseMsMin;
    for (;;) {
      const leftMs = Math.max(1, Math.floor(endMs - performance.now()));
      let problem: KafkaClientError;
      try {
        const outcome = await attempt(leftMs);
        if (outcome.kind === 'done') return outcome.value;
        problem = outcome.error;
      } catch (error) {
        // What was surely not done may be tried elsewhere.
        if (!(error instanceof KafkaClientError) || error.outcome !== 'failed' || this.#closed) throw error;
        problem = error;
      }
      if (performance.now() + pauseMs >= endMs) throw problem;
      await pause(pauseMs);
      pauseMs = Math.min(pauseMsMax, pauseMs * 2);
    }
  }

  /** The brokers, by id. */
  async brokers(): Promise<ReadonlyMap<number, Address>> {
    if (this.#brokers.size === 0) await this.refresh([]);
    return this.#brokers;
  }

  /**
   * Asks for topics anew; undefined: for all of them.
   *
   * @throws KafkaClientError for a topic that does not exist, at once: nobody is asked to make it
   */
  async refresh(names?: readonly string[]): Promise<readonly TopicPlace[]> {
    const body = apis.metadata.request.create({
      topics: names?.map((name) => ({ name })),
      allowAutoTopicCreation: false,
    });
    const answer = await this.call({ kind: 'any' }, 'metadata', body, { errorOf: () => undefined });
    this.#brokers = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    this.#controller = answer.controllerId;
    return answer.topics.map((topic) => {
      const error = kafkaErrorOf(topic.errorCode);
      // Of a topic whose partitions have no leader now all else is known.
      if (topic.errorCode !== 0 && error !== 'LEADER_NOT_AVAILABLE') {
        this.#topics.delete(topic.name ?? '');
        throw refusedBy(`topic ${topic.name ?? topic.topicId}`, error);
      }
      const place: TopicPlace = {
        name: topic.name ?? '',
        topicId: topic.topicId,
        isInternal: topic.isInternal,
        partitions: topic.partitions
          .map((partition) => ({
            partition: partition.partitionIndex,
            leader: partition.leaderId,
            leaderEpoch: partition.leaderEpoch,
            replicas: partition.replicaNodes,
            inSync: partition.isrNodes,
            offline: partition.offlineReplicas,
          }))
          .sort((left, right) => left.partition - right.partition),
      };
      this.#topics.set(place.name, place);
      return place;
    });
  }

  /** @throws KafkaClientError when there is no such topic */
  async topic(name: string): Promise<TopicPlace> {
    return this.#topics.get(name) ?? ((await this.refresh([name]))[0] as TopicPlace);
  }

  /** What is known of a topic is doubtful: it is asked for anew when it is next needed. */
  forgetTopic(name: string): void {
    this.#topics.delete(name);
  }

  /** Of a partition. @throws KafkaClientError of outcome `failed` while it has none */
  async leaderOf(topic: string, partition: number): Promise<number> {
    const { partitions } = await this.topic(topic);
    const place = partitions.find((candidate) => candidate.partition === partition);
    if (place === undefined) throw refusedBy(`${topic}-${partition}`, 'UNKNOWN_TOPIC_OR_PARTITION');
    if (place.leader >= 0) return place.leader;
    this.forgetTopic(topic);
    throw new KafkaClientError(`${topic}-${partition} has no leader`, 'failed');
  }

  /** An open connection to a broker. @throws KafkaClientError of outcome `failed` when there is none to be had */
  async connectionTo(broker: number, timeoutMs: number): Promise<BrokerConnection> {
    let address = (await this.brokers()).get(broker);
    if (address === undefined) {
      await this.refresh([]);
      address = this.#brokers.get(broker);
    }
    if (address === undefined) throw new KafkaClientError(`broker ${broker} is not there`, 'failed');
    return this.#connect(address, timeoutMs);
  }

  async #connectionTo(target: Target, timeoutMs: number): Promise<BrokerConnection> {
    switch (target.kind) {
      case 'any':
        return this.#connectAny(timeoutMs);
      case 'broker':
        return this.connectionTo(target.id, timeoutMs);
      case 'controller': {
        if (this.#controller < 0) await this.refresh([]);
        if (this.#controller < 0) throw new KafkaClientError('the cluster has no controller', 'failed');
        return this.connectionTo(this.#controller, timeoutMs);
      }
      case 'leader':
        return this.connectionTo(await this.leaderOf(target.topic, target.partition), timeoutMs);
      case 'group':
        return this.connectionTo(await this.#coordinatorOf(target.id, timeoutMs), timeoutMs);
    }
  }

  async #coordinatorOf(group: string, timeoutMs: number): Promise<number> {
    const known = this.#coordinators.get(group);
    if (known !== undefined) return known;
    const connection = await this.#connectAny(timeoutMs);
    // The newer versions ask for many keys at once, which nobody wants here.
    const body = apis.findCoordinator.request.create({ key: group, keyType: coordinatorOfGroup });
    const answer = await connection.call('findCoordinator', body, { timeoutMs, versionMax: 3 });
    const error = kafkaErrorOf(answer.errorCode);
    if (error !== 'NONE') {
      const refused = refusedBy(`group ${group}`, error, answer.errorMessage);
      throw isRetriable(error)
        ? new KafkaClientError(refused.message, 'failed', { kafkaError: error })
        : refused;
    }
    this.#coordinators.set(group, answer.nodeId);
    this.#brokers.set(answer.nodeId, { host: answer.host, port: answer.port });
    return answer.nodeId;
  }

  /** One that is open, else whoever answers first of those that are known and those that were given. */
  async #connectAny(timeoutMs: number): Promise<BrokerConnection> {
    const places = new Map(
      [...this.#options.bootstrap, ...this.#brokers.values()].map((address) => [
        formatAddress(address),
        address,
      ]),
    );
    let problem: unknown;
    // Each gets its share of the time, so that one that does not answer leaves some for the others.
    const shareMs = Math.max(1, Math.floor(timeoutMs / places.size));
    for (const address of places.values()) {
      try {
        return await this.#connect(address, shareMs);
      } catch (error) {
        // Whoever is not let in by one broker is not by another either.
        if (error instanceof KafkaClientError && error.outcome === 'refused') throw error;
        problem = error;
      }
    }
    throw problem;
  }

  async #connect(address: Address, timeoutMs: number): Promise<BrokerConnection> {
    if (this.#closed) throw new KafkaClientError('the client was closed', 'failed');
    const place = formatAddress(address);
    const known = this.#connections.get(place);
    if (known !== undefined) {
      const connection = await known;
      if (connection.isOpen) return connection;
    }
    const pending = BrokerConnection.open(address, this.#options, timeoutMs);
    this.#connections.set(place, pending);
    try {
      return await pending;
    } catch (error) {
      if (this.#connections.get(place) === pending) this.#connections.delete(place);
      throw error;
    }
  }

  /** Whoever was asked is not who should be. */
  #forget(target: Target): void {
    switch (target.kind) {
      case 'any':
      case 'broker':
        return;
      case 'controller':
        this.#controller = -1;
        return;
      case 'leader':
        this.forgetTopic(target.topic);
        return;
      case 'group':
        this.#coordinators.delete(target.id);
        return;
    }
  }
}

/** Of an answer that has an error of its own; those of its parts are the caller's affair. */
function topError(body: unknown): KafkaError | undefined {
  const { errorCode } = body as { readonly errorCode?: number };
  return errorCode === undefined ? undefined : kafkaErrorOf(errorCode);
}

function messageOf(body: unknown): string | undefined {
  return (body as { readonly errorMessage?: string | undefined }).errorMessage;
}
