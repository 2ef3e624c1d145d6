import { assert } from '../../base/assert.ts';
import { type SegmentAppend } from '../../base/effects.ts';
import { type NodeId } from '../../base/ids.ts';
import { DeadlineHeap } from '../../raft/deadlines.ts';
import { type PartitionLog } from '../log/partition-log.ts';
import {
  type BrokerEpoch,
  noEpoch,
  type PartitionEpoch,
  type PartitionKey,
  partitionKeyText,
} from '../types.ts';
import {
  type AlterPartitionOutcome,
  type AlterPartitionProposal,
  type BrokerState,
  type PartitionAssignment,
} from './assignment.ts';
import { ConsumerFetches } from './consumer-fetches.ts';
import { FollowerFetches } from './follower-fetches.ts';
import { FollowerAnswers } from './follower-answers.ts';
import {
  type FetchAnswer,
  type FetchError,
  type FetchPosition,
  type ReplicaFetch,
  type ReplicationMessage,
} from './messages.ts';
import { recordsBytes } from './message-codec.ts';
import { findEpochEnd, findOffset } from './partition-reads.ts';
import { Partition, type PartitionHost } from './partition.ts';
import { type ReplicaProgress } from './replica-progress.ts';
import {
  type AppendEnd,
  type AppendOutcome,
  type AppendRequest,
  type DeleteRecordsOutcome,
  type DeleteRecordsRequest,
  type EpochFound,
  type EpochQuery,
  type FetchedPartition,
  type FetchRequest,
  type OffsetFound,
  type OffsetQuery,
} from './requests.ts';
import { type ReplicaView, type ReplicationPort } from './replication-port.ts';
import { type ReplicationSettings } from './settings.ts';
import { ReplicationThrottle } from './throttle.ts';
import { UnsyncedRounds } from './unsynced-rounds.ts';
import { Upkeep } from './upkeep.ts';

/** A tick that is late by this part of replica.lag.time.max.ms means that the process did not run. */
const asleepShare = 4;

/**
 * All replicas of a broker: each leads or follows as the metadata says. It is stepped by the broker, which calls one of the
 * methods for each event, and `settle` and `flush` at the end of every step; what is to be said to a peer gathers until then.
 */
export class Replication {
  readonly #id: NodeId;
  readonly #settings: ReplicationSettings;
  readonly #port: ReplicationPort;
  readonly #host: PartitionHost;
  readonly #partitions = new Map<string, Partition>();
  readonly #brokers = new Map<NodeId, BrokerState>();
  readonly #deadlines = new DeadlineHeap<Partition>();
  readonly #answers = new Map<NodeId, FollowerAnswers>();
  readonly #fetches: ConsumerFetches;
  readonly #unsynced = new UnsyncedRounds<Partition>();
  /** Partitions that wait for the metadata to be confirmed. */
  readonly #doubtful = new Set<Partition>();
  readonly #upkeep: Upkeep;
  readonly #throttle = new ReplicationThrottle();
  #brokerEpoch: BrokerEpoch = noEpoch;
  readonly #following: FollowerFetches;
  /** Appends that wait, and their bytes; bounded by the settings. */
  #waitingAppends = 0;
  #waitingAppendBytes = 0;
  /** Gathered until the step ends. */
  readonly #marksMoved = new Set<Partition>();
  #proposals: AlterPartitionProposal[] = [];

