import { type NodeId, nodeId } from '../../../core/base/ids.ts';
import { type PartitionView } from '../../../core/chronik/broker-view.ts';
import { type ChronikBroker } from '../../../core/chronik/broker.ts';
import { type MetadataImage, type TopicState } from '../../../core/chronik/metadata/image.ts';
import { type PartitionState } from '../../../core/chronik/metadata/rows.ts';
import { type KafkaCall } from '../../../core/wire/kafka/apis.ts';
import { encodeBatch } from '../../../sim/chronik/batch.ts';
import { type BrokerEffect, type BrokerProcess } from '../../../sim/chronik/broker-process.ts';
import { type BrokerAnswer, type BrokerStep, type ChronikChecker } from '../../../sim/chronik/checker.ts';
import { ChronikCluster } from '../../../sim/chronik/cluster.ts';
import { ChronikHistory } from '../../../sim/chronik/history.ts';
import { ChronikState } from '../../../sim/chronik/state.ts';
import { learnFrom } from '../../../sim/chronik/told.ts';
import { defaultNetworkPlan, Network } from '../../../sim/network/network.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { World } from '../../../sim/world.ts';

export const topicName = 'Topic';
export const created = 17;
/** As `partitionKeyText` has it. */
export const partitionId = '17.0';
export const directory = 'partitions/Topic-0.17';
export const segment = `${directory}/segment_00000000000000000000.wal`;

/** Of partition 0 of the one topic, on brokers 1 to 3, led by 1 in epoch 5. */
export function row(changes: Partial<PartitionState> = {}): PartitionState {
  return {
    replicas: [1, 2, 3].map(nodeId),
    isr: [1, 2, 3].map(nodeId),
    leader: nodeId(1),
    leaderEpoch: 5,
    partitionEpoch: 8,
    adding: [],
    removing: [],
    uncleanElections: 0,
    ...changes,
  };
}

export function viewOf(changes: Partial<PartitionView> = {}): PartitionView {
  return {
    topic: topicName,
    partition: 0,
    key: { created, partition: 0 },
    directory,
    role: 'follower',
    leaderEpoch: 5,
    partitionEpoch: 8,
    leader: nodeId(1),
    logStartOffset: 0,
    logEndOffset: 0,
    syncedEndOffset: 0,
    highWatermark: 0,
    lastStableOffset: 0,
    inSyncReplicas: [1, 2, 3].map(nodeId),
    inSyncReplicasMaximal: [1, 2, 3].map(nodeId),
    damage: undefined,
    ...changes,
  };
}

export interface Settings {
  readonly minInsyncReplicas: number;
  readonly uncleanLeaderElection: boolean;
}

/** A batch with these values, as a log holds it. */
export function batchOf(
  values: readonly string[],
  at: {
    readonly offset?: number;
    readonly epoch?: number;
    readonly producerId?: number;
    readonly sequence?: number;
  } = {},
): Uint8Array {
  const bytes = encodeBatch({
    producerId: at.producerId ?? -1,
    producerEpoch: at.producerId === undefined ? -1 : 0,
    baseSequence: at.sequence ?? -1,
    isTransactional: false,
    timestampMs: 1_000,
    records: values.map((value) => ({ key: undefined, value })),
  });
  const view = new DataView(bytes.buffer);
  view.setUint32(4, at.offset ?? 0);
  view.setInt32(12, at.epoch ?? 5);
  return bytes;
}

export function appended(bytes: Uint8Array, syncSeq = 1): BrokerEffect {
  return { kind: 'persist', syncSeq, appends: [{ file: segment, bytes }] };
}

export function cutTo(lengthBytes: number): BrokerEffect {
  return { kind: 'cutSegments', cuts: [{ file: segment, lengthBytes }] };
}

/**
 * A cluster of three brokers as the checkers see it, put together by hand: what each broker shows is what the test says, and
 * everything behind that is the simulator's own.
 */
export class WatchedBrokers {
  readonly state: ChronikState;
  readonly #cluster: ChronikCluster;
  readonly #checker: ChronikChecker;
  readonly #views = new Map<NodeId, readonly PartitionView[]>();
  #rows: readonly PartitionState[] = [row()];
  #topic: TopicState = this.#newTopic();
  #settings: Settings = { minInsyncReplicas: 1, uncleanLeaderElection: false };
  #fenced: readonly number[] = [];
  readonly #applied = new Map<NodeId, number>();
  #index = 0;

