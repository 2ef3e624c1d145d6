import { InvariantError } from '../../base/assert.ts';
import { type FileSlice, type SegmentReader, type SegmentRepair } from '../../storage/segment-files.ts';
import { type LeaderEpoch, type Offset } from '../types.ts';
import { type LogConfig } from './config.ts';
import {
  type AbortedTransaction,
  type ActiveProducer,
  type AppendOrigin,
  type EpochEnd,
  type FollowerAppend,
  type FoundOffset,
  type LeaderAppend,
  type LogDamage,
  type SegmentCut,
  type Upkeep,
} from './outcomes.ts';

export interface LogOptions {
  /** Of the partition, see `partitionDirectory`; the log's files lie below it and nothing else does. */
  readonly directory: string;
  readonly config: LogConfig;
}

/** Which batches are wanted: from the one that holds `fromOffset` on, all of them wholly below `toOffset`. */
export interface ReadRange {
  readonly fromOffset: Offset;
  readonly toOffset: Offset;
  readonly bytesMax: number;
  /** The first batch is given even where it is larger than `bytesMax`. */
  readonly minOneBatch: boolean;
}

/**
 * The log of one partition: record batches (Kafka's format, version 2) in segment files, as they came, with their offsets and
 * epochs stamped in; and what follows from them: indexes, leader epochs, producers and their transactions.
 *
 * It reads its files and never writes them: what is to be appended, cut or removed is returned, and is carried out before the
 * next call that could see it.
 */
export class PartitionLog {
  /**
   * The log that lies in the directory; an empty one where nothing does. Cuts a torn tail and makes durable what is left.
   * What was durable and is not there is damage: then nothing is cut, the log ends in front of it, and takes nothing until
   * `discardDamaged`.
   */
  static recover(segments: SegmentRepair, options: LogOptions): PartitionLog {
    void [segments, options];
    throw new InvariantError('not there yet');
  }

  /** An empty log that begins at offset 0, in a directory that holds none. */
  static create(segments: SegmentReader, options: LogOptions): PartitionLog {
    void [segments, options];
    throw new InvariantError('not there yet');
  }

  /** What recovery found missing. */
  get damage(): LogDamage | undefined {
    throw new InvariantError('not there yet');
  }

  /** First offset that clients may read. */
  get logStartOffset(): Offset {
    throw new InvariantError('not there yet');
  }

  /** Behind the last record, written or not. */
  get logEndOffset(): Offset {
    throw new InvariantError('not there yet');
  }

  /** Everything below is on the disk. Invariant: not above the log end offset. */
  get syncedEndOffset(): Offset {
    throw new InvariantError('not there yet');
  }

  /** Epoch of the newest leader that the log knows; −1: none. */
  get lastEpoch(): LeaderEpoch {
    throw new InvariantError('not there yet');
  }

  /** Bytes of all segments (DescribeLogDirs). */
  get lengthBytes(): number {
    throw new InvariantError('not there yet');
  }

  /** Every file of the log, for whoever removes the replica. */
  get files(): readonly string[] {
    throw new InvariantError('not there yet');
  }

  /** From now on the log is kept so. */
  configure(config: LogConfig): void {
    void config;
    throw new InvariantError('not there yet');
  }

  /** The log's replica leads from now on: the epoch begins at the log's end (KIP-101). */
  beginEpoch(leaderEpoch: LeaderEpoch): void {
    void leaderEpoch;
    throw new InvariantError('not there yet');
  }

  /**
   * Checks batches, gives them their offsets and stamps offset and epoch into `records` itself, which is the log's from now on.
   *
   * @param given.wallMs for topics whose records have the time of their append
   */
  appendAsLeader(
    records: Uint8Array,
    given: {
      readonly leaderEpoch: LeaderEpoch;
      readonly wallMs: number;
      readonly origin: AppendOrigin;
    },
  ): LeaderAppend {
    void [records, given];
    throw new InvariantError('not there yet');
  }

