import { type NodeId } from '../../../core/base/ids.ts';
import { between, type Prng } from '../../../core/base/prng.ts';
import { usPerMs } from '../../../core/base/units.ts';
import { kafkaErrors as errors } from '../../../core/wire/kafka/error-codes.ts';
import { encodeBatch } from '../batch.ts';
import { wallStartUs } from '../cluster.ts';
import { type ChronikHistory, type ProducedBatch, type ProduceOutcome } from '../history.ts';
import { type ProducerPlan, type TopicPlan } from '../plan.ts';
import { Leaders } from './leaders.ts';
import { type CallEnd, type KafkaLink } from './link.ts';

const backoffUs = 100 * usPerMs;
/** Batches that a partition may have waiting; beyond it nothing new is made. */
const laneBatchesMax = 10;
/** A producer whose every request ends without an answer gives a batch up at last, if it may be lost. */
const attemptsMax = 50;

const retriable: ReadonlySet<number> = new Set([
  errors.UNKNOWN_TOPIC_OR_PARTITION,
  errors.LEADER_NOT_AVAILABLE,
  errors.NOT_LEADER_OR_FOLLOWER,
  errors.REQUEST_TIMED_OUT,
  errors.NETWORK_EXCEPTION,
  errors.NOT_ENOUGH_REPLICAS,
  errors.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  errors.KAFKA_STORAGE_ERROR,
  errors.FENCED_LEADER_EPOCH,
  errors.UNKNOWN_LEADER_EPOCH,
  errors.COORDINATOR_NOT_AVAILABLE,
  errors.COORDINATOR_LOAD_IN_PROGRESS,
  errors.NOT_COORDINATOR,
]);

/** What a producer has for one partition, in the order of sequence numbers. */
interface Lane {
  readonly topic: string;
  readonly partition: number;
  queue: Pending[];
  nextSequence: number;
  /** Batches so far. */
  made: number;
  /** The last one is made. */
  isLast: boolean;
  /** Nothing is sent before. */
  retryUs: number;
}

interface Pending {
  readonly batch: ProducedBatch;
  readonly bytes: Uint8Array;
  /** Counts the partition's batches. */
  readonly position: number;
  sent: boolean;
  /** When it was sent last, something before it had not been acknowledged. */
  behind: boolean;
}

/**
 * A producer as Kafka's clients are: batches by partition, sent to whom it takes for the leader, so many at once, sent again
 * when they may succeed then; an idempotent one keeps their order and numbers them, and sends each until it is answered.
 */
export class SimulatedProducer {
  readonly #link: KafkaLink;
  readonly #plan: ProducerPlan;
  readonly #prng: Prng;
  readonly #history: ChronikHistory;
  readonly #leaders: Leaders;
  readonly #lanes: readonly Lane[];
  readonly #inFlight = new Map<NodeId, number>();
  #producerId = -1;
  #producerEpoch = -1;
  #acquiring = false;
  #values = 0;
  #stopped = false;

