import { unreachable } from '../base/assert.ts';
import { type AppendEnd, type DeleteRecordsEnd, type FetchedPartition } from './replication/requests.ts';
import { type LeaderEpoch, type Offset, type PartitionKey } from './types.ts';

/** What replication has to tell the rest of the broker. */
export type Notice =
  | { readonly kind: 'appendEnded'; readonly token: number; readonly end: AppendEnd }
  | { readonly kind: 'fetched'; readonly token: number; readonly partitions: readonly FetchedPartition[] }
  | { readonly kind: 'recordsDeleted'; readonly token: number; readonly end: DeleteRecordsEnd }
  | { readonly kind: 'partitionLed'; readonly key: PartitionKey; readonly leaderEpoch: LeaderEpoch }
  | { readonly kind: 'partitionLeft'; readonly key: PartitionKey }
  | { readonly kind: 'highWatermarkMoved'; readonly key: PartitionKey; readonly highWatermark: Offset };

/** Who is told. */
export interface NoticeListeners {
  readonly requests: {
    appendEnded(token: number, end: AppendEnd): void;
    fetched(token: number, partitions: readonly FetchedPartition[]): void;
    recordsDeleted(token: number, end: DeleteRecordsEnd): void;
  };
  readonly coordinators: {
    /** Of a token below 0. */
    appendEnded(token: number, end: AppendEnd): void;
    partitionLed(key: PartitionKey, leaderEpoch: LeaderEpoch, nowUs: number): void;
    partitionLeft(key: PartitionKey): void;
    highWatermarkMoved(key: PartitionKey, highWatermark: Offset, nowUs: number): void;
  };
}

/** Of an append that nobody waits for by its token. */
export const noToken = 0;

/**
 * Keeps what replication says while it is at work until it has returned: who is told may append, and replication is not to be
 * called while it is in the middle of something. Bounded by what there is to be told of: emptied in every step.
 */
export class Notices {
  #waiting: Notice[] = [];

  add(notice: Notice): void {
    this.#waiting.push(notice);
  }

  /** Passes on what there is, in the order in which it was said. @returns whether there was something */
  pass({ requests, coordinators }: NoticeListeners, nowUs: number): boolean {
    if (this.#waiting.length === 0) return false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const notice of waiting) {
      switch (notice.kind) {
        case 'appendEnded':
          if (notice.token > noToken) requests.appendEnded(notice.token, notice.end);
          else if (notice.token < noToken) coordinators.appendEnded(notice.token, notice.end);
          break;
        case 'fetched':
          requests.fetched(notice.token, notice.partitions);
          break;
        case 'recordsDeleted':
          requests.recordsDeleted(notice.token, notice.end);
          break;
        case 'partitionLed':
          coordinators.partitionLed(notice.key, notice.leaderEpoch, nowUs);
          break;
        case 'partitionLeft':
          coordinators.partitionLeft(notice.key);
          break;
        case 'highWatermarkMoved':
          coordinators.highWatermarkMoved(notice.key, notice.highWatermark, nowUs);
          break;
        default:
          unreachable(notice);
      }
    }
    return true;
  }
}
