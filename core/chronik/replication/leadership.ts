import { assert, present } from '../../base/assert.ts';
import { type NodeId } from '../../base/ids.ts';
import { type PartitionLog } from '../log/partition-log.ts';
import { type BrokerEpoch, type LeaderEpoch, type Offset, type PartitionEpoch } from '../types.ts';
import { AppendWaits } from './append-waits.ts';
import { type AlterPartitionOutcome, type PartitionAssignment } from './assignment.ts';
import { divergenceOf } from './divergence.ts';
import { readOrFail } from './guarded-reads.ts';
import { InSyncReplicas } from './in-sync-replicas.ts';
import { type FetchAnswer, type FetchError, type FetchPosition } from './messages.ts';
import { ReplicaProgress } from './replica-progress.ts';
import { type AppendEnd } from './requests.ts';
import { type RolePort } from './role-port.ts';

/**
 * A partition as its leader keeps it, in one leader epoch. What followers report counts in the epoch in which they report it, and
 * once their log has been found to be the leader's.
 *
 * The high watermark is the least end that every in-sync replica has on its disk, those included that a proposed change would
 * bring in: whoever may be elected then holds everything that was acknowledged, whatever crashes.
 */
export class Leadership {
  readonly epoch: LeaderEpoch;
  /** Where the log ended when this leadership began: a follower that has not come so far may lack committed records. */
  readonly startOffset: Offset;
  readonly isr: InSyncReplicas;
  /** Appends with acks=−1, until the high watermark has passed them. */
  readonly commitWaits = new AppendWaits();
  /** Appends with acks=1, until this broker's disk has them. */
  readonly syncWaits = new AppendWaits();
  /** Appends that are out of order, if this broker still leads, until the metadata confirms that it does. */
  readonly doubts = new AppendWaits();

  readonly #port: RolePort;
  readonly #log: PartitionLog;
  /** Every other replica, in the order of the assignment. */
  #followers: readonly ReplicaProgress[];

  constructor(port: RolePort, nowUs: number) {
    const { assignment, log } = port;
    this.#port = port;
    this.#log = log;
    this.epoch = assignment.leaderEpoch;
    this.isr = new InSyncReplicas(assignment.isr, assignment.partitionEpoch);
    this.#followers = [];
    log.beginEpoch(this.epoch);
    this.startOffset = log.logEndOffset;
    this.#followers = this.#followersOf(assignment, nowUs);
    this.advance(nowUs);
  }

  get followers(): readonly ReplicaProgress[] {
    return this.#followers;
  }

  /** The metadata says something new of the partition, under the same leader. */
  assigned(assignment: PartitionAssignment, nowUs: number): void {
    assert(assignment.leaderEpoch === this.epoch, 'another epoch is another leadership');
    this.#followers = this.#followersOf(assignment, nowUs);
    this.isr.changed(assignment.isr, assignment.partitionEpoch);
    if (!this.hasEnoughReplicas) this.#endWaits(this.commitWaits, 'NOT_ENOUGH_REPLICAS_AFTER_APPEND');
    this.advance(nowUs);
    this.reviewIsr(nowUs);
  }

