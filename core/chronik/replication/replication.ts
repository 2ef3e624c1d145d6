import { assert, InvariantError } from '../../base/assert.ts';
import { type SegmentAppend } from '../../base/effects.ts';
import { type NodeId } from '../../base/ids.ts';
import {
  type BrokerEpoch,
  type LeaderEpoch,
  type Offset,
  type PartitionEpoch,
  type PartitionKey,
} from '../types.ts';
import {
  type AlterPartitionOutcome,
  type AlterPartitionProposal,
  type BrokerState,
  type PartitionAssignment,
} from './assignment.ts';
import { type ReplicatedLog, type SegmentCut } from './log-port.ts';
import { type ReplicationMessage } from './messages.ts';
import {
  type AppendEnd,
  type AppendOutcome,
  type AppendRequest,
  type DeleteRecordsEnd,
  type DeleteRecordsOutcome,
  type DeleteRecordsRequest,
  type EpochFound,
  type EpochQuery,
  type FetchedPartition,
  type FetchRequest,
  type OffsetFound,
  type OffsetQuery,
} from './requests.ts';
import { type ReplicationSettings } from './settings.ts';

/** What replication needs of the broker that it belongs to. Nothing in it calls back into replication. */
export interface ReplicationPort {
  send(to: NodeId, message: ReplicationMessage): void;
  /** Has them persisted at the end of this step. @returns the number of the sync that will cover them */
  persist(appends: readonly SegmentAppend[]): number;
  /** Cuts files at once, in order: appends of this step to them have not happened, or come before. */
  cut(cuts: readonly SegmentCut[]): void;
  /** Removes files once every earlier append is durable. */
  remove(files: readonly string[]): void;
  /** Goes through the metadata's log; answered by an assignment, or by `alterPartitionAnswered`. */
  proposeAlterPartition(proposal: AlterPartitionProposal): void;
  /** Of an append that waited. */
  appendEnded(token: number, end: AppendEnd): void;
  /** Of a consumer's fetch that waited. */
  fetched(token: number, partitions: readonly FetchedPartition[]): void;
  /** Of a request to delete records that waited. */
  recordsDeleted(token: number, end: DeleteRecordsEnd): void;
  /** This broker leads the partition from now on, in this epoch; its log holds whatever was committed. */
  partitionLed(key: PartitionKey, leaderEpoch: LeaderEpoch): void;
  /** It no longer does: what waited has been answered. */
  partitionLeft(key: PartitionKey): void;
  /** Of a partition that this broker leads. At most once a step and partition. */
  highWatermarkMoved(key: PartitionKey, highWatermark: Offset): void;
}

/** A replica on this broker, as it is now. */
export interface ReplicaView {
  readonly assignment: PartitionAssignment;
  /** `offline`: nobody leads, or this broker is not registered yet. */
  readonly role: 'leader' | 'follower' | 'offline';
  readonly log: ReplicatedLog;
  readonly highWatermark: Offset;
  readonly lastStableOffset: Offset;
  /** What the leader waits for: the in-sync replicas and those that it has proposed. */
  readonly inSyncReplicasMaximal: readonly NodeId[];
}

/**
 * All replicas of a broker: each leads or follows as the metadata says. It is stepped by the broker, which calls one of the
 * methods for each event and `flush` at the end of every step; what is to be said to a peer gathers until then.
 */
export class Replication {
  constructor(given: {
    readonly id: NodeId;
    readonly settings: ReplicationSettings;
    readonly port: ReplicationPort;
  }) {
    void given;
  }

  /**
   * The metadata that this broker has applied knows it under a registration of its present life. Until then it neither leads nor
   * follows: what the metadata says of it may be about a life before, whose unsynced records are lost.
   */
  registered(brokerEpoch: BrokerEpoch, nowUs: number): void {
    void [brokerEpoch, nowUs];
    assert(false, 'not there yet');
  }

  /** All brokers that the metadata knows, or those that changed. */
  brokersChanged(brokers: readonly BrokerState[], nowUs: number): void {
    void [brokers, nowUs];
    assert(false, 'not there yet');
  }

  /**
   * What the metadata says of a partition of which this broker holds a replica, whenever it says something new.
   *
   * @param log its log, the same one every time
   */
  assign(assignment: PartitionAssignment, log: ReplicatedLog, nowUs: number): void {
    void [assignment, log, nowUs];
    assert(false, 'not there yet');
  }

  /** This broker is no longer to hold a replica: the caller removes its files. */
  unassign(key: PartitionKey, nowUs: number): void {
    void [key, nowUs];
    assert(false, 'not there yet');
  }

  /** What became of the proposal that was made under this partition epoch, where it was not applied. */
  alterPartitionAnswered(
    key: PartitionKey,
    partitionEpoch: PartitionEpoch,
    outcome: AlterPartitionOutcome,
    nowUs: number,
  ): void {
    void [key, partitionEpoch, outcome, nowUs];
    assert(false, 'not there yet');
  }

  received(from: NodeId, message: ReplicationMessage, nowUs: number): void {
    void [from, message, nowUs];
    assert(false, 'not there yet');
  }

  /** Every append that `persist` numbered up to this one is on the disk. */
  synced(syncSeq: number, nowUs: number): void {
    void [syncSeq, nowUs];
    assert(false, 'not there yet');
  }

  tick(nowUs: number): void {
    void nowUs;
    assert(false, 'not there yet');
  }

  wallClock(wallMs: number, nowUs: number): void {
    void [wallMs, nowUs];
    assert(false, 'not there yet');
  }

  /** The end of a step: says what there is to say to peers. */
  flush(nowUs: number): void {
    void nowUs;
    assert(false, 'not there yet');
  }

  /** When `tick` must be called at the latest. */
  get deadlineUs(): number {
    throw new InvariantError('not there yet');
  }

  append(request: AppendRequest, nowUs: number): AppendOutcome {
    void [request, nowUs];
    assert(false, 'not there yet');
  }

  /** @returns undefined: it waits, and `fetched` is called with its token */
  fetch(request: FetchRequest, nowUs: number): readonly FetchedPartition[] | undefined {
    void [request, nowUs];
    assert(false, 'not there yet');
  }

  /** Whoever fetched is gone. */
  cancelFetch(token: number): void {
    void token;
    assert(false, 'not there yet');
  }

  offsetOf(query: OffsetQuery): OffsetFound {
    void query;
    assert(false, 'not there yet');
  }

  endOffsetOfEpoch(query: EpochQuery): EpochFound {
    void query;
    assert(false, 'not there yet');
  }

  deleteRecords(request: DeleteRecordsRequest, nowUs: number): DeleteRecordsOutcome {
    void [request, nowUs];
    assert(false, 'not there yet');
  }

  replica(key: PartitionKey): ReplicaView | undefined {
    void key;
    assert(false, 'not there yet');
  }

  /** Appends, fetches and deletions that wait. */
  get waiting(): number {
    throw new InvariantError('not there yet');
  }
}