  constructor(given: {
    readonly id: NodeId;
    readonly settings: ReplicationSettings;
    readonly port: ReplicationPort;
  }) {
    this.#id = given.id;
    this.#settings = given.settings;
    this.#port = given.port;
    this.#host = this.#makeHost();
    this.#following = new FollowerFetches({
      id: given.id,
      throttle: this.#throttle,
      send: (to, message) => {
        this.#port.send(to, message);
      },
    });
    this.#fetches = new ConsumerFetches(
      {
        partition: (key) => this.#partitions.get(partitionKeyText(key)),
        fetched: (token, partitions) => {
          this.#port.fetched(token, partitions);
        },
      },
      given.settings.waitingFetchesMax,
    );
    this.#upkeep = new Upkeep(given.settings);
  }

  /**
   * The metadata that this broker has applied knows it under a registration of its present life. Until then it neither leads nor
   * follows: what the metadata says of it may be about a life before, whose unsynced records are lost.
   */
  registered(brokerEpoch: BrokerEpoch, nowUs: number): void {
    assert(brokerEpoch >= this.#brokerEpoch, 'a broker registers under a higher epoch each time');
    this.#brokerEpoch = brokerEpoch;
    for (const partition of this.#partitions.values()) partition.registered(nowUs);
  }

  /** What throttled replicas may take of this broker, and its own of others. `Infinity`: as much as there is. */
  throttle(rates: Parameters<ReplicationThrottle['rates']>[0]): void {
    this.#throttle.rates(rates);
  }

  /** All brokers that the metadata knows, or those that changed. */
  brokersChanged(brokers: readonly BrokerState[]): void {
    for (const broker of brokers) this.#brokers.set(broker.id, broker);
    for (const partition of this.#partitions.values()) partition.brokersChanged();
  }

  /**
   * What the metadata says of a partition of which this broker holds a replica, whenever it says something new. Brokers that it
   * speaks of have been made known before.
   *
   * @param log its log, the same one every time
   */
  assign(assignment: PartitionAssignment, log: PartitionLog, nowUs: number): void {
    const text = partitionKeyText(assignment.key);
    let partition = this.#partitions.get(text);
    if (partition === undefined) {
      partition = new Partition(assignment, log, this.#host);
      this.#partitions.set(text, partition);
      this.#upkeep.add(partition);
    }
    assert(partition.log === log, 'a partition keeps its log');
    this.#excuseIfAsleep(nowUs);
    partition.assigned(assignment, nowUs);
  }

  /** This broker is no longer to hold a replica: the caller removes its files. */
  unassign(key: PartitionKey): void {
    const partition = this.#partitions.get(partitionKeyText(key));
    if (partition === undefined) return;
    partition.close();
    this.#partitions.delete(partitionKeyText(key));
    this.#following.forget(partition);
    this.#deadlines.remove(partition);
    this.#upkeep.remove(partition);
    this.#unsynced.forget(partition);
    this.#doubtful.delete(partition);
  }

  /** What became of the proposal that was made under this partition epoch, where it was not applied. */
  alterPartitionAnswered(
    key: PartitionKey,
    partitionEpoch: PartitionEpoch,
    outcome: AlterPartitionOutcome,
    nowUs: number,
  ): void {
    this.#excuseIfAsleep(nowUs);
    this.#partitions.get(partitionKeyText(key))?.alterPartitionAnswered(partitionEpoch, outcome, nowUs);
  }

  /** What was decided before this number was given out has been assigned (`ReplicationPort.confirmMetadata`). */
  metadataConfirmed(number: number): void {
    for (const partition of this.#doubtful) {
      partition.metadataConfirmed(number);
      if (partition.leadership === undefined || partition.leadership.doubts.size === 0)
        this.#doubtful.delete(partition);
    }
  }

  received(from: NodeId, message: ReplicationMessage, nowUs: number): void {
    switch (message.kind) {
      case 'replicaFetch':
        this.#onFetch(from, message, nowUs);
        break;
      case 'replicaFetchAnswered':
        for (const answer of message.answers) this.#onAnswer(from, answer, nowUs);
        break;
      case 'replicaSynced':
        for (const mark of message.marks) {
          this.#partitions
            .get(partitionKeyText(mark.key))
            ?.followerSynced(from, message.brokerEpoch, mark, nowUs);
        }
        break;
    }
  }

  /** Every append that `persist` numbered up to this one is on the disk. */
  synced(syncSeq: number, nowUs: number): void {
    for (const partition of this.#unsynced.takeUpTo(syncSeq)) {
      partition.synced(syncSeq, nowUs);
      this.#upkeep.synced(partition, nowUs);
    }
  }

  tick(nowUs: number): void {
    this.#excuseIfAsleep(nowUs);
    const due: Partition[] = [];
    for (let next = this.#deadlines.popDue(nowUs); next !== undefined; next = this.#deadlines.popDue(nowUs)) {
      due.push(next);
    }
    for (const partition of due) {
      partition.tick(nowUs);
      this.#deadlines.schedule(partition, partition.deadlineUs);
    }
    this.#fetches.tick(nowUs);
    this.#upkeep.tick(nowUs);
  }

  /** The wall clock is only for what is written into records and for how long they are kept. */
  wallClock(wallMs: number, nowUs: number): void {
    this.#upkeep.wallClock(wallMs, nowUs);
  }

  /**
   * Tells the broker what has come of the step so far: consumers' fetches that have enough now, marks that have moved. What the
   * broker does thereupon may give cause for more.
   */
  settle(nowUs: number): void {
    this.#fetches.flush(nowUs);
    for (const partition of this.#marksMoved) {
      if (partition.leadership === undefined) continue;
      this.#port.highWatermarkMoved(partition.key, partition.highWatermark);
    }
    this.#marksMoved.clear();
  }

  /** The end of a step: says what there is to say to peers and to the metadata. */
  flush(nowUs: number): void {
    for (const answers of this.#answers.values()) {
      const taken = answers.take(nowUs);
      if (taken.length > 0) this.#port.send(answers.to, { kind: 'replicaFetchAnswered', answers: taken });
    }
    if (this.#mayFetch) this.#following.sendFetches(this.#brokerEpoch, nowUs);
    this.#following.sendSynced(this.#brokerEpoch);
    if (this.#proposals.length > 0) {
      this.#port.proposeAlterPartitions(this.#proposals);
      this.#proposals = [];
    }
  }

  /** When `tick` must be called at the latest. */
  get deadlineUs(): number {
    let deadlineUs = Math.min(
      this.#deadlines.earliestUs,
      this.#fetches.deadlineUs,
      this.#upkeep.deadlineUs,
      // Beyond that bound a sync is waited for, not a time.
      this.#mayFetch ? this.#following.deadlineUs : Infinity,
    );
    for (const answers of this.#answers.values()) deadlineUs = Math.min(deadlineUs, answers.deadlineUs);
    return deadlineUs;
  }

  append(request: AppendRequest): AppendOutcome {
    const partition = this.#partitions.get(partitionKeyText(request.key));
    if (partition !== undefined) return partition.append(request);
    return {
      kind: 'refused',
      error: 'NOT_LEADER_OR_FOLLOWER',
      message: 'this broker holds no replica of the partition',
      logStartOffset: -1,
    };
  }

  /** @returns undefined: it waits, and `fetched` is called with its token */
  fetch(request: FetchRequest, nowUs: number): readonly FetchedPartition[] | undefined {
    return this.#fetches.fetch(request, nowUs);
  }

  /** Whoever fetched is gone. */
  cancelFetch(token: number): void {
    this.#fetches.cancel(token);
  }

  offsetOf(query: OffsetQuery): OffsetFound {
    const partition = this.#partitions.get(partitionKeyText(query.key));
    if (partition !== undefined) return findOffset(partition, query);
    return { error: 'NOT_LEADER_OR_FOLLOWER', offset: -1, timestampMs: -1, leaderEpoch: noEpoch };
  }

  endOffsetOfEpoch(query: EpochQuery): EpochFound {
    const partition = this.#partitions.get(partitionKeyText(query.key));
    if (partition !== undefined) return findEpochEnd(partition, query);
    return { error: 'NOT_LEADER_OR_FOLLOWER', leaderEpoch: noEpoch, endOffset: -1 };
  }

  deleteRecords(request: DeleteRecordsRequest): DeleteRecordsOutcome {
    const partition = this.#partitions.get(partitionKeyText(request.key));
    if (partition !== undefined) return partition.deleteRecords(request);
    return { kind: 'ended', end: { error: 'NOT_LEADER_OR_FOLLOWER', lowWatermark: -1 } };
  }

  replica(key: PartitionKey): ReplicaView | undefined {
    const partition = this.#partitions.get(partitionKeyText(key));
    if (partition === undefined) return undefined;
    const { assignment, role, log, highWatermark, lastStableOffset, leadership } = partition;
    const inSyncReplicasMaximal = leadership?.isr.maximal ?? assignment.isr;
    return { assignment, role, log, highWatermark, lastStableOffset, inSyncReplicasMaximal };
  }

  /** Appends, fetches and deletions that wait. */
  get waiting(): number {
    let waiting = this.#fetches.size;
    for (const partition of this.#partitions.values()) waiting += partition.waiting;
    return waiting;
  }

  /**
   * A broker that did not run when it was to heard of nobody: followers whose messages wait to be read are not late for it. Done
   * before anybody is judged by the time.
   */
  #excuseIfAsleep(nowUs: number): void {
    const lateUs = nowUs - this.#deadlines.earliestUs;
    if (lateUs * asleepShare <= this.#settings.replicaLagTimeMaxUs) return;
    for (const { leadership } of this.#partitions.values()) leadership?.excuse(nowUs);
  }

  #onFetch(from: NodeId, message: ReplicaFetch, nowUs: number): void {
    const { fetchSeq, brokerEpoch } = message;
    const known = this.#brokers.get(from);
    const isStale = known !== undefined && brokerEpoch < known.brokerEpoch;
    for (const position of message.positions) {
      const partition = this.#partitions.get(partitionKeyText(position.key));
      if (partition === undefined) {
        this.#answersTo(from).add(unknownPartition(position, fetchSeq));
      } else if (isStale) {
        this.#answersTo(from).add(partition.refusal(position.key, fetchSeq, 'STALE_BROKER_EPOCH'));
      } else {
        partition.fetched(from, { fetchSeq, brokerEpoch, position }, nowUs);
      }
    }
  }

  #onAnswer(from: NodeId, answer: FetchAnswer, nowUs: number): void {
    const partition = this.#partitions.get(partitionKeyText(answer.key));
    if (partition === undefined) return;
    this.#throttle.fetched(partition, this.#id, recordsBytes(answer.records), nowUs);
    partition.answered(from, answer, nowUs);
  }

  /** What was fetched and is not on the disk is bounded: fetches wait for the sync beyond it. */
  get #mayFetch(): boolean {
    return this.#unsynced.bytes < this.#settings.unsyncedBytesMax;
  }

  #answersTo(to: NodeId): FollowerAnswers {
    let answers = this.#answers.get(to);
    if (answers === undefined) {
      answers = new FollowerAnswers(to, this.#settings, this.#throttle);
      this.#answers.set(to, answers);
    }
    return answers;
  }

  #persist(partition: Partition, appends: readonly SegmentAppend[]): void {
    if (appends.length === 0) return;
    const syncSeq = this.#port.persist(appends);
    partition.log.written(syncSeq);
    this.#unsynced.add(syncSeq, partition, bytesOf(appends));
  }

  #appendEnded(token: number, bytes: number, end: AppendEnd): void {
    this.#waitingAppends -= 1;
    this.#waitingAppendBytes -= bytes;
    this.#port.appendEnded(token, end);
  }

  #makeHost(): PartitionHost {
    // A partition sees no more of its broker than this.
    // eslint-disable-next-line @typescript-eslint/no-this-alias
    const replication = this;
    return {
      id: this.#id,
      settings: this.#settings,
      get brokerEpoch() {
        return replication.#brokerEpoch;
      },
      broker: (id) => this.#brokers.get(id),
      persist: (partition, appends) => {
        this.#persist(partition, appends);
      },
      cut: (cuts) => {
        if (cuts.length > 0) this.#port.cut(cuts);
      },
      answer: (to, answer) => {
        this.#answersTo(to).add(answer);
      },
      answerReady: (partition, progress) => {
        this.#answersTo(progress.id).enqueue(partition, progress);
      },
      answerArrived: (progress: ReplicaProgress) => {
        this.#answers.get(progress.id)?.arrived(progress);
      },
      fetchDue: (partition) => {
        this.#following.fetchDue(partition);
      },
      syncedDue: (partition) => {
        this.#following.syncedDue(partition);
      },
      propose: (proposal) => this.#proposals.push(proposal),
      deadlineMoved: (partition) => {
        this.#deadlines.schedule(partition, partition.deadlineUs);
      },
      confirmMetadata: (partition) => {
        this.#doubtful.add(partition);
        return this.#port.confirmMetadata();
      },
      mayWait: (bytes) =>
        this.#waitingAppends < this.#settings.waitingAppendsMax &&
        this.#waitingAppendBytes + bytes <= this.#settings.waitingAppendBytesMax,
      waitBegan: (bytes) => {
        this.#waitingAppends += 1;
        this.#waitingAppendBytes += bytes;
      },
      appendEnded: (token, bytes, end) => {
        this.#appendEnded(token, bytes, end);
      },
      recordsDeleted: (token, end) => {
        this.#port.recordsDeleted(token, end);
      },
      led: (partition) => {
        this.#port.partitionLed(partition.key, partition.assignment.leaderEpoch);
      },
      left: (partition) => {
        this.#port.partitionLeft(partition.key);
      },
      highWatermarkMoved: (partition) => {
        this.#marksMoved.add(partition);
        this.#fetches.moved(partition);
      },
      readableMoved: (partition) => {
        this.#fetches.moved(partition);
      },
    };
  }
}

function unknownPartition(position: FetchPosition, fetchSeq: number): FetchAnswer {
  const error: FetchError = 'UNKNOWN_TOPIC_OR_PARTITION';
  return {
    key: position.key,
    fetchSeq,
    error,
    leaderEpoch: noEpoch,
    highWatermark: 0,
    logStartOffset: 0,
    divergence: undefined,
    records: undefined,
  };
}

function bytesOf(appends: readonly SegmentAppend[]): number {
  let bytes = 0;
  for (const append of appends) bytes += append.bytes.length;
  return bytes;
}
