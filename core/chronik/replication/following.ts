import { type NodeId } from '../../base/ids.ts';
import { type PartitionLog } from '../log/partition-log.ts';
import { type LeaderEpoch, type Offset } from '../types.ts';
import { truncationOf } from './divergence.ts';
import { type Divergence, type FetchAnswer, type FetchPosition } from './messages.ts';
import { type RolePort } from './role-port.ts';

/**
 * A partition as its follower keeps it, in one leader epoch: it fetches from the end of its log on, one fetch at a time, and cuts
 * its log where the leader's is another.
 */
export class Following {
  readonly leader: NodeId;
  readonly epoch: LeaderEpoch;

  readonly #port: RolePort;
  readonly #log: PartitionLog;
  /** Of the fetch that is on its way; 0: none is. */
  #fetchSeq = 0;
  /** Then the fetch that is on its way is lost, or the next one may be made; `Infinity`: waits for its turn in this step. */
  #deadlineUs = Infinity;
  #losses = 0;
  /** An answer of this epoch has shown no divergence: what the log holds is the leader's. */
  #matches = false;
  /** The mark that the leader was told last. */
  #toldOffset: Offset = -1;

  constructor(port: RolePort, leader: NodeId) {
    this.#port = port;
    this.#log = port.log;
    this.leader = leader;
    this.epoch = port.assignment.leaderEpoch;
    port.fetchDue();
  }

  get deadlineUs(): number {
    return this.#deadlineUs;
  }

  /** The fetch leaves. Undefined: one is on its way. */
  takeFetch(fetchSeq: number, nowUs: number): FetchPosition | undefined {
    if (this.#fetchSeq !== 0) return undefined;
    const { fetchTimeoutUs, fetchTimeoutMaxUs } = this.#port.settings;
    this.#fetchSeq = fetchSeq;
    this.#deadlineUs = nowUs + Math.min(fetchTimeoutUs * 2 ** Math.min(this.#losses, 10), fetchTimeoutMaxUs);
    this.#port.deadlineMoved();
    this.#toldOffset = this.#log.syncedEndOffset;
    return {
      key: this.#port.key,
      leaderEpoch: this.epoch,
      fetchOffset: this.#log.logEndOffset,
      lastFetchedEpoch: this.#log.lastEpoch,
      syncedOffset: this.#log.syncedEndOffset,
      logStartOffset: this.#log.logStartOffset,
    };
  }

  /** What the leader is to know of this broker's disk; undefined: nothing new, or nothing that counts. */
  takeSynced(): Offset | undefined {
    const { syncedEndOffset } = this.#log;
    if (!this.#matches || syncedEndOffset <= this.#toldOffset) return undefined;
    this.#toldOffset = syncedEndOffset;
    return syncedEndOffset;
  }

  synced(): void {
    if (this.#matches) this.#port.syncedDue();
  }

  tick(nowUs: number): void {
    if (nowUs < this.#deadlineUs) return;
    if (this.#fetchSeq !== 0) this.#losses += 1;
    this.#fetchAgain();
  }

  answered(from: NodeId, answer: FetchAnswer, nowUs: number): void {
    if (from !== this.leader || this.#fetchSeq === 0 || answer.fetchSeq !== this.#fetchSeq) return;
    this.#losses = 0;
    if (answer.error === 'OFFSET_OUT_OF_RANGE' && answer.leaderEpoch === this.epoch) {
      return this.#restart(answer, nowUs);
    }
    // The metadata of one of both is late.
    if (answer.error !== 'NONE' || answer.leaderEpoch !== this.epoch) return this.#backOff(nowUs);
    if (answer.divergence !== undefined) return this.#truncate(answer.divergence, nowUs);
    this.#matches = true;
    if (answer.records instanceof Uint8Array && !this.#append(answer.records)) return this.#backOff(nowUs);
    this.#port.raiseHighWatermark(Math.min(answer.highWatermark, this.#log.logEndOffset));
    this.#raiseLogStart(answer.logStartOffset);
    this.#fetchAgain();
  }

  /** @returns false: the records are not what a leader of this log sends */
  #append(records: Uint8Array): boolean {
    const isEmpty = this.#log.logStartOffset === this.#log.logEndOffset;
    const baseOffset = baseOffsetOf(records);
    // The leader's log begins within its first batch, which comes whole.
    if (isEmpty && baseOffset < this.#log.logEndOffset) {
      this.#port.cut(this.#log.restartAt(baseOffset));
      this.#port.fitHighWatermark();
    }
    const result = this.#log.appendAsFollower(records);
    if (result.kind === 'refused') return false;
    this.#port.persist(result.appends);
    return true;
  }

  /** What the leader has deleted goes here, too; not above the high watermark, which may be about to be told. */
  #raiseLogStart(leaderStartOffset: Offset): void {
    const offset = Math.min(leaderStartOffset, this.#port.highWatermark);
    if (offset > this.#log.logStartOffset) this.#port.deleteTo(offset);
  }

  #truncate(divergence: Divergence, nowUs: number): void {
    const { logEndOffset, lastEpoch, logStartOffset } = this.#log;
    const offset = truncationOf(this.#log, divergence);
    this.#port.cut(
      offset < logStartOffset
        ? this.#log.restartAt(offset)
        : this.#log.truncateTo(Math.min(offset, logEndOffset)),
    );
    this.#port.fitHighWatermark();
    this.#matches = false;
    const hasMoved = this.#log.logEndOffset < logEndOffset || this.#log.lastEpoch < lastEpoch;
    if (hasMoved) this.#fetchAgain();
    else this.#backOff(nowUs);
  }

  /**
   * The leader no longer has what comes next here, or this log ends behind the leader's without anything in it that could be
   * compared: begins anew where the leader's begins.
   */
  #restart(answer: FetchAnswer, nowUs: number): void {
    const { logEndOffset, logStartOffset } = this.#log;
    if (answer.logStartOffset <= logEndOffset && logStartOffset < logEndOffset) return this.#backOff(nowUs);
    this.#port.cut(this.#log.restartAt(answer.logStartOffset));
    this.#port.fitHighWatermark();
    this.#matches = false;
    this.#fetchAgain();
  }

  #fetchAgain(): void {
    this.#fetchSeq = 0;
    this.#deadlineUs = Infinity;
    this.#port.fetchDue();
  }

  #backOff(nowUs: number): void {
    this.#fetchSeq = 0;
    this.#deadlineUs = nowUs + this.#port.settings.fetchBackoffUs;
    this.#port.deadlineMoved();
  }
}

/** The first field of a batch. */
function baseOffsetOf(records: Uint8Array): Offset {
  let offset = 0;
  for (let at = 0; at < 8; at += 1) offset = offset * 256 + (records[at] ?? 0);
  return offset;
}