  /** A leader's batches, whole and from the log's end on, epochs never falling. They stay as they are. */
  appendAsFollower(records: Uint8Array): FollowerAppend {
    void records;
    throw new InvariantError('not there yet');
  }

  /** What was appended since the last call is in the persist of this number. */
  written(syncSeq: number): void {
    void syncSeq;
    throw new InvariantError('not there yet');
  }

  /** Every persist up to this number is durable. */
  synced(syncSeq: number): void {
    void syncSeq;
    throw new InvariantError('not there yet');
  }

  /**
   * Names whole batches of one file: fewer than asked for at the end of a segment. Undefined: there are none.
   * The file may be removed by a later step: who resolves the slice then gets fewer bytes, and answers without them.
   *
   * @throws UnreadableError when the disk cannot read a header that was not appended lately
   */
  read(range: ReadRange): FileSlice | undefined {
    void range;
    throw new InvariantError('not there yet');
  }

  /** Undefined: all epochs of the log are above it, or none is as high (KIP-101, KIP-279). */
  endOffsetOfEpoch(epoch: LeaderEpoch): EpochEnd | undefined {
    void epoch;
    throw new InvariantError('not there yet');
  }

  /**
   * Drops everything from this offset on, or from the batch that holds it. To be cut at once (`cutSegments`).
   * Not below the log start offset: there is `restartAt`.
   */
  truncateTo(offset: Offset): readonly SegmentCut[] {
    void offset;
    throw new InvariantError('not there yet');
  }

  /** Drops everything; the next batch begins at this offset, and so does the log. */
  restartAt(offset: Offset): readonly SegmentCut[] {
    void offset;
    throw new InvariantError('not there yet');
  }

  /** Gives up what damage has made doubtful: the log goes on behind what is intact. */
  discardDamaged(): readonly SegmentCut[] {
    throw new InvariantError('not there yet');
  }

  /**
   * The first record at or behind the log start whose timestamp is not below this one (ListOffsets). In a compressed batch the
   * batch's first offset stands for it, since batches are not unpacked.
   */
  offsetOfTimestamp(timestampMs: number): FoundOffset | undefined {
    void timestampMs;
    throw new InvariantError('not there yet');
  }

  /** The record with the highest timestamp (ListOffsets −3, KIP-734); of a compressed batch the last one stands for it. */
  offsetOfMaxTimestamp(): FoundOffset | undefined {
    throw new InvariantError('not there yet');
  }

  /** First offset of the oldest transaction that has not ended; undefined: none is open. */
  get firstUnstableOffset(): Offset | undefined {
    throw new InvariantError('not there yet');
  }

  /**
   * What `read_committed` may read up to (KIP-98): not behind an open transaction, nor behind one whose marker is not below the
   * high watermark, since a new leader may not have it.
   */
  lastStableOffset(highWatermark: Offset): Offset {
    void highWatermark;
    throw new InvariantError('not there yet');
  }

  /** Aborted transactions with records in the range, for who reads it as `read_committed`. */
  abortedTransactions(fromOffset: Offset, toOffset: Offset): readonly AbortedTransaction[] {
    void [fromOffset, toOffset];
    throw new InvariantError('not there yet');
  }

  /** In the order of their ids. */
  activeProducers(): readonly ActiveProducer[] {
    throw new InvariantError('not there yet');
  }

  /** Records below are gone for clients (DeleteRecords, or the leader's log start). Not above the high watermark. */
  deleteTo(offset: Offset): Upkeep {
    void offset;
    throw new InvariantError('not there yet');
  }

  /**
   * A bounded turn of upkeep: retention by time and size, compaction, expiry of producers, checkpoints. Never at or above the
   * high watermark. To be called every now and then, and again soon while `hasMoreUpkeep`.
   */
  upkeep(given: { readonly wallMs: number; readonly highWatermark: Offset }): Upkeep {
    void given;
    throw new InvariantError('not there yet');
  }

  /** Compaction has not come to its end. */
  get hasMoreUpkeep(): boolean {
    throw new InvariantError('not there yet');
  }
}
