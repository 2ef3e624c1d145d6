import { assert } from '../../base/assert.ts';
import { type FileSlice, type SegmentReader, type SegmentRepair } from '../../storage/segment-files.ts';
import { type RecordBatch } from '../../wire/kafka/record-batch.ts';
import { type LeaderEpoch, noEpoch, type Offset } from '../types.ts';
import { checkFollowerBatches, checkLeaderBatches, refused } from './append-check.ts';
import { markerIn } from './batches-in-file.ts';
import { CheckpointWriter } from './checkpoint-writer.ts';
import { Compaction, type Swap } from './compaction.ts';
import { type LogConfig } from './config.ts';
import { Durability } from './durability.ts';
import { LeavingFiles } from './leaving-files.ts';
import { type LeaderEpochs } from './leader-epochs.ts';
import { LogReader, type ReadRange } from './log-reader.ts';
import {
  type AbortedTransaction,
  type ActiveProducer,
  type AppendOrigin,
  type DuplicateAppend,
  type EpochEnd,
  type FollowerAppend,
  type FoundOffset,
  type LeaderAppend,
  type LogDamage,
  type RefusedAppend,
  type SegmentAppend,
  type SegmentCut,
  type Upkeep,
} from './outcomes.ts';
import { type Producers } from './producers.ts';
import { rebuildProducers } from './rebuild-producers.ts';
import { RecentBatches } from './recent-batches.ts';
import { recoverLog, type RecoveredLog } from './recovery.ts';
import { expiredSegments } from './retention.ts';
import { type LogSegment } from './segment.ts';
import { SegmentChain } from './segment-chain.ts';
import { type StartJournal } from './start-journal.ts';

export interface LogOptions {
  /** Of the partition, see `partitionDirectory`; the log's files lie below it and nothing else does. */
  readonly directory: string;
  readonly config: LogConfig;
}

/**
 * The log of one partition: record batches (Kafka's format, version 2) in segment files, as they came, with their offsets and
 * epochs stamped in; and what follows from them: indexes, leader epochs, producers and their transactions.
 *
 * It reads its files and never writes them: what is to be appended or cut is returned, and is carried out before the next call
 * that could see it. Batches lie one behind another without a gap, compacted ones included.
 */
export class PartitionLog {
  readonly #files: SegmentReader;
  #config: LogConfig;
  readonly #chain: SegmentChain;
  readonly #epochs: LeaderEpochs;
  readonly #producers: Producers;
  readonly #journal: StartJournal;
  readonly #recent = new RecentBatches();
  readonly #reader: LogReader;
  readonly #durability: Durability;
  readonly #checkpoints = new CheckpointWriter();
  /** Invariant: start ≤ end; the first segment begins at or in front of the start. */
  #logStartOffset: Offset;
  #logEndOffset: Offset;
  #lastEpoch: LeaderEpoch;
  #damage: LogDamage | undefined;
  #discards: readonly SegmentCut[];
  /** The journal does not know of the start. */
  #startUnwritten = false;
  readonly #leaving: LeavingFiles;
  readonly #compaction: Compaction;

  /**
   * The log that lies in the directory; an empty one where nothing does. Cuts a torn tail and makes durable what is left.
   * What was durable and is not there is damage: then nothing is cut, the log ends in front of it, and takes nothing until
   * `discardDamaged`.
   */
  static recover(segments: SegmentRepair, options: LogOptions): PartitionLog {
    return new PartitionLog(segments, options, recoverLog(segments, options.directory, options.config));
  }

