import { type SegmentAppend } from '../../base/effects.ts';
import { type FileSlice } from '../../storage/segment-files.ts';
import { type LeaderEpoch, type Offset } from '../types.ts';
import { type Divergence } from './messages.ts';

/** A file is cut to this length; to 0: it is removed. */
export interface SegmentCut {
  readonly file: string;
  readonly lengthBytes: number;
}

/** What replication needs of a partition's log. */
export interface ReplicatedLog {
  readonly logStartOffset: Offset;
  /** Behind the last batch, written or not. */
  readonly logEndOffset: Offset;
  /** Everything below is on the disk. */
  readonly syncedEndOffset: Offset;
  /** Epoch of the last batch; −1: none. */
  readonly lastEpoch: LeaderEpoch;
  /** First offset of a transaction that has not ended; undefined: none. */
  readonly firstUnstableOffset: Offset | undefined;

  appendAsLeader(
    records: Uint8Array,
    given: {
      readonly leaderEpoch: LeaderEpoch;
      readonly wallMs: number;
      readonly origin: 'client' | 'coordinator';
    },
  ): LeaderAppend;
  /** Batches of a leader, from the log's end on (a compacted log has gaps); offsets and epochs never fall. */
  appendAsFollower(records: Uint8Array): FollowerAppend;
  /** What was appended since the last call is in the persist of this number. */
  written(syncSeq: number): void;
  synced(syncSeq: number): void;

  /** Whole batches from the one that holds `fromOffset` on, all below `toOffset`; undefined: none. */
  read(range: {
    readonly fromOffset: Offset;
    readonly toOffset: Offset;
    readonly bytesMax: number;
    /** The first batch is given even where it is larger than `bytesMax`. */
    readonly minOneBatch: boolean;
  }): FileSlice | undefined;
  /** The newest epoch of the log that is not above this one, and where it ends; undefined: all are above it. */
  endOffsetOfEpoch(epoch: LeaderEpoch): Divergence | undefined;
  /** Drops everything from this offset on. */
  truncateTo(offset: Offset): readonly SegmentCut[];
  /** Drops everything; the next batch begins at this offset. */
  restartAt(offset: Offset): readonly SegmentCut[];
}

export type LeaderAppend =
  | { readonly kind: 'refused'; readonly error: string; readonly message: string | undefined }
  /** An idempotent producer's batch that is in the log already. */
  | { readonly kind: 'duplicate'; readonly firstOffset: Offset; readonly endOffset: Offset }
  | {
      readonly kind: 'appended';
      readonly firstOffset: Offset;
      readonly endOffset: Offset;
      readonly logAppendTimeMs: number;
      readonly appends: readonly SegmentAppend[];
    };

export type FollowerAppend =
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'appended'; readonly endOffset: Offset; readonly appends: readonly SegmentAppend[] };
