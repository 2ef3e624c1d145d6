import { type NodeId } from '../../../core/base/ids.ts';
import { type Prng } from '../../../core/base/prng.ts';
import { usPerMs } from '../../../core/base/units.ts';
import { kafkaErrors as errors } from '../../../core/wire/kafka/error-codes.ts';
import { type ResponseOf } from '../../../core/wire/kafka/apis.ts';
import { readHeaders, readRecords } from '../batch.ts';
import { type ChronikHistory } from '../history.ts';
import { type ConsumerPlan, type TopicPlan } from '../plan.ts';
import { Leaders } from './leaders.ts';
import { type CallEnd, type KafkaLink } from './link.ts';

/** fetch.max.wait.ms */
const maxWaitMs = 500;
const backoffUs = 100 * usPerMs;
const earliest = -2;

type FetchedPartition = ResponseOf<'fetch'>['responses'][number]['partitions'][number];

interface Position {
  readonly topic: string;
  readonly partition: number;
  /** Of the next record that it wants. */
  offset: number;
  /** Of the batch before; −1: none. */
  epoch: number;
  /** The first records that it had are gone, or it was never told where they begin. */
  lost: boolean;
  busy: boolean;
  retryUs: number;
}

/** A consumer without a group: it reads every partition from its beginning on, from whom it takes for the leader. */
export class SimulatedConsumer {
  readonly #link: KafkaLink;
  readonly #plan: ConsumerPlan;
  readonly #prng: Prng;
  readonly #history: ChronikHistory;
  readonly #leaders: Leaders;
  readonly #positions: readonly Position[];
  /** Its program takes no time for what it has read. */
  #hurries = false;
  #stopped = false;

