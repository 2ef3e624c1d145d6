import { type NodeId } from '../base/ids.ts';
import { type LogIndex } from './types.ts';

/** A read that waits at the leader: our own, or forwarded by `from`, who numbered it within its boot. */
export interface PendingRead {
  /** 0: our own. */
  readonly from: NodeId | 0;
  readonly boot: number;
  readonly context: number;
}

/** Reads that one round of heartbeats confirms; `index` was the commit index when the round began. */
export interface ReadRound {
  readonly readSeq: number;
  readonly index: LogIndex;
  readonly reads: readonly PendingRead[];
}

/** A read of ours that the leader was asked about. */
export interface ForwardedRead {
  readonly context: number;
  readonly sentUs: number;
}

/** Reads under way at one member. At most `pendingReadsMax` of each sort. */
export class ReadState {
  readonly #pendingReadsMax: number;
  /** For the next round. */
  waiting: PendingRead[] = [];
  /** Under way, oldest first. */
  rounds: ReadRound[] = [];
  /** Number of the newest round; rises as long as the node lives. */
  readSeq = 0;
  /** By the number that the request carries, oldest first. */
  readonly forwarded = new Map<number, ForwardedRead>();
  forwardedCount = 0;
  /** Reads in `waiting` and `rounds`. */
  pending = 0;

  constructor(pendingReadsMax: number) {
    this.#pendingReadsMax = pendingReadsMax;
  }

  get full(): boolean {
    return this.pending >= this.#pendingReadsMax;
  }

  get forwardsFull(): boolean {
    return this.forwarded.size >= this.#pendingReadsMax;
  }
}