  alterPartitionAnswered(
    partitionEpoch: PartitionEpoch,
    outcome: AlterPartitionOutcome,
    nowUs: number,
  ): void {
    this.isr.answered(partitionEpoch, outcome, nowUs + this.#port.settings.alterPartitionBackoffUs);
    this.advance(nowUs);
    this.reviewIsr(nowUs);
  }

  /** The leadership is over: nothing that waits can be told more than that. */
  end(): void {
    this.#endWaits(this.commitWaits, 'NOT_LEADER_OR_FOLLOWER');
    this.#endWaits(this.syncWaits, 'NOT_LEADER_OR_FOLLOWER');
    this.#endWaits(this.doubts, 'NOT_LEADER_OR_FOLLOWER');
    for (const progress of this.#followers) this.#forget(progress);
    this.#followers = [];
  }

  /** Appends. */
  get waiting(): number {
    return this.commitWaits.size + this.syncWaits.size + this.doubts.size;
  }

  /** It was found out that this leadership went on when the number was given out. */
  confirmed(number: number): void {
    for (const { token, bytes } of this.doubts.takeUpTo(number)) {
      this.#port.appendEnded(token, bytes, 'OUT_OF_ORDER_SEQUENCE_NUMBER');
    }
  }

  /** min.insync.replicas are met. A topic that asks for more than it has replicas is content with all of them. */
  get hasEnoughReplicas(): boolean {
    const { minInsyncReplicas, replicas } = this.#port.assignment;
    return this.isr.committed.length >= Math.min(minInsyncReplicas, replicas.length);
  }

  /** The log has another end, or begin: parked fetches have an answer, and followers may now be behind. */
  tellFollowers(): void {
    for (const progress of this.#followers) {
      if (progress.parked !== undefined) this.#port.answerReady(progress);
    }
    this.#port.deadlineMoved();
  }

  /** This broker's disk has come further. */
  synced(nowUs: number): void {
    for (const { token, bytes } of this.syncWaits.takeUpTo(this.#log.syncedEndOffset)) {
      this.#port.appendEnded(token, bytes, 'NONE');
    }
    this.advance(nowUs);
  }

  /** A fetch of the leadership's epoch. */
  fetched(
    from: NodeId,
    fetch: {
      readonly fetchSeq: number;
      readonly brokerEpoch: BrokerEpoch;
      readonly position: FetchPosition;
    },
    nowUs: number,
  ): void {
    const { fetchSeq, brokerEpoch, position } = fetch;
    const progress = this.#followers.find(({ id }) => id === from);
    if (progress === undefined) {
      this.#port.answer(from, this.answer(position, fetchSeq, { error: 'NOT_LEADER_OR_FOLLOWER' }));
      return;
    }
    if (brokerEpoch < progress.brokerEpoch) return;
    if (brokerEpoch > progress.brokerEpoch) progress.restarted(brokerEpoch);
    if (fetchSeq <= progress.fetchSeq) return;
    progress.fetchSeq = fetchSeq;
    progress.parked = undefined;
    this.#port.answerArrived(progress);

    const refusal = this.#refusalOf(position);
    if (refusal !== undefined) {
      this.#port.answer(from, this.answer(position, fetchSeq, { error: refusal }));
      return;
    }
    const divergence = divergenceOf(this.#log, position.fetchOffset, position.lastFetchedEpoch);
    if (divergence !== undefined) {
      this.#port.answer(from, this.answer(position, fetchSeq, { divergence }));
      return;
    }
    progress.matches = true;
    progress.logStartOffset = position.logStartOffset;
    progress.parked = { fetchSeq, position, sinceUs: nowUs };
    // What lies behind its log's end is not there, whatever it says.
    this.#reported(progress, Math.min(position.syncedOffset, position.fetchOffset), nowUs);
    if (this.#hasAnswer(progress)) this.#port.answerReady(progress);
    this.#port.deadlineMoved();
  }

  /** A follower's disk has come further, in this epoch. */
  followerSynced(from: NodeId, brokerEpoch: BrokerEpoch, syncedOffset: Offset, nowUs: number): void {
    const progress = this.#followers.find(({ id }) => id === from);
    if (progress === undefined || brokerEpoch !== progress.brokerEpoch || !progress.matches) return;
    if (syncedOffset > this.#log.logEndOffset) return;
    this.#reported(progress, syncedOffset, nowUs);
  }

  /** The answer to a parked fetch, with what the log holds now. */
  takeAnswer(progress: ReplicaProgress): FetchAnswer | undefined {
    const { parked } = progress;
    if (parked === undefined) return undefined;
    progress.parked = undefined;
    const { fetchSeq, position } = parked;
    const refusal = this.#refusalOf(position);
    if (refusal !== undefined) return this.answer(position, fetchSeq, { error: refusal });
    progress.toldHighWatermark = this.#port.highWatermark;
    const records = readOrFail(this.#log, {
      fromOffset: position.fetchOffset,
      toOffset: this.#log.logEndOffset,
      bytesMax: this.#port.settings.partitionBytesMax,
      minOneBatch: true,
    });
    return this.answer(
      position,
      fetchSeq,
      records === 'unreadable' ? { error: 'KAFKA_STORAGE_ERROR' } : { records },
    );
  }

  answer(
    position: Pick<FetchPosition, 'key'>,
    fetchSeq: number,
    given: { readonly error?: FetchError } & Partial<Pick<FetchAnswer, 'divergence' | 'records'>>,
  ): FetchAnswer {
    return {
      key: position.key,
      fetchSeq,
      error: given.error ?? 'NONE',
      leaderEpoch: this.epoch,
      highWatermark: this.#port.highWatermark,
      logStartOffset: this.#log.logStartOffset,
      divergence: given.divergence,
      records: given.records,
    };
  }

  /**
   * Moves the high watermark to where every in-sync replica has the log on its disk. It never falls, and stands still while there
   * are fewer of them than the topic demands.
   */
  advance(nowUs: number): void {
    if (!this.hasEnoughReplicas) return;
    let mark = this.#log.syncedEndOffset;
    for (const id of this.isr.maximal) {
      if (id !== this.#port.id) mark = Math.min(mark, this.#progressOf(id).syncedOffset);
    }
    if (mark <= this.#port.highWatermark) return;
    this.#port.raiseHighWatermark(mark);
    for (const { token, bytes } of this.commitWaits.takeUpTo(mark)) {
      this.#port.appendEnded(token, bytes, 'NONE');
    }
    for (const progress of this.#followers) {
      if (progress.parked !== undefined) this.#port.answerReady(progress);
      // Who was behind the mark and in front of the epoch's start may now be caught up.
      this.#expand(progress, nowUs);
    }
  }

  /** Nobody could be heard for a while: everybody has the whole time again. */
  excuse(nowUs: number): void {
    for (const progress of this.#followers) progress.caughtUpUs = nowUs;
  }

  /** Proposes to go on without those that were not caught up for too long (KIP-16). */
  reviewIsr(nowUs: number): void {
    this.#port.deadlineMoved();
    if (!this.#mayPropose(nowUs)) return;
    const kept = this.isr.committed.filter((id) => id === this.#port.id || !this.#isLate(id, nowUs));
    if (kept.length < this.isr.committed.length) this.#propose(kept);
  }

  /** Waits that are over, fetches that were parked long enough, followers that have become late. */
  tick(nowUs: number): void {
    for (const waits of [this.commitWaits, this.syncWaits, this.doubts]) {
      for (const { token, bytes } of waits.takeExpired(nowUs)) {
        this.#port.appendEnded(token, bytes, 'REQUEST_TIMED_OUT');
      }
    }
    for (const progress of this.#followers) {
      if (progress.parked !== undefined && this.#parkedUntilUs(progress) <= nowUs) {
        this.#port.answerReady(progress);
      }
    }
    this.reviewIsr(nowUs);
  }

  get deadlineUs(): number {
    const { commitWaits, syncWaits, doubts } = this;
    let deadlineUs = Math.min(commitWaits.deadlineUs, syncWaits.deadlineUs, doubts.deadlineUs);
    for (const progress of this.#followers) {
      if (progress.parked !== undefined && !progress.queued) {
        deadlineUs = Math.min(deadlineUs, this.#parkedUntilUs(progress));
      }
    }
    if (this.isr.isProposed) return deadlineUs;
    for (const id of this.isr.committed) {
      if (id === this.#port.id || !this.#isBehind(id)) continue;
      const lateUs = this.#progressOf(id).caughtUpUs + this.#port.settings.replicaLagTimeMaxUs;
      deadlineUs = Math.min(deadlineUs, Math.max(lateUs, this.isr.retryUs));
    }
    return deadlineUs;
  }

  /** Lowest offset that some replica on a broker that is up still has (DeleteRecords); −1: one of them has not said. */
  get lowWatermark(): Offset {
    let mark = this.#log.logStartOffset;
    for (const { id, logStartOffset } of this.#followers) {
      if (this.#port.broker(id)?.isFenced === false) mark = Math.min(mark, logStartOffset);
    }
    return mark;
  }

  #reported(progress: ReplicaProgress, syncedOffset: Offset, nowUs: number): void {
    progress.reported(syncedOffset, this.#log.logEndOffset, nowUs);
    this.advance(nowUs);
    this.#expand(progress, nowUs);
    this.#port.followerReported();
  }

  /** Proposes to take a follower in that holds everything that may be committed, and whose broker may join (KIP-903). */
  #expand(progress: ReplicaProgress, nowUs: number): void {
    const { id, brokerEpoch, syncedOffset, matches } = progress;
    if (this.isr.committed.includes(id) || !matches || !this.#mayPropose(nowUs)) return;
    if (syncedOffset < this.#port.highWatermark || syncedOffset < this.startOffset) return;
    const broker = this.#port.broker(id);
    if (broker === undefined || broker.isFenced || broker.brokerEpoch !== brokerEpoch) return;
    this.#propose([...this.isr.committed, id]);
  }

  #propose(isr: readonly NodeId[]): void {
    const { key, replicas, leaderEpoch } = this.#port.assignment;
    this.isr.proposed(isr);
    this.#port.propose({
      key,
      leader: this.#port.id,
      brokerEpoch: this.#port.brokerEpoch,
      leaderEpoch,
      partitionEpoch: this.isr.partitionEpoch,
      newIsr: replicas
        .filter((id) => isr.includes(id))
        .map((id) => ({ id, brokerEpoch: this.#brokerEpochOf(id) })),
    });
  }

  /** Of a member that has not fetched yet, what the metadata says: it is in the set under that one. */
  #brokerEpochOf(id: NodeId): BrokerEpoch {
    if (id === this.#port.id) return this.#port.brokerEpoch;
    const { brokerEpoch } = this.#progressOf(id);
    return brokerEpoch >= 0 ? brokerEpoch : (this.#port.broker(id)?.brokerEpoch ?? brokerEpoch);
  }

  #mayPropose(nowUs: number): boolean {
    return !this.isr.isProposed && nowUs >= this.isr.retryUs;
  }

  #isBehind(id: NodeId): boolean {
    return this.#progressOf(id).syncedOffset < this.#log.logEndOffset;
  }

  #isLate(id: NodeId, nowUs: number): boolean {
    const lateUs = this.#progressOf(id).caughtUpUs + this.#port.settings.replicaLagTimeMaxUs;
    return this.#isBehind(id) && lateUs <= nowUs;
  }

  #hasAnswer(progress: ReplicaProgress): boolean {
    const { parked, toldHighWatermark } = progress;
    if (parked === undefined) return false;
    return (
      parked.position.fetchOffset < this.#log.logEndOffset || toldHighWatermark < this.#port.highWatermark
    );
  }

  /** What is below the log's start is gone; what begins behind its end and has no epoch cannot be compared. */
  #refusalOf({ fetchOffset, lastFetchedEpoch }: FetchPosition): FetchError | undefined {
    if (lastFetchedEpoch > this.epoch) return 'UNKNOWN_LEADER_EPOCH';
    if (fetchOffset < this.#log.logStartOffset) return 'OFFSET_OUT_OF_RANGE';
    if (fetchOffset > this.#log.logEndOffset && lastFetchedEpoch < 0) return 'OFFSET_OUT_OF_RANGE';
    return undefined;
  }

  #parkedUntilUs(progress: ReplicaProgress): number {
    return (progress.parked?.sinceUs ?? Infinity) + this.#port.settings.fetchWaitMaxUs;
  }

  #progressOf(id: NodeId): ReplicaProgress {
    return present(
      this.#followers.find((progress) => progress.id === id),
      'whoever is in sync is a replica',
    );
  }

  /** Those that stay keep what is known of them. */
  #followersOf(assignment: PartitionAssignment, nowUs: number): readonly ReplicaProgress[] {
    const before = this.#followers;
    const ids = assignment.replicas.filter((id) => id !== this.#port.id);
    for (const progress of before) if (!ids.includes(progress.id)) this.#forget(progress);
    return ids.map(
      (id) =>
        before.find((progress) => progress.id === id) ??
        new ReplicaProgress(id, this.#log.logEndOffset, nowUs),
    );
  }

  #forget(progress: ReplicaProgress): void {
    progress.parked = undefined;
    this.#port.answerArrived(progress);
  }

  #endWaits(waits: AppendWaits, end: AppendEnd): void {
    for (const { token, bytes } of waits.takeAll()) this.#port.appendEnded(token, bytes, end);
  }
}