  constructor(options: {
    readonly link: KafkaLink;
    readonly plan: ConsumerPlan;
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
      this.#fetchAll();
    });
    this.#positions = topics.flatMap(({ name, partitions }) =>
      Array.from({ length: partitions }, (_, partition) => {
        return { topic: name, partition, offset: 0, epoch: -1, lost: false, busy: false, retryUs: 0 };
      }),
    );
  }

  get idle(): boolean {
    return this.#link.open === 0;
  }

  /** How far it has come with each partition. */
  get positions(): readonly {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
  }[] {
    return this.#positions;
  }

  start(): void {
    this.#leaders.refresh();
  }

  /** From now on it asks again at once: how long its program thinks about records says nothing of who serves them. */
  hurry(): void {
    this.#hurries = true;
  }

  stop(): void {
    this.#stopped = true;
  }

  #fetchAll(): void {
    if (this.#stopped) return;
    const { nowUs } = this.#link.world;
    const due = new Map<NodeId, Position[]>();
    for (const position of this.#positions) {
      if (position.busy || position.retryUs > nowUs) continue;
      const leader = this.#leaders.of(position.topic, position.partition);
      if (leader === undefined) this.#retryLater(position);
      else due.set(leader.node, [...(due.get(leader.node) ?? []), position]);
    }
    for (const [node, positions] of due) {
      for (const position of positions) position.busy = true;
      const lost = positions.filter((position) => position.lost);
      if (lost.length > 0) this.#findStart(node, lost);
      const found = positions.filter((position) => !position.lost);
      if (found.length > 0) this.#fetch(node, found);
    }
  }

  #fetch(node: NodeId, positions: readonly Position[]): void {
    const { fetchBytesMax, isolation, requestTimeoutUs } = this.#plan;
    const tellsEpoch = this.#link.versionOf('fetch') >= 12;
    const topics = topicsOf(positions).map((topic) => ({
      topic,
      partitions: positions
        .filter((position) => position.topic === topic)
        .map(({ partition, offset, epoch }) => ({
          partition,
          currentLeaderEpoch: this.#leaders.of(topic, partition)?.epoch ?? -1,
          fetchOffset: offset,
          // Its broker then tells it where another history parts from the one that it was told of (KIP-320, KIP-595).
          lastFetchedEpoch: tellsEpoch ? epoch : -1,
          partitionMaxBytes: fetchBytesMax,
        })),
    }));
    const body = {
      replicaId: -1,
      maxWaitMs,
      minBytes: 1,
      maxBytes: fetchBytesMax,
      isolationLevel: isolation === 'readCommitted' ? 1 : 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics,
    };
    this.#link.call(node, 'fetch', body, {
      timeoutUs: requestTimeoutUs,
      ended: (end) => {
        this.#fetched(positions, end);
      },
    });
  }

  #fetched(positions: readonly Position[], end: CallEnd<'fetch'>): void {
    const { world } = this.#link;
    for (const position of positions) {
      position.busy = false;
      const answer = end.kind === 'answered' ? partitionIn(end.body, position) : undefined;
      if (answer === undefined) this.#retryLater(position);
      else this.#take(position, answer);
    }
    const pauseUs = this.#hurries ? 0 : this.#prng.below(this.#plan.pauseUsMax);
    world.after(1 + pauseUs, () => {
      this.#fetchAll();
    });
  }

  #take(position: Position, answer: FetchedPartition): void {
    const { errorCode, divergingEpoch, records } = answer;
    if (errorCode === errors.OFFSET_OUT_OF_RANGE) {
      position.lost = true;
    } else if (errorCode !== errors.NONE) {
      this.#retryLater(position);
    } else if (divergingEpoch.endOffset >= 0) {
      position.offset = Math.min(position.offset, divergingEpoch.endOffset);
      position.epoch = -1;
    } else if (records instanceof Uint8Array) {
      if (this.#plan.isolation === 'readCommitted') this.#handOn(position, records, answer);
      this.#read(position, records);
    }
  }

  /** A batch comes whole, also when the first that is wanted of it lies in its midst. */
  #read(position: Position, records: Uint8Array): void {
    const { client, world } = this.#link;
    for (const header of readHeaders(records)) {
      position.epoch = header.leaderEpoch;
      if (header.lastOffset < position.offset) continue;
      for (const { offset, value } of header.isControl
        ? []
        : readRecords(records, header.positionBytes, header)) {
        if (offset < position.offset) continue;
        const { topic, partition } = position;
        this.#history.consumed.push({ atUs: world.nowUs, client, topic, partition, offset, value });
      }
      position.offset = header.lastOffset + 1;
    }
  }

  /** What its library gives to the program: without what the answer says was aborted. */
  #handOn(position: Position, records: Uint8Array, { abortedTransactions }: FetchedPartition): void {
    const { client, world } = this.#link;
    const { topic, partition } = position;
    const aborted = [...(abortedTransactions ?? [])].sort(
      (left, right) => left.firstOffset - right.firstOffset,
    );
    const open = new Set<number>();
    for (const header of readHeaders(records)) {
      while (aborted[0] !== undefined && aborted[0].firstOffset <= header.lastOffset)
        open.add(aborted.shift()?.producerId ?? -1);
      if (header.isControl) open.delete(header.producerId);
      if (header.isControl || (header.isTransactional && open.has(header.producerId))) continue;
      for (const { offset, value } of readRecords(records, header.positionBytes, header)) {
        if (offset < position.offset || value === undefined) continue;
        this.#history.committedReads.push({ atUs: world.nowUs, client, topic, partition, offset, value });
      }
    }
  }

  #findStart(node: NodeId, positions: readonly Position[]): void {
    const topics = topicsOf(positions).map((name) => ({
      name,
      partitions: positions
        .filter(({ topic }) => topic === name)
        .map(({ partition }) => ({ partitionIndex: partition, currentLeaderEpoch: -1, timestamp: earliest })),
    }));
    this.#link.call(
      node,
      'listOffsets',
      { replicaId: -1, isolationLevel: 0, topics },
      {
        timeoutUs: this.#plan.requestTimeoutUs,
        ended: (end) => {
          for (const position of positions) {
            position.busy = false;
            const found =
              end.kind === 'answered'
                ? end.body.topics
                    .find(({ name }) => name === position.topic)
                    ?.partitions.find(({ partitionIndex }) => partitionIndex === position.partition)
                : undefined;
            if (found?.errorCode === errors.NONE) {
              position.offset = found.offset;
              position.epoch = -1;
              position.lost = false;
            } else {
              this.#retryLater(position);
            }
          }
          this.#fetchAll();
        },
      },
    );
  }

  #retryLater(position: Position): void {
    const { world } = this.#link;
    position.retryUs = world.nowUs + backoffUs;
    this.#leaders.refresh();
    world.after(backoffUs, () => {
      this.#fetchAll();
    });
  }
}

function topicsOf(positions: readonly Position[]): readonly string[] {
  return [...new Set(positions.map(({ topic }) => topic))];
}

function partitionIn(
  body: ResponseOf<'fetch'>,
  { topic, partition }: Position,
): FetchedPartition | undefined {
  if (body.errorCode !== errors.NONE) return undefined;
  return body.responses
    .find((answer) => answer.topic === topic)
    ?.partitions.find(({ partitionIndex }) => partitionIndex === partition);
}
