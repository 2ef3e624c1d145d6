import { type NodeId, nodeId } from '../../../core/base/ids.ts';
import { between, type Prng } from '../../../core/base/prng.ts';
import { usPerMs } from '../../../core/base/units.ts';
import { type ApiName, type RequestOf, type ResponseOf } from '../../../core/wire/kafka/apis.ts';
import { kafkaErrors as errors } from '../../../core/wire/kafka/error-codes.ts';
import { type Partially } from '../../../core/wire/kafka/schema.ts';
import { encodeBatch } from '../batch.ts';
import { wallStartUs } from '../cluster.ts';
import { type ChronikHistory, type TransactionTold } from '../history.ts';
import { type TopicPlan, type TransactionalPlan } from '../plan.ts';
import { Leaders } from './leaders.ts';
import { type KafkaLink } from './link.ts';

const backoffUs = 100 * usPerMs;
const callTimeoutUs = 3_000 * usPerMs;
/** What a transaction's batch is sent for, at most; then its producer gives up and begins anew. */
const attemptsMax = 60;

/** Tried again, at another coordinator or leader where need be. */
const retriable: ReadonlySet<number> = new Set([
  errors.CONCURRENT_TRANSACTIONS,
  errors.COORDINATOR_NOT_AVAILABLE,
  errors.COORDINATOR_LOAD_IN_PROGRESS,
  errors.NOT_COORDINATOR,
  errors.UNKNOWN_TOPIC_OR_PARTITION,
  errors.LEADER_NOT_AVAILABLE,
  errors.NOT_LEADER_OR_FOLLOWER,
  errors.REQUEST_TIMED_OUT,
  errors.NOT_ENOUGH_REPLICAS,
  errors.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  errors.KAFKA_STORAGE_ERROR,
]);

interface Place {
  readonly topic: string;
  readonly partition: number;
}

/**
 * A producer with a transactional id, as Kafka's clients are: one transaction behind the other, each over some partitions,
 * committed or aborted, every step tried until it is answered. Now and then it is killed in the midst of one and comes back
 * under its id, knowing nothing: its transaction is then to be aborted.
 */
export class TransactionalProducer {
  readonly #link: KafkaLink;
  readonly #plan: TransactionalPlan;
  readonly #prng: Prng;
  readonly #history: ChronikHistory;
  readonly #leaders: Leaders;
  readonly #places: readonly Place[];
  #coordinator: NodeId | undefined;
  #producerId = -1;
  #producerEpoch = -1;
  /** Next sequence number, by partition. */
  #sequences = new Map<string, number>();
  #open: TransactionTold | undefined;
  #values = 0;
  /** Counts its lives: an answer to an earlier one means nothing any more. */
  #life = 0;
  #stopped = false;
  #idle = false;
  #hasCommitted = false;