  private constructor(files: SegmentReader, options: LogOptions, recovered: RecoveredLog) {
    this.#files = files;
    this.#config = options.config;
    this.#epochs = recovered.epochs;
    this.#producers = recovered.producers;
    this.#journal = recovered.journal;
    this.#logStartOffset = recovered.logStartOffset;
    this.#logEndOffset = recovered.logEndOffset;
    this.#lastEpoch = recovered.epochs.last;
    this.#damage = recovered.damage;
    this.#discards = recovered.damage === undefined ? [] : recovered.discards;
    this.#checkpoints.add(recovered.dueCheckpoints);
    this.#durability = new Durability(recovered.logEndOffset);
    this.#leaving = new LeavingFiles(this.#durability);
    const { directory } = options;
    const { segments, producers } = recovered;
    this.#chain = new SegmentChain({ files, directory, segments, producers, checkpoints: this.#checkpoints });
    this.#reader = new LogReader(files, segments, this.#recent);
    this.#compaction = new Compaction({
      files,
      directory,
      segments,
      producers,
      durability: this.#durability,
    });
  }

  /** What recovery found missing. */
  get damage(): LogDamage | undefined {
    return this.#damage;
  }

  /** First offset that clients may read. */
  get logStartOffset(): Offset {
    return this.#logStartOffset;
  }

  /** Behind the last record, written or not. */
  get logEndOffset(): Offset {
    return this.#logEndOffset;
  }

  /** Everything below is on the disk. Invariant: not above the log end offset. */
  get syncedEndOffset(): Offset {
    return this.#durability.syncedEndOffset;
  }

  /** Epoch of the last batch; −1: none. */
  get lastEpoch(): LeaderEpoch {
    return this.#lastEpoch;
  }

  /** Bytes of all segments (DescribeLogDirs). */
  get lengthBytes(): number {
    return this.#chain.lengthBytes;
  }

  /** From now on the log is kept so. */
  configure(config: LogConfig): void {
    this.#config = config;
  }

  /** The log's replica leads from now on: the epoch begins at the log's end (KIP-101). */
  beginEpoch(leaderEpoch: LeaderEpoch): void {
    this.#epochs.begin(leaderEpoch, this.#logEndOffset);
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
    if (this.#damage !== undefined) return this.#refuseDamaged();
    assert(given.leaderEpoch >= this.#epochs.last, 'a leader is not older than what it leads');
    const checked = checkLeaderBatches(records, this.#config, given.origin);
    if (checked.kind === 'refused') return checked;
    const { batches } = checked;
    const stopped = this.#checkProducers(batches);
    if (stopped !== undefined) return stopped;
    const firstOffset = this.#logEndOffset;
    let baseOffset = firstOffset;
    const stampsTime = this.#config.timestampType === 'logAppendTime';
    for (const batch of batches) {
      batch.stamp({ baseOffset, leaderEpoch: given.leaderEpoch });
      if (stampsTime) batch.stampLogAppendTime(given.wallMs);
      baseOffset = batch.lastOffset + 1;
    }
    const appends = this.#append(batches, records);
    const logAppendTimeMs = stampsTime ? given.wallMs : -1;
    return { kind: 'appended', firstOffset, endOffset: this.#logEndOffset, logAppendTimeMs, appends };
  }

  /** A leader's batches, whole and from the log's end on, epochs never falling. They stay as they are. */
  appendAsFollower(records: Uint8Array): FollowerAppend {
    if (this.#damage !== undefined) return this.#refuseDamaged();
    const firstOffset = this.#logEndOffset;
    const checked = checkFollowerBatches(records, {
      endOffset: firstOffset,
      lastBatchEpoch: this.#lastEpoch,
    });
    if (checked.kind === 'refused') return checked;
    const appends = this.#append(checked.batches, records);
    return { kind: 'appended', firstOffset, endOffset: this.#logEndOffset, logAppendTimeMs: -1, appends };
  }

  /** What was appended since the last call is in the persist of this number. */
  written(syncSeq: number): void {
    this.#durability.written(syncSeq, this.#logEndOffset);
  }

  /** Every persist up to this number is durable. */
  synced(syncSeq: number): void {
    this.#durability.synced(syncSeq);
  }

  /**
   * Names whole batches of one file: fewer than asked for at the end of a segment. Undefined: there are none.
   * The file may be cut or removed by a later step: who resolves the slice then gets fewer bytes, and answers without them.
   *
   * @throws UnreadableError when the disk cannot read a header that was not appended lately
   */
  read(range: ReadRange): FileSlice | undefined {
    return this.#reader.read(range);
  }

  /** Undefined: all epochs of the log are above it, or none is as high (KIP-101, KIP-279). */
  endOffsetOfEpoch(epoch: LeaderEpoch): EpochEnd | undefined {
    return this.#epochs.endOf(epoch, this.#logEndOffset);
  }

  /**
   * Drops everything from this offset on, or from the batch that holds it. To be cut at once (`cutSegments`).
   * Not below the log start offset: there is `restartAt`.
   */
  truncateTo(offset: Offset): readonly SegmentCut[] {
    assert(offset >= this.#logStartOffset, 'a log is not cut below its start');
    if (offset >= this.#logEndOffset) return [];
    const cuts = [...this.#compaction.abort()];
    let last = this.#chain.segments.at(-1);
    let endOffset = this.#logEndOffset;
    while (last !== undefined && endOffset > offset) {
      const toBytes = this.#reader.positionOf(last, offset);
      if (toBytes > 0) {
        cuts.push(...this.#chain.cutLast(last, toBytes));
        endOffset = last.endOffset;
        break;
      }
      cuts.push(...this.#chain.dropLast());
      endOffset = last.baseOffset;
      last = this.#chain.segments.at(-1);
    }
    // The start lies inside the batch that went: nothing is left that anybody may read.
    if (endOffset < this.#logStartOffset) return [...cuts, ...this.restartAt(this.#logStartOffset)];
    this.#logEndOffset = endOffset;
    this.#epochs.cutTo(endOffset);
    this.#recent.cutTo(endOffset);
    this.#durability.cutTo(endOffset);
    this.#checkpoints.cutTo(endOffset);
    this.#lastEpoch = this.#epochs.last;
    rebuildProducers(this.#files, this.#chain.segments, this.#producers);
    this.#producers.transactions.forgetBelow(this.#logStartOffset);
    return cuts;
  }

  /** Drops everything; the next batch begins at this offset, and so does the log. */
  restartAt(offset: Offset): readonly SegmentCut[] {
    const cuts = [
      ...this.#discards,
      ...this.#compaction.abort(),
      ...this.#chain.dropAll(),
      ...this.#leaving.takeAll(),
    ];
    // Last: until all else is gone, what is left is a log that begins where it says.
    const journal = this.#journal.file;
    if (journal !== undefined) cuts.push({ file: journal, lengthBytes: 0 });
    this.#journal.startAnew();
    this.#startUnwritten = offset > 0;
    this.#damage = undefined;
    this.#discards = [];
    this.#logStartOffset = offset;
    this.#logEndOffset = offset;
    this.#epochs.clear();
    this.#lastEpoch = noEpoch;
    this.#recent.clear();
    this.#durability.restartAt(offset);
    this.#producers.clear(offset > 0);
    return cuts;
  }

  /** Gives up what damage has made doubtful: the log goes on behind what is intact. */
  discardDamaged(): readonly SegmentCut[] {
    const cuts = this.#discards;
    this.#damage = undefined;
    this.#discards = [];
    this.#startUnwritten = true;
    return cuts;
  }

  /** Every file goes, for the replica is no longer kept: the log is of no more use. */
  remove(): readonly SegmentCut[] {
    return this.restartAt(this.#logStartOffset);
  }

  /**
   * The first record at or behind the log start whose timestamp is not below this one (ListOffsets). In a compressed batch the
   * batch's first offset stands for it, since batches are not unpacked.
   */
  offsetOfTimestamp(timestampMs: number): FoundOffset | undefined {
    return this.#reader.offsetOfTimestamp(timestampMs, this.#logStartOffset);
  }

  /** The record with the highest timestamp (ListOffsets −3, KIP-734); of a compressed batch its first offset stands for it. */
  offsetOfMaxTimestamp(): FoundOffset | undefined {
    return this.#reader.offsetOfMaxTimestamp(this.#logStartOffset);
  }

  /** First offset of the transaction that this producer has open; undefined: none. */
  openTransaction(producerId: number): Offset | undefined {
    return this.#producers.transactions.firstOffsetOf(producerId);
  }

  /** First offset of the oldest transaction that has not ended; undefined: none is open. */
  get firstUnstableOffset(): Offset | undefined {
    return this.#producers.transactions.firstOpenOffset;
  }

  /**
   * What `read_committed` may read up to (KIP-98): not behind an open transaction, nor behind one whose marker is not below the
   * high watermark, since a new leader may not have it.
   */
  lastStableOffset(highWatermark: Offset): Offset {
    return this.#producers.transactions.lastStableOffset(highWatermark);
  }

  /** Aborted transactions with records in the range, for who reads it as `read_committed`. */
  abortedTransactions(fromOffset: Offset, toOffset: Offset): readonly AbortedTransaction[] {
    return this.#producers.transactions.abortedIn(fromOffset, toOffset);
  }

  /** In the order of their ids. */
  activeProducers(): readonly ActiveProducer[] {
    return this.#producers.active();
  }

  /** Records below are gone for clients (DeleteRecords, or the leader's log start). Not above the high watermark. */
  deleteTo(offset: Offset): Upkeep {
    assert(offset <= this.#logEndOffset, 'only what is there is deleted');
    if (offset > this.#logStartOffset) this.#startAt(offset);
    return this.#tidy();
  }

  /**
   * A bounded turn of upkeep: retention by time and size, compaction, expiry of producers, checkpoints. Never at or above the high
   * watermark. To be called every now and then, and again soon while `hasMoreUpkeep`.
   */
  upkeep({ wallMs, highWatermark }: { readonly wallMs: number; readonly highWatermark: Offset }): Upkeep {
    if (this.#damage !== undefined) return { cuts: [], appends: [] };
    this.#producers.expire(wallMs, this.#config.producerIdExpirationMs);
    const expired = expiredSegments(this.#chain.segments, this.#config, { wallMs, highWatermark });
    const last = expired.at(-1);
    if (last !== undefined) this.#startAt(Math.max(this.#logStartOffset, last.endOffset));
    const { cuts, appends } = this.#tidy();
    const stableOffset = this.lastStableOffset(highWatermark);
    const turn = this.#compaction.turn({ config: this.#config, wallMs, stableOffset });
    if (turn.swap !== undefined) this.#swap(turn.swap);
    return { cuts: [...cuts, ...turn.cuts], appends: [...appends, ...turn.appends] };
  }

  /** Another turn would do something at once. */
  get hasMoreUpkeep(): boolean {
    return this.#leaving.areReady || this.#compaction.canGoOn;
  }

  #refuseDamaged(): RefusedAppend {
    return refused('KAFKA_STORAGE_ERROR', `the log has lost records: ${this.#damage?.reason ?? ''}`);
  }

  /** Undefined: every producer may append what it does. */
  #checkProducers(batches: readonly RecordBatch[]): RefusedAppend | DuplicateAppend | undefined {
    for (const batch of batches) {
      if (batch.producerId < 0) continue;
      const marker = markerIn(batch);
      const check =
        marker === undefined ? this.#producers.check(batch) : this.#producers.checkMarker(batch, marker);
      if (check.kind === 'ok') {
        if (batches.length === 1) continue;
        return refused('INVALID_RECORD', 'a batch of a producer comes alone');
      }
      if (check.kind === 'refused') return check;
      const { firstOffset, lastOffset, logAppendTimeMs } = check.batch;
      return { kind: 'duplicate', firstOffset, endOffset: lastOffset + 1, logAppendTimeMs };
    }
    return undefined;
  }

  /** Takes up batches that have been checked. They are given on as they lie in `records`, in one part a segment. */
  #append(batches: readonly RecordBatch[], records: Uint8Array): readonly SegmentAppend[] {
    const appends = [...this.#ownAppends()];
    let file = '';
    let fromBytes = 0;
    for (const batch of batches) {
      const segment = this.#chain.segmentFor(batch, this.#config);
      if (segment.file !== file && batch.positionBytes > fromBytes) {
        appends.push({ file, bytes: records.subarray(fromBytes, batch.positionBytes) });
        fromBytes = batch.positionBytes;
      }
      file = segment.file;
      this.#recent.add(segment, batch.baseOffset, segment.lengthBytes);
      segment.note(batch, batch.sizeBytes);
      this.#epochs.begin(batch.leaderEpoch, batch.baseOffset);
      this.#producers.note(batch, markerIn(batch));
      this.#lastEpoch = batch.leaderEpoch;
      this.#logEndOffset = batch.lastOffset + 1;
      this.#checkpoints.takeIfDue(segment, this.#producers, this.#config.checkpointBytes);
    }
    appends.push({ file, bytes: fromBytes === 0 ? records : records.subarray(fromBytes) });
    this.#durability.gaveOut();
    return appends;
  }

  /** What the log writes on its own account. */
  #ownAppends(): readonly SegmentAppend[] {
    const checkpoints = this.#checkpoints.write(this.#durability.syncedEndOffset);
    if (!this.#startUnwritten) {
      if (checkpoints.length > 0) this.#durability.gaveOut();
      return checkpoints;
    }
    this.#startUnwritten = false;
    const { append, removed } = this.#journal.write(this.#logStartOffset);
    this.#durability.gaveOut();
    this.#leaving.add(removed);
    return [...checkpoints, append];
  }

  #tidy(): Upkeep {
    const cuts = this.#leaving.takeReady();
    const appends = this.#ownAppends();
    return { cuts: [...cuts, ...this.#dropBelowStart()], appends };
  }

  #swap({ inputs, output, markers }: Swap): void {
    const { segments } = this.#chain;
    const at = segments.indexOf(inputs[0] as LogSegment);
    assert(at >= 0 && segments[at + inputs.length - 1] === inputs.at(-1), 'what was compacted is the log’s');
    segments.splice(at, inputs.length, output);
    const range = { fromOffset: output.baseOffset, toOffset: output.endOffset };
    this.#producers.transactions.keepMarkers(range, markers);
  }

  #startAt(offset: Offset): void {
    this.#logStartOffset = offset;
    this.#startUnwritten = true;
    this.#epochs.forgetBelow(offset);
    this.#producers.transactions.forgetBelow(offset);
  }

  /**
   * Segments without a record at or behind the log's start leave once all is durable that was written so far: where the log
   * begins, and a checkpoint of the next segment, which stands by itself then.
   */
  #dropBelowStart(): readonly SegmentCut[] {
    const below = Math.min(this.#logStartOffset, this.#durability.syncedEndOffset);
    const dropped = this.#chain.dropUpTo(below);
    for (const segment of dropped) this.#leaving.add([segment.indexFile, segment.file]);
    return dropped.length === 0 ? [] : this.#compaction.abort();
  }
}
