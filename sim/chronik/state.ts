import { type NodeId } from '../../core/base/ids.ts';
import { type PartitionView } from '../../core/chronik/broker-view.ts';
import { type ChronikBroker } from '../../core/chronik/broker.ts';
import { type MetadataImage, type TopicState } from '../../core/chronik/metadata/image.ts';
import { type PartitionState } from '../../core/chronik/metadata/rows.ts';
import { partitionKeyText } from '../../core/chronik/types.ts';
import { type BrokerEffect, type BrokerProcess } from './broker-process.ts';
import { type ChronikCluster } from './cluster.ts';
import { CommittedLog } from './committed-log.ts';
import { type ChronikHistory } from './history.ts';
import { type LogEvent, LogMirror } from './log-mirror.ts';
import { Truth } from './truth.ts';

/** A replica as its broker's last step has left it: a copy. */
export interface Replica extends PartitionView {
  readonly node: NodeId;
  /** See `partitionKeyText`. */
  readonly id: string;
}

/** A replica that is another now; undefined before it is first seen, and after it is gone. */
export interface ReplicaChange {
  readonly id: string;
  readonly before: Replica | undefined;
  readonly after: Replica | undefined;
}

/** A partition in the newest metadata that anybody has applied. */
export interface KnownPartition {
  readonly id: string;
  readonly topic: TopicState;
  readonly partition: number;
  readonly state: PartitionState;
}

export interface MetadataChange {
  readonly id: string;
  readonly before: KnownPartition | undefined;
  /** Undefined: its topic was deleted. */
  readonly after: KnownPartition | undefined;
}

/** Counts for floors. */
export interface ChronikCounts {
  acknowledged: number;
  elections: number;
  controllers: number;
  isrChanges: number;
  truncations: number;
  uncleanElections: number;
  notEnoughReplicas: number;
  reassignments: number;
  duplicates: number;
}

/**
 * What the checkers know of the whole cluster: every broker's replicas as they are, their logs batch by batch, the newest
 * metadata, and what the world has been told.
 */
export class ChronikState {
  readonly cluster: ChronikCluster;
  readonly history: ChronikHistory;
  readonly truth = new Truth();
  readonly counts: ChronikCounts = {
    acknowledged: 0,
    elections: 0,
    controllers: 0,
    isrChanges: 0,
    truncations: 0,
    uncleanElections: 0,
    notEnoughReplicas: 0,
    reassignments: 0,
    duplicates: 0,
  };
  /** By broker, by partition; of a broker that is down as they were. */
  readonly #replicas = new Map<NodeId, Map<string, Replica>>();
  readonly #mirrors = new Map<NodeId, LogMirror>();
  readonly #running = new Set<NodeId>();
  readonly #committed = new Map<string, CommittedLog>();
  #partitions = new Map<string, KnownPartition>();
  #image: MetadataImage | undefined;
  #index = -1;
  #controllerTerm = 0;

  constructor(cluster: ChronikCluster, history: ChronikHistory) {
    this.cluster = cluster;
    this.history = history;
    for (const { node, segments } of cluster.processes) {
      this.#replicas.set(node, new Map());
      this.#mirrors.set(node, new LogMirror(segments));
    }
  }

  /** The newest that anybody has applied. */
  get image(): MetadataImage | undefined {
    return this.#image;
  }

  /** Every partition of the newest metadata. */
  partitions(): Iterable<KnownPartition> {
    return this.#partitions.values();
  }

  partition(id: string): KnownPartition | undefined {
    return this.#partitions.get(id);
  }

  partitionNamed(topic: string, partition: number): KnownPartition | undefined {
    for (const known of this.#partitions.values()) {
      if (known.topic.name === topic && known.partition === partition) return known;
    }
    return undefined;
  }

  /** As its broker's last step has left it, also while that one is down. */
  replica(node: NodeId, id: string): Replica | undefined {
    return this.#replicas.get(node)?.get(id);
  }

  replicasOn(node: NodeId): Iterable<Replica> {
    return this.#replicas.get(node)?.values() ?? [];
  }

  mirror(node: NodeId): LogMirror {
    return this.#mirrors.get(node) as LogMirror;
  }

  committed(id: string): CommittedLog {
    let log = this.#committed.get(id);
    if (log === undefined) {
      log = new CommittedLog();
      this.#committed.set(id, log);
    }
    return log;
  }

  isRunning(node: NodeId): boolean {
    return this.#running.has(node);
  }

  ended(node: NodeId): void {
    this.#running.delete(node);
  }

  recovered(process: Pick<BrokerProcess, 'node'>): void {
    this.#running.add(process.node);
    this.mirror(process.node).recovered();
    this.#replicas.get(process.node)?.clear();
  }

  /** What the broker's step has done to logs, before anything else is looked at. */
  logEvents(node: NodeId, broker: ChronikBroker, effects: readonly BrokerEffect[]): readonly LogEvent[] {
    const mirror = this.mirror(node);
    for (const { directory } of broker.view.partitions()) mirror.open(directory);
    return mirror.stepped(effects);
  }