  constructor(checker: ChronikChecker) {
    const world = new World();
    const prng = seededPrng('watched brokers');
    const network = new Network({ world, prng, plan: defaultNetworkPlan });
    const nothing = (): void => undefined;
    this.#cluster = new ChronikCluster({
      world,
      network,
      prng,
      plan: { brokers: 3, settings: {}, raft: {}, throughCodec: false },
      observer: {
        recovered: nothing,
        synced: nothing,
        stepped: nothing,
        answered: nothing,
        ended: nothing,
        diskFailed: nothing,
      },
    });
    this.#checker = checker;
    this.state = new ChronikState(this.#cluster, new ChronikHistory());
    for (const process of this.#cluster.processes) {
      this.state.recovered(process);
      checker.onRecovered?.(process, this.#broker(process.node), this.state);
    }
    this.step(1, { views: [viewOf({ role: 'leader' })], row: row() });
    this.step(2, { views: [viewOf()] });
    this.step(3, { views: [viewOf()] });
  }

  /** A broker has made a step, after which it shows this. */
  step(
    node: number,
    after: {
      readonly views?: readonly PartitionView[];
      readonly row?: PartitionState;
      readonly settings?: Partial<Settings>;
      readonly fenced?: readonly number[];
      readonly effects?: readonly BrokerEffect[];
      readonly answers?: BrokerStep['answers'];
      /** It has applied what another made of it. */
      readonly applied?: number;
    },
  ): void {
    const id = nodeId(node);
    if (after.views !== undefined) this.#views.set(id, after.views);
    if (after.settings !== undefined) {
      this.#settings = { ...this.#settings, ...after.settings };
      this.#index += 1;
      this.#applied.set(id, this.#index);
    }
    if (after.fenced !== undefined) this.#fenced = after.fenced;
    if (after.row !== undefined) {
      this.#rows = [after.row];
      this.#topic = this.#newTopic();
      this.#index += 1;
      this.#applied.set(id, this.#index);
    }
    if (after.applied !== undefined) this.#applied.set(id, after.applied);
    const broker = this.#broker(id);
    const effects = after.effects ?? [];
    const { state } = this;
    const logEvents = state.logEvents(id, broker, effects);
    for (const effect of effects) {
      if (effect.kind !== 'persist') continue;
      for (const { file, bytes } of effect.appends) this.process(node).segments.append(file, bytes);
    }
    const metadata = state.metadataChanges(broker);
    const replicas = state.replicaChanges(id, broker);
    state.account({ logEvents, metadata, replicas });
    this.#checker.onStep?.({
      nowUs: 0,
      process: this.process(node),
      broker,
      event: { kind: 'tick' },
      effects,
      answers: after.answers ?? [],
      logEvents,
      metadata,
      replicas,
      state,
    });
  }

  /** An answer leaves this broker. */
  answer(node: number, call: Partial<KafkaCall>, body: unknown): void {
    const answer: BrokerAnswer = {
      nowUs: 0,
      process: this.process(node),
      broker: this.#broker(nodeId(node)),
      call: call as KafkaCall,
      body,
      state: this.state,
    };
    this.#checker.onAnswered?.(answer);
    for (const told of learnFrom(answer)) this.#checker.onTold?.(told);
  }

  /** The world is told of this record, by the leader of this epoch. */
  tell(offset: number, value: string, leaderEpoch = 5): void {
    this.state.truth.of(partitionId).learn(offset, { value, told: 'acknowledged', leaderEpoch, atUs: 0 });
  }

  process(node: number): BrokerProcess {
    return this.#cluster.process(nodeId(node));
  }

  #newTopic(): TopicState {
    return { name: topicName, id: '0'.repeat(32), created, partitions: this.#rows, configs: new Map() };
  }

  #broker(node: NodeId): ChronikBroker {
    const views = this.#views.get(node) ?? [];
    const topic = this.#topic;
    const image = {
      index: this.#applied.get(node) ?? 0,
      brokers: [1, 2, 3].map((id) => ({ id, fenced: this.#fenced.includes(id), endpoints: [] })),
      broker: (id: number) => ({ id, fenced: this.#fenced.includes(id) }),
      topics: () => [topic],
      topic: (name: string) => (name === topicName ? topic : undefined),
      topicByCreated: (index: number) => (index === created ? topic : undefined),
      topicConfig: () => this.#settings,
    } as unknown as MetadataImage;
    const view = {
      appliedIndex: image.index,
      image,
      metadata: { role: 'follower', term: 1 },
      partitions: () => views,
      partition: ({ topic: name, partition }: { topic: string; partition: number }) =>
        views.find((each) => each.topic === name && each.partition === partition),
    };
    return { view } as unknown as ChronikBroker;
  }
}