  constructor(options: {
    readonly link: KafkaLink;
    readonly plan: ProducerPlan;
    readonly topics: readonly TopicPlan[];
    readonly prng: Prng;
    readonly history: ChronikHistory;
  }) {
    const { link, topics } = options;
    this.#link = link;
    this.#plan = options.plan;
    this.#prng = options.prng;
    this.#history = options.history;
    const names = topics.map(({ name }) => name);
    this.#leaders = new Leaders(link, names, () => {
      this.#pump();
    });
    this.#lanes = topics.flatMap(({ name, partitions }) =>
      Array.from({ length: partitions }, (_, partition) => {
        return { topic: name, partition, queue: [], nextSequence: 0, made: 0, isLast: false, retryUs: 0 };
      }),
    );
  }

  /** Everything that it has made has come to its end, its last batch for each partition too, and no call is under way. */
  get idle(): boolean {
    return this.#link.open === 0 && this.#lanes.every(({ queue, isLast }) => isLast && queue.length === 0);
  }

  /** What it waits for, in words. */
  get waitsFor(): string {
    const waiting = this.#lanes.filter(({ queue, isLast }) => queue.length > 0 || !isLast);
    return waiting.map(({ topic, partition, queue }) => `${topic}-${partition}: ${queue.length}`).join(', ');
  }

  start(): void {
    this.#leaders.refresh();
    this.#think();
  }

  /** Makes one more batch for each partition, and then nothing any more. */
  stop(): void {
    this.#stopped = true;
    this.#makeLast();
  }

  #makeLast(): void {
    for (const lane of this.#lanes) if (!lane.isLast) lane.isLast = this.#make(lane);
    this.#pump();
    if (this.#lanes.every(({ isLast }) => isLast)) return;
    this.#link.world.after(backoffUs, () => {
      this.#makeLast();
    });
  }

  #think(): void {
    const { thinkUsMin, thinkUsMax } = this.#plan;
    this.#link.world.after(between(this.#prng, thinkUsMin, thinkUsMax), () => {
      if (this.#stopped) return;
      const lane = this.#lanes[this.#prng.below(this.#lanes.length)];
      if (lane !== undefined) this.#make(lane);
      this.#pump();
      this.#think();
    });
  }

  /** @returns whether there is a new batch */
  #make(lane: Lane): boolean {
    if (lane.queue.length >= laneBatchesMax) return false;
    if (this.#plan.idempotent && this.#producerId < 0) {
      this.#acquireId();
      return false;
    }
    const { nowUs } = this.#link.world;
    const { recordsMax, idempotent } = this.#plan;
    const values = Array.from({ length: 1 + this.#prng.below(recordsMax) }, () => this.#value());
    const batch: ProducedBatch = {
      client: this.#link.client,
      topic: lane.topic,
      partition: lane.partition,
      acks: this.#plan.acks,
      producerId: idempotent ? this.#producerId : -1,
      producerEpoch: idempotent ? this.#producerEpoch : -1,
      baseSequence: idempotent ? lane.nextSequence : -1,
      values,
      startUs: nowUs,
      endUs: undefined,
      outcome: { kind: 'open' },
      attempts: 0,
    };
    lane.nextSequence += values.length;
    const bytes = encodeBatch({
      ...batch,
      isTransactional: false,
      timestampMs: Math.floor((wallStartUs + nowUs) / usPerMs),
      records: values.map((value) => ({ key: undefined, value })),
    });
    this.#history.produced.push(batch);
    lane.made += 1;
    lane.queue.push({ batch, bytes, position: lane.made, sent: false, behind: false });
    return true;
  }

  /** No two are the same in a run. */
  #value(): string {
    this.#values += 1;
    const name = `p${this.#link.client}.${this.#values}`;
    const { valueBytesMax } = this.#plan;
    return valueBytesMax <= name.length ? name : name.padEnd(this.#prng.below(valueBytesMax), '.');
  }

  /** Sends what may be sent: to each leader at most one batch of each partition in one request. */
  #pump(): void {
    const { nowUs } = this.#link.world;
    const due = new Map<NodeId, { readonly lane: Lane; readonly pending: Pending }[]>();
    for (const lane of this.#lanes) {
      const next = this.#nextOf(lane);
      if (next === undefined || lane.retryUs > nowUs) continue;
      const leader = this.#leaders.of(lane.topic, lane.partition);
      if (leader === undefined) {
        this.#leaders.refresh();
        continue;
      }
      const { node } = leader;
      if ((this.#inFlight.get(node) ?? 0) >= this.#plan.inFlightMax) continue;
      const batches = due.get(node) ?? [];
      due.set(node, [...batches, { lane, pending: next }]);
    }
    if (due.size === 0) return;
    for (const [node, batches] of due) this.#send(node, batches);
    this.#pump();
  }

  /**
   * The next batch of a partition that may be sent now. An idempotent producer never is further ahead of the oldest that it has
   * no answer to than a broker remembers, whoever leads meanwhile, and sends one again only when nothing before it is missing.
   */
  #nextOf({ queue }: Lane): Pending | undefined {
    const next = queue.find(({ sent }) => !sent);
    if (next === undefined || !this.#plan.idempotent) return next;
    if (next.batch.attempts > 0) return next === queue[0] ? next : undefined;
    return next.position - (queue[0]?.position ?? 0) < this.#plan.inFlightMax ? next : undefined;
  }

  #send(node: NodeId, batches: readonly { readonly lane: Lane; readonly pending: Pending }[]): void {
    const { acks, requestTimeoutUs } = this.#plan;
    const topics = [...new Set(batches.map(({ lane }) => lane.topic))];
    const topicData = topics.map((name) => ({
      name,
      partitionData: batches
        .filter(({ lane }) => lane.topic === name)
        .map(({ lane, pending }) => ({ index: lane.partition, records: pending.bytes })),
    }));
    for (const { lane, pending } of batches) {
      pending.behind = lane.queue[0] !== pending;
      pending.sent = true;
      pending.batch.attempts += 1;
    }
    this.#inFlight.set(node, (this.#inFlight.get(node) ?? 0) + 1);
    const timeoutMs = Math.floor(requestTimeoutUs / usPerMs);
    this.#link.call(
      node,
      'produce',
      { acks, timeoutMs, topicData },
      {
        timeoutUs: requestTimeoutUs,
        ended: (end) => {
          this.#inFlight.set(node, (this.#inFlight.get(node) ?? 0) - 1);
          for (const { lane, pending } of batches) this.#ended(lane, pending, end);
          this.#pump();
        },
      },
    );
    // Nothing comes back of these: they are gone, come what may.
    if (acks === 0) for (const { lane, pending } of batches) this.#finish(lane, pending, { kind: 'unknown' });
  }

  #ended(lane: Lane, pending: Pending, end: CallEnd<'produce'>): void {
    if (!lane.queue.includes(pending)) return;
    if (end.kind === 'failed') {
      this.#leaders.refresh();
      this.#retry(lane, pending, end.reached === 'no' ? 'certain' : 'unknown');
      return;
    }
    const found = end.body.responses
      .find(({ name }) => name === lane.topic)
      ?.partitionResponses.find(({ index }) => index === lane.partition);
    if (found === undefined) {
      this.#finish(lane, pending, { kind: 'refused', error: errors.UNKNOWN_SERVER_ERROR });
      return;
    }
    const { errorCode, baseOffset } = found;
    if (errorCode === errors.NONE || errorCode === errors.DUPLICATE_SEQUENCE_NUMBER) {
      const offset = errorCode === errors.NONE ? baseOffset : -1;
      this.#finish(lane, pending, { kind: 'acknowledged', offset });
      return;
    }
    if (retriable.has(errorCode)) {
      this.#leaders.refresh();
      this.#retry(lane, pending, 'unknown');
    } else if (errorCode === errors.OUT_OF_ORDER_SEQUENCE_NUMBER && pending.behind) {
      // One before it was still on its way then, or had to be sent again first.
      this.#retry(lane, pending, 'unknown');
    } else {
      this.#finish(lane, pending, { kind: 'refused', error: errorCode });
      if (this.#plan.idempotent) this.#beginAnew();
    }
  }

  #retry(lane: Lane, pending: Pending, last: 'certain' | 'unknown'): void {
    const { idempotent } = this.#plan;
    pending.sent = false;
    // Without sequence numbers another attempt may append it once more; so some producers do not make one.
    const mayGiveUp = !idempotent && !lane.isLast;
    const giveUp =
      mayGiveUp && (pending.batch.attempts >= attemptsMax || (last === 'unknown' && this.#prng.chance(1, 3)));
    if (giveUp) {
      this.#finish(lane, pending, { kind: 'unknown' });
      return;
    }
    const { world } = this.#link;
    lane.retryUs = world.nowUs + backoffUs;
    world.after(backoffUs, () => {
      this.#pump();
    });
  }

  #finish(lane: Lane, pending: Pending, outcome: ProduceOutcome): void {
    lane.queue = lane.queue.filter((other) => other !== pending);
    pending.batch.endUs = this.#link.world.nowUs;
    pending.batch.outcome = outcome;
  }

  /** What it has been told cannot be mended by sending it again: as another producer it begins at sequence 0. */
  #beginAnew(): void {
    for (const lane of this.#lanes) {
      for (const pending of lane.queue) this.#finish(lane, pending, { kind: 'unknown' });
      lane.nextSequence = 0;
    }
    this.#producerId = -1;
    this.#acquireId();
  }

  #acquireId(): void {
    if (this.#acquiring) return;
    this.#acquiring = true;
    const body = { transactionalId: undefined, transactionTimeoutMs: 60_000 };
    this.#link.call(this.#link.anyNode(), 'initProducerId', body, {
      timeoutUs: this.#plan.requestTimeoutUs,
      ended: (end) => {
        this.#acquiring = false;
        if (end.kind !== 'answered' || end.body.errorCode !== errors.NONE) return;
        this.#producerId = end.body.producerId;
        this.#producerEpoch = end.body.producerEpoch;
      },
    });
  }
}
