import { passMap, type StateForm } from '../base/capture.ts';
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

  passState(form: StateForm): void {
    this.waiting = form.list('waiting', this.waiting, blankRead, passRead);
    this.rounds = form.list('rounds', this.rounds, { readSeq: 0, index: 0, reads: [] }, (row, round) => ({
      readSeq: row.number('readSeq', round.readSeq),
      index: row.number('index', round.index),
      reads: row.list('reads', round.reads, blankRead, passRead),
    }));
    this.readSeq = form.number('readSeq', this.readSeq);
    passMap(form, 'forwarded', this.forwarded, {
      blank: [0, { context: 0, sentUs: 0 }],
      pass: (row, [number, { context, sentUs }]) => [
        row.number('number', number),
        { context: row.number('context', context), sentUs: row.number('sentUs', sentUs) },
      ],
    });
    this.forwardedCount = form.number('forwardedCount', this.forwardedCount);
    this.pending = form.number('pending', this.pending);
  }
}

const blankRead: PendingRead = { from: 0, boot: 0, context: 0 };

function passRead(form: StateForm, read: PendingRead): PendingRead {
  return {
    from: form.number('from', read.from),
    boot: form.number('boot', read.boot),
    context: form.number('context', read.context),
  };
}
