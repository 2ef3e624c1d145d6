import { assert } from '../../base/assert.ts';
import { type SegmentAppend, type SegmentCut } from '../../base/effects.ts';
import { type NodeId } from '../../base/ids.ts';
import { type KafkaError } from '../../wire/kafka/error-codes.ts';
import { type PartitionLog } from '../log/partition-log.ts';
import { type BrokerEpoch, type LeaderEpoch, noLeader, type Offset, type PartitionKey } from '../types.ts';
import {
  type AlterPartitionOutcome,
  type AlterPartitionProposal,
  type BrokerState,
  type PartitionAssignment,
} from './assignment.ts';
import { DeleteWaits } from './delete-waits.ts';
import { Following } from './following.ts';
import { Leadership } from './leadership.ts';
import { type FetchAnswer, type FetchError, type FetchPosition, type SyncedMark } from './messages.ts';
import { type ReplicaProgress } from './replica-progress.ts';
import {
  type AppendEnd,
  type AppendOutcome,
  type AppendRequest,
  type DeleteRecordsEnd,
  type DeleteRecordsOutcome,
  type DeleteRecordsRequest,
} from './requests.ts';
import { type RolePort } from './role-port.ts';
import { type ReplicationSettings } from './settings.ts';

/** What a partition needs of the broker's replication. */
export interface PartitionHost {
  readonly id: NodeId;
  readonly settings: ReplicationSettings;
  /** Of this life of the broker; −1: not registered. */
  readonly brokerEpoch: BrokerEpoch;
  broker(id: NodeId): BrokerState | undefined;

  persist(partition: Partition, appends: readonly SegmentAppend[]): void;
  cut(cuts: readonly SegmentCut[]): void;
  deadlineMoved(partition: Partition): void;

  answer(to: NodeId, answer: FetchAnswer): void;
  answerReady(partition: Partition, progress: ReplicaProgress): void;
  answerArrived(progress: ReplicaProgress): void;
  fetchDue(partition: Partition): void;
  syncedDue(partition: Partition): void;
  propose(proposal: AlterPartitionProposal): void;

  /** See `ReplicationPort.confirmMetadata`; this partition waits for it. */
  confirmMetadata(partition: Partition): number;
  /** There is room for an append of so many bytes that waits. */
  mayWait(bytes: number): boolean;
  waitBegan(bytes: number): void;
  appendEnded(token: number, bytes: number, end: AppendEnd): void;
  recordsDeleted(token: number, end: DeleteRecordsEnd): void;
  led(partition: Partition): void;
  left(partition: Partition): void;
  highWatermarkMoved(partition: Partition): void;
  /** The log's start has moved, or the partition is led no more. */
  readableMoved(partition: Partition): void;
}

/**
 * A replica of a partition on this broker: a log, how much of it is committed, and what the metadata has this broker do with it.
 */
export class Partition implements RolePort {
  readonly key: PartitionKey;
  readonly log: PartitionLog;
  /** Undefined: it follows, or nobody leads. */
  leadership: Leadership | undefined;
  following: Following | undefined;
  /** When upkeep last looked at the log. */
  upkeptUs = -Infinity;

  readonly #host: PartitionHost;
  readonly #deleteWaits = new DeleteWaits();
  #assignment: PartitionAssignment;
  /** Everything below is committed: no election but an unclean one takes it back. Within the log. */
  #highWatermark: Offset;

  constructor(assignment: PartitionAssignment, log: PartitionLog, host: PartitionHost) {
    this.key = assignment.key;
    this.log = log;
    this.#host = host;
    this.#assignment = assignment;
    this.#highWatermark = log.logStartOffset;
  }

  get assignment(): PartitionAssignment {
    return this.#assignment;
  }

  get highWatermark(): Offset {
    return this.#highWatermark;
  }