  /** Which of a broker's replicas its step has changed. */
  replicaChanges(node: NodeId, broker: ChronikBroker): readonly ReplicaChange[] {
    const known = this.#replicas.get(node) as Map<string, Replica>;
    const gone = new Set(known.keys());
    const changes: ReplicaChange[] = [];
    for (const view of broker.view.partitions()) {
      const id = partitionKeyText(view.key);
      gone.delete(id);
      const before = known.get(id);
      if (before !== undefined && isSame(before, view)) continue;
      const after = copyOf(node, id, view);
      known.set(id, after);
      changes.push({ id, before, after });
    }
    for (const id of gone) {
      changes.push({ id, before: known.get(id), after: undefined });
      known.delete(id);
    }
    return changes;
  }

  /** What is new to everybody in the metadata that this broker has applied. */
  metadataChanges(broker: ChronikBroker): readonly MetadataChange[] {
    const { view } = broker;
    if (view.metadata.role === 'leader' && view.metadata.term > this.#controllerTerm) {
      this.#controllerTerm = view.metadata.term;
      this.counts.controllers += 1;
    }
    if (view.appliedIndex <= this.#index) return [];
    this.#index = view.appliedIndex;
    this.#image = view.image;
    const changes: MetadataChange[] = [];
    const partitions = new Map<string, KnownPartition>();
    for (const topic of view.image.topics()) {
      topic.partitions.forEach((state, partition) => {
        const id = partitionKeyText({ created: topic.created, partition });
        const before = this.#partitions.get(id);
        const after = { id, topic, partition, state };
        partitions.set(id, after);
        // Each broker has rows of its own: the same epoch means the same row.
        if (before?.state.partitionEpoch !== state.partitionEpoch) changes.push({ id, before, after });
      });
    }
    for (const [id, before] of this.#partitions) {
      if (!partitions.has(id)) changes.push({ id, before, after: undefined });
    }
    this.#partitions = partitions;
    return changes;
  }

  /** What a step has changed, for floors, and for what it makes of what was told before. */
  account(step: {
    readonly logEvents: readonly LogEvent[];
    readonly metadata: readonly MetadataChange[];
    readonly replicas: readonly ReplicaChange[];
  }): void {
    const { counts } = this;
    if (step.logEvents.some(({ kind }) => kind === 'cut')) counts.truncations += 1;
    for (const { id, before, after } of step.metadata) {
      if (before === undefined || after === undefined) continue;
      const [was, is] = [before.state, after.state];
      if (is.isr.length !== was.isr.length || is.isr.some((node, at) => node !== was.isr[at]))
        counts.isrChanges += 1;
      if (is.leaderEpoch > was.leaderEpoch) counts.elections += 1;
      if (is.adding.length < was.adding.length || is.removing.length < was.removing.length)
        counts.reassignments += 1;
      if (is.uncleanElections === was.uncleanElections) continue;
      counts.uncleanElections += is.uncleanElections - was.uncleanElections;
      this.truth.of(id).forgiven(is.leaderEpoch);
      this.committed(id).forget();
    }
    for (const { id, after } of step.replicas) {
      if (after?.role === 'leader') this.truth.of(id).deletedBelow(after.logStartOffset);
    }
  }
}

function copyOf(node: NodeId, id: string, view: PartitionView): Replica {
  return {
    node,
    id,
    topic: view.topic,
    partition: view.partition,
    key: view.key,
    directory: view.directory,
    damage: view.damage,
    role: view.role,
    leaderEpoch: view.leaderEpoch,
    partitionEpoch: view.partitionEpoch,
    leader: view.leader,
    logStartOffset: view.logStartOffset,
    logEndOffset: view.logEndOffset,
    syncedEndOffset: view.syncedEndOffset,
    highWatermark: view.highWatermark,
    lastStableOffset: view.lastStableOffset,
    inSyncReplicas: view.inSyncReplicas,
    inSyncReplicasMaximal: view.inSyncReplicasMaximal,
  };
}

function isSame(left: PartitionView, right: PartitionView): boolean {
  return (
    left.logEndOffset === right.logEndOffset &&
    left.syncedEndOffset === right.syncedEndOffset &&
    left.highWatermark === right.highWatermark &&
    left.lastStableOffset === right.lastStableOffset &&
    left.logStartOffset === right.logStartOffset &&
    left.role === right.role &&
    left.leader === right.leader &&
    left.leaderEpoch === right.leaderEpoch &&
    left.partitionEpoch === right.partitionEpoch &&
    isSameList(left.inSyncReplicas, right.inSyncReplicas) &&
    isSameList(left.inSyncReplicasMaximal, right.inSyncReplicasMaximal)
  );
}

function isSameList(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((item, at) => item === right[at]);
}