  constructor(options: {
    readonly link: KafkaLink;
    readonly plan: TransactionalPlan;
    readonly topics: readonly TopicPlan[];
    readonly prng: Prng;
    readonly history: ChronikHistory;
  }) {
    const { link, topics } = options;
    this.#link = link;
    this.#plan = options.plan;
    this.#prng = options.prng;
    this.#history = options.history;
    this.#leaders = new Leaders(
      link,
      topics.map(({ name }) => name),
      () => undefined,
    );
    this.#places = topics.flatMap(({ name, partitions }) =>
      Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition })),
    );
  }

  /** It has ended its last transaction. */
  get idle(): boolean {
    return this.#idle;
  }

  start(): void {
    this.#leaders.refresh();
    this.#begin();
    this.#misfortune();
  }

  /** One more transaction, which must come to its end, and then none: the first one that is committed, if none was before. */
  stop(): void {
    this.#stopped = true;
  }

  #misfortune(): void {
    const { world } = this.#link;
    world.after(between(this.#prng, 1, this.#plan.lifeUsMax), () => {
      if (this.#stopped) return;
      this.#beginAnew();
      this.#misfortune();
    });
  }

  /** Killed, or told that it must not go on: whatever it has open is for its next life, or the coordinator, to end. */
  #beginAnew(): void {
    const told = this.#open;
    if (told !== undefined && told.outcome === 'open')
      told.outcome = told.askedToCommitUs === undefined ? 'aborted' : 'unknown';
    this.#open = undefined;
    this.#life += 1;
    this.#begin();
  }

  /** As a process that has just started. */
  #begin(): void {
    this.#sequences = new Map();
    const body = {
      transactionalId: this.#plan.transactionalId,
      transactionTimeoutMs: this.#plan.timeoutMs,
      producerId: -1,
      producerEpoch: -1,
    };
    this.#ask('initProducerId', body, {
      errorOf: ({ errorCode }) => errorCode,
      done: ({ producerId, producerEpoch }) => {
        this.#producerId = producerId;
        this.#producerEpoch = producerEpoch;
        this.#thinkThenOpen();
      },
    });
  }

  #thinkThenOpen(): void {
    const life = this.#life;
    this.#link.world.after(between(this.#prng, 1, this.#plan.thinkUsMax), () => {
      if (this.#life !== life) return;
      this.#enter(this.#drawPlaces());
    });
  }

  #drawPlaces(): readonly Place[] {
    const left = [...this.#places];
    const count = 1 + this.#prng.below(Math.min(left.length, this.#plan.partitionsMax));
    return Array.from({ length: count }, () => left.splice(this.#prng.below(left.length), 1)[0] as Place);
  }

  #enter(places: readonly Place[]): void {
    const told: TransactionTold = {
      client: this.#link.client,
      values: [],
      startUs: this.#link.world.nowUs,
      askedToCommitUs: undefined,
      endUs: undefined,
      outcome: 'open',
    };
    this.#open = told;
    this.#history.transactions.push(told);
    const topics = [...new Set(places.map(({ topic }) => topic))];
    const body = {
      v3AndBelowTransactionalId: this.#plan.transactionalId,
      v3AndBelowProducerId: this.#producerId,
      v3AndBelowProducerEpoch: this.#producerEpoch,
      v3AndBelowTopics: topics.map((name) => ({
        name,
        partitions: places.filter(({ topic }) => topic === name).map(({ partition }) => partition),
      })),
    };
    this.#ask('addPartitionsToTxn', body, {
      errorOf: ({ resultsByTopicV3AndBelow }) =>
        resultsByTopicV3AndBelow
          .flatMap(({ resultsByPartition }) => resultsByPartition)
          .find(({ partitionErrorCode }) => partitionErrorCode !== errors.NONE)?.partitionErrorCode ??
        errors.NONE,
      done: () => {
        this.#write(told, [...places, ...places.filter(() => this.#prng.chance(1, 3))]);
      },
    });
  }

  /** A batch for each of these, one behind the other; then the end. */
  #write(told: TransactionTold, left: readonly Place[]): void {
    const [place, ...rest] = left;
    if (place === undefined) {
      this.#end(told);
      return;
    }
    this.#values += 1;
    const value = `t${this.#link.client}.${this.#values}`;
    told.values.push({ ...place, value });
    const key = `${place.topic}-${place.partition}`;
    const baseSequence = this.#sequences.get(key) ?? 0;
    this.#sequences.set(key, baseSequence + 1);
    const bytes = encodeBatch({
      producerId: this.#producerId,
      producerEpoch: this.#producerEpoch,
      baseSequence,
      isTransactional: true,
      timestampMs: Math.floor((wallStartUs + this.#link.world.nowUs) / usPerMs),
      records: [{ key: undefined, value }],
    });
    this.#send(place, bytes, attemptsMax, () => {
      this.#write(told, rest);
    });
  }

  #send(place: Place, bytes: Uint8Array, attemptsLeft: number, then: () => void): void {
    const life = this.#life;
    const again = (): void => {
      this.#leaders.refresh();
      this.#link.world.after(backoffUs, () => {
        if (this.#life !== life) return;
        if (attemptsLeft > 0 || this.#stopped) this.#send(place, bytes, attemptsLeft - 1, then);
        else this.#beginAnew();
      });
    };
    const leader = this.#leaders.of(place.topic, place.partition);
    if (leader === undefined) {
      again();
      return;
    }
    const body = {
      transactionalId: this.#plan.transactionalId,
      acks: -1,
      timeoutMs: Math.floor(callTimeoutUs / usPerMs),
      topicData: [{ name: place.topic, partitionData: [{ index: place.partition, records: bytes }] }],
    };
    this.#link.call(leader.node, 'produce', body, {
      timeoutUs: callTimeoutUs,
      ended: (end) => {
        if (this.#life !== life) return;
        if (end.kind !== 'answered') {
          again();
          return;
        }
        const code = end.body.responses[0]?.partitionResponses[0]?.errorCode ?? errors.UNKNOWN_SERVER_ERROR;
        if (code === errors.NONE || code === errors.DUPLICATE_SEQUENCE_NUMBER) then();
        else if (retriable.has(code)) again();
        else this.#beginAnew();
      },
    });
  }

  #end(told: TransactionTold): void {
    const drawn = this.#prng.chance(7, 10);
    // Whatever befell it before, the last one shows that it can.
    const committed = drawn || (this.#stopped && !this.#hasCommitted);
    if (committed) told.askedToCommitUs = this.#link.world.nowUs;
    const body = {
      transactionalId: this.#plan.transactionalId,
      producerId: this.#producerId,
      producerEpoch: this.#producerEpoch,
      committed,
    };
    this.#ask('endTxn', body, {
      errorOf: ({ errorCode }) => errorCode,
      done: () => {
        told.outcome = committed ? 'committed' : 'aborted';
        this.#hasCommitted ||= committed;
        told.endUs = this.#link.world.nowUs;
        this.#open = undefined;
        if (this.#stopped) this.#idle = true;
        else this.#thinkThenOpen();
      },
    });
  }

  /** Asks the coordinator until it says yes, or something that ends this producer's life. */
  #ask<A extends ApiName>(
    api: A,
    body: Partially<RequestOf<A>>,
    { errorOf, done }: { errorOf: (body: ResponseOf<A>) => number; done: (body: ResponseOf<A>) => void },
  ): void {
    const life = this.#life;
    const again = (): void => {
      this.#link.world.after(backoffUs, () => {
        if (this.#life === life) this.#ask(api, body, { errorOf, done });
      });
    };
    if (this.#coordinator === undefined) {
      this.#find(again);
      return;
    }
    this.#link.call(this.#coordinator, api, body, {
      timeoutUs: callTimeoutUs,
      ended: (end) => {
        if (this.#life !== life) return;
        const code = end.kind === 'answered' ? errorOf(end.body) : errors.NOT_COORDINATOR;
        if (end.kind === 'answered' && code === errors.NONE) {
          done(end.body);
          return;
        }
        if (code !== errors.CONCURRENT_TRANSACTIONS) this.#coordinator = undefined;
        if (retriable.has(code)) again();
        else this.#beginAnew();
      },
    });
  }

  #find(then: () => void): void {
    const life = this.#life;
    const asked = { key: this.#plan.transactionalId, keyType: 1 };
    this.#link.call(this.#link.anyNode(), 'findCoordinator', asked, {
      timeoutUs: callTimeoutUs,
      ended: (end) => {
        if (this.#life !== life) return;
        if (end.kind === 'answered' && end.body.errorCode === errors.NONE)
          this.#coordinator = nodeId(end.body.nodeId);
        then();
      },
    });
  }
}