  get lastStableOffset(): Offset {
    return this.log.lastStableOffset(this.#highWatermark);
  }

  get role(): 'leader' | 'follower' | 'offline' {
    if (this.leadership !== undefined) return 'leader';
    return this.following === undefined ? 'offline' : 'follower';
  }

  get deadlineUs(): number {
    const roleUs = this.leadership?.deadlineUs ?? this.following?.deadlineUs ?? Infinity;
    return Math.min(roleUs, this.#deleteWaits.deadlineUs);
  }

  get waiting(): number {
    const { leadership } = this;
    const appends = leadership === undefined ? 0 : leadership.waiting;
    return appends + this.#deleteWaits.size;
  }

  /** What the metadata says. What is older than what was said before is not said again by anybody. */
  assigned(assignment: PartitionAssignment, nowUs: number): void {
    const before = this.#assignment;
    assert(
      assignment.leaderEpoch >= before.leaderEpoch && assignment.partitionEpoch >= before.partitionEpoch,
      'epochs of a partition only rise',
    );
    this.#assignment = assignment;
    const goesOn = assignment.leaderEpoch === before.leaderEpoch && assignment.leader === before.leader;
    if (goesOn && this.leadership !== undefined) this.leadership.assigned(assignment, nowUs);
    else if (!goesOn || this.following === undefined) this.#takeRole(nowUs);
  }

  /** This broker has got its registration, or another one. */
  registered(nowUs: number): void {
    if (this.role === 'offline') this.#takeRole(nowUs);
  }

  /** This broker no longer holds a replica. */
  close(): void {
    this.#leaveRole();
  }

  alterPartitionAnswered(partitionEpoch: number, outcome: AlterPartitionOutcome, nowUs: number): void {
    this.leadership?.alterPartitionAnswered(partitionEpoch, outcome, nowUs);
  }

  /** What the metadata says of brokers has changed. */
  brokersChanged(): void {
    this.followerReported();
  }

  append(request: AppendRequest): AppendOutcome {
    const { leadership, log } = this;
    const { logStartOffset } = log;
    if (leadership === undefined)
      return refused('NOT_LEADER_OR_FOLLOWER', 'this broker does not lead the partition', -1);
    if (request.leaderEpoch !== undefined && request.leaderEpoch !== leadership.epoch) {
      return refused('NOT_LEADER_OR_FOLLOWER', 'the partition is led in another epoch', logStartOffset);
    }
    const { acks, records, token, deadlineUs } = request;
    if (acks === -1 && !leadership.hasEnoughReplicas) {
      return refused(
        'NOT_ENOUGH_REPLICAS',
        `${leadership.isr.committed.length} replicas are in sync, min.insync.replicas is ${this.#assignment.minInsyncReplicas}`,
        logStartOffset,
      );
    }
    if (acks !== 0 && !this.#host.mayWait(records.length)) {
      return refused(
        'THROTTLING_QUOTA_EXCEEDED',
        'too many appends wait for replicas on this broker',
        logStartOffset,
      );
    }
    const { epoch: leaderEpoch } = leadership;
    const result = log.appendAsLeader(records, {
      leaderEpoch,
      wallMs: request.wallMs,
      origin: request.origin,
    });
    if (result.kind === 'refused') {
      const isDoubtful = result.error === 'OUT_OF_ORDER_SEQUENCE_NUMBER' && acks === -1;
      return isDoubtful
        ? this.#doubt(leadership, request, result.message)
        : refused(result.error, result.message, logStartOffset);
    }
    if (result.kind === 'appended') {
      this.persist(result.appends);
      leadership.tellFollowers();
    }
    const { firstOffset: baseOffset, endOffset, logAppendTimeMs } = result;
    const appended = { baseOffset, endOffset, logAppendTimeMs, logStartOffset };
    // A batch that was there already is acknowledged when it would have been.
    const isDone = acks === 0 || endOffset <= (acks === 1 ? log.syncedEndOffset : this.#highWatermark);
    if (isDone) return { kind: 'done', ...appended };
    const waits = acks === 1 ? leadership.syncWaits : leadership.commitWaits;
    waits.add({ token, upTo: endOffset, bytes: records.length, deadlineUs });
    this.#host.waitBegan(records.length);
    this.#host.deadlineMoved(this);
    return { kind: 'waits', ...appended };
  }

  /** Everything is assigned that was decided before this number was given out. */
  metadataConfirmed(number: number): void {
    this.leadership?.confirmed(number);
  }

  /** A follower's fetch. */
  fetched(
    from: NodeId,
    fetch: { readonly fetchSeq: number; readonly brokerEpoch: BrokerEpoch; readonly position: FetchPosition },
    nowUs: number,
  ): void {
    const refusal = this.#epochRefusal(fetch.position.leaderEpoch);
    if (refusal !== undefined)
      this.#host.answer(from, this.refusal(fetch.position.key, fetch.fetchSeq, refusal));
    else this.leadership?.fetched(from, fetch, nowUs);
  }

  followerSynced(from: NodeId, brokerEpoch: BrokerEpoch, mark: SyncedMark, nowUs: number): void {
    if (mark.leaderEpoch !== this.#assignment.leaderEpoch) return;
    this.leadership?.followerSynced(from, brokerEpoch, mark.syncedOffset, nowUs);
  }

  answered(from: NodeId, answer: FetchAnswer, nowUs: number): void {
    this.following?.answered(from, answer, nowUs);
  }

  /** This broker's disk has come further with the log. */
  synced(syncSeq: number, nowUs: number): void {
    this.log.synced(syncSeq);
    this.leadership?.synced(nowUs);
    this.following?.synced();
  }

  tick(nowUs: number): void {
    this.leadership?.tick(nowUs);
    this.following?.tick(nowUs);
    for (const { token } of this.#deleteWaits.takeExpired(nowUs)) {
      this.#host.recordsDeleted(token, { error: 'REQUEST_TIMED_OUT', lowWatermark: -1 });
    }
  }

  refusal(key: PartitionKey, fetchSeq: number, error: FetchError): FetchAnswer {
    return {
      key,
      fetchSeq,
      error,
      leaderEpoch: Math.max(this.#assignment.leaderEpoch, 0),
      highWatermark: this.#highWatermark,
      logStartOffset: this.log.logStartOffset,
      divergence: undefined,
      records: undefined,
    };
  }

  /** Deletes what is below an offset here and now; waits until the followers that are up have done so (KIP-107). */
  deleteRecords(request: DeleteRecordsRequest): DeleteRecordsOutcome {
    const { leadership } = this;
    if (leadership === undefined) return deletionEnded('NOT_LEADER_OR_FOLLOWER');
    if (!this.#assignment.mayDeleteRecords) return deletionEnded('POLICY_VIOLATION');
    const offset = request.offset === -1 ? this.#highWatermark : request.offset;
    if (offset < 0 || offset > this.#highWatermark) return deletionEnded('OFFSET_OUT_OF_RANGE');
    if (this.#deleteWaits.size >= this.#host.settings.waitingDeletesMax) {
      return deletionEnded('THROTTLING_QUOTA_EXCEEDED');
    }
    if (offset > this.log.logStartOffset) {
      this.deleteTo(offset);
      leadership.tellFollowers();
    }
    const { lowWatermark } = leadership;
    if (lowWatermark >= offset) return { kind: 'ended', end: { error: 'NONE', lowWatermark } };
    this.#deleteWaits.add({ token: request.token, offset, deadlineUs: request.deadlineUs });
    this.#host.deadlineMoved(this);
    return { kind: 'waits' };
  }

  deleteTo(offset: Offset): void {
    const { cuts, appends } = this.log.deleteTo(offset);
    this.cut(cuts);
    this.persist(appends);
    this.#host.readableMoved(this);
  }

  /** A bounded turn at the log's upkeep. @returns whether there is more to do */
  upkeep(wallMs: number): boolean {
    const { logStartOffset } = this.log;
    const { cuts, appends } = this.log.upkeep({ wallMs, highWatermark: this.#highWatermark });
    this.cut(cuts);
    this.persist(appends);
    if (this.log.logStartOffset !== logStartOffset) this.#host.readableMoved(this);
    return this.log.hasMoreUpkeep;
  }

  raiseHighWatermark(offset: Offset): void {
    if (offset <= this.#highWatermark) return;
    assert(offset <= this.log.logEndOffset, 'what is committed is in the log');
    this.#highWatermark = offset;
    this.#host.highWatermarkMoved(this);
  }

  /** After the log was cut, or has begun anew elsewhere. */
  fitHighWatermark(): void {
    assert(this.leadership === undefined, 'the high watermark never falls within a leadership');
    const { logStartOffset, logEndOffset } = this.log;
    this.#highWatermark = Math.min(Math.max(this.#highWatermark, logStartOffset), logEndOffset);
  }

  /** A follower has said how far it is, or is no longer up: records may be gone everywhere. */
  followerReported(): void {
    if (this.leadership === undefined || this.#deleteWaits.size === 0) return;
    const { lowWatermark } = this.leadership;
    for (const { token } of this.#deleteWaits.takeUpTo(lowWatermark)) {
      this.#host.recordsDeleted(token, { error: 'NONE', lowWatermark });
    }
  }

  get id(): NodeId {
    return this.#host.id;
  }

  get brokerEpoch(): BrokerEpoch {
    return this.#host.brokerEpoch;
  }

  get settings(): ReplicationSettings {
    return this.#host.settings;
  }

  broker(id: NodeId): BrokerState | undefined {
    return this.#host.broker(id);
  }

  persist(appends: readonly SegmentAppend[]): void {
    this.#host.persist(this, appends);
  }

  cut(cuts: readonly SegmentCut[]): void {
    this.#host.cut(cuts);
  }

  deadlineMoved(): void {
    this.#host.deadlineMoved(this);
  }

  answer(to: NodeId, answer: FetchAnswer): void {
    this.#host.answer(to, answer);
  }

  answerReady(progress: ReplicaProgress): void {
    this.#host.answerReady(this, progress);
  }

  answerArrived(progress: ReplicaProgress): void {
    this.#host.answerArrived(progress);
  }

  propose(proposal: AlterPartitionProposal): void {
    this.#host.propose(proposal);
  }

  appendEnded(token: number, bytes: number, end: AppendEnd): void {
    this.#host.appendEnded(token, bytes, end);
  }

  fetchDue(): void {
    this.#host.fetchDue(this);
  }

  syncedDue(): void {
    this.#host.syncedDue(this);
  }

  /** A later leader may have what is missing here; whoever still leads when it is sure that there was none has everything. */
  #doubt(
    { doubts }: Leadership,
    { token, records, deadlineUs }: AppendRequest,
    message: string | undefined,
  ): AppendOutcome {
    doubts.add({ token, upTo: this.#host.confirmMetadata(this), bytes: records.length, deadlineUs });
    this.#host.waitBegan(records.length);
    this.#host.deadlineMoved(this);
    return { kind: 'doubted', message, logStartOffset: this.log.logStartOffset };
  }

  #takeRole(nowUs: number): void {
    this.#leaveRole();
    const { leader } = this.#assignment;
    // Before this life of the broker is registered, the metadata may speak of one that had more on its disk.
    if (leader === noLeader || this.#host.brokerEpoch < 0) return;
    if (leader === this.#host.id) {
      this.leadership = new Leadership(this, nowUs);
      this.#host.led(this);
    } else {
      this.following = new Following(this, leader);
    }
    this.#host.deadlineMoved(this);
  }

  #leaveRole(): void {
    const { leadership } = this;
    this.following = undefined;
    this.leadership = undefined;
    if (leadership === undefined) return;
    leadership.end();
    for (const { token } of this.#deleteWaits.takeAll()) {
      this.#host.recordsDeleted(token, { error: 'NOT_LEADER_OR_FOLLOWER', lowWatermark: -1 });
    }
    this.#host.readableMoved(this);
    this.#host.left(this);
  }

  #epochRefusal(leaderEpoch: LeaderEpoch): FetchError | undefined {
    if (leaderEpoch < this.#assignment.leaderEpoch) return 'FENCED_LEADER_EPOCH';
    if (leaderEpoch > this.#assignment.leaderEpoch) return 'UNKNOWN_LEADER_EPOCH';
    return this.leadership === undefined ? 'NOT_LEADER_OR_FOLLOWER' : undefined;
  }
}

function refused(error: KafkaError, message: string | undefined, logStartOffset: Offset): AppendOutcome {
  return { kind: 'refused', error, message, logStartOffset };
}

function deletionEnded(
  error: 'NOT_LEADER_OR_FOLLOWER' | 'POLICY_VIOLATION' | 'OFFSET_OUT_OF_RANGE' | 'THROTTLING_QUOTA_EXCEEDED',
): DeleteRecordsOutcome {
  return { kind: 'ended', end: { error, lowWatermark: -1 } };
}
