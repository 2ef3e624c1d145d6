import { assert } from '../../base/assert.ts';
import { type NodeId } from '../../base/ids.ts';
import { type BrokerEpoch, noEpoch, type Offset } from '../types.ts';
import { type WindowEntry } from './follower-window.ts';
import { type FetchPosition } from './messages.ts';

/** A fetch that the leader has not answered yet. */
export interface ParkedFetch {
  readonly fetchSeq: number;
  readonly position: FetchPosition;
  readonly sinceUs: number;
}

/** What the leader of a partition knows of one follower, in this leadership: what was reported under an earlier one is void. */
export class ReplicaProgress {
  readonly id: NodeId;
  /** The life of the follower that all of this is about; −1: it has not fetched yet. */
  brokerEpoch: BrokerEpoch = noEpoch;
  /** Of its newest fetch: an older one that comes later says nothing. */
  fetchSeq = 0;
  /** Its log is the leader's up to where it fetched. Until it has been so once, nothing that it has counts. */
  matches = false;
  /** Everything below is on its disk, and is the leader's log. Rises only, within a life of it. */
  syncedOffset: Offset = 0;
  /** −1: it has not said. */
  logStartOffset: Offset = -1;
  /** When it last had everything that the leader's log held at that time. */
  caughtUpUs: number;
  parked: ParkedFetch | undefined;
  /** The high watermark of the newest answer. */
  toldHighWatermark: Offset = -1;
  /** Stands in its broker's queue for an answer. */
  queued = false;
  /** The answer that is on its way, or was lost there. */
  inFlight: WindowEntry | undefined;
  /**
   * Where the log ended at some time: once the follower has got there, it was caught up at that time. Held until it is reached:
   * a follower that is always a sync behind would otherwise never have been.
   */
  #goalOffset: Offset;
  #goalUs: number;

  constructor(id: NodeId, logEndOffset: Offset, nowUs: number) {
    this.id = id;
    this.caughtUpUs = nowUs;
    this.#goalOffset = logEndOffset;
    this.#goalUs = nowUs;
  }

  /** It fetches in another life: it may have lost what it had. */
  restarted(brokerEpoch: BrokerEpoch): void {
    assert(brokerEpoch > this.brokerEpoch, 'a broker registers under a higher epoch each time');
    this.brokerEpoch = brokerEpoch;
    this.fetchSeq = 0;
    this.matches = false;
    this.syncedOffset = 0;
    this.logStartOffset = -1;
    this.parked = undefined;
    this.toldHighWatermark = -1;
  }

  /** It has this much on its disk. */
  reported(syncedOffset: Offset, logEndOffset: Offset, nowUs: number): void {
    assert(this.matches, 'what a follower has counts once its log is the leader’s');
    if (syncedOffset > this.syncedOffset) this.syncedOffset = syncedOffset;
    if (this.syncedOffset >= logEndOffset) {
      this.caughtUpUs = nowUs;
    } else if (this.syncedOffset >= this.#goalOffset) {
      this.caughtUpUs = Math.max(this.caughtUpUs, this.#goalUs);
    } else {
      return;
    }
    this.#goalOffset = logEndOffset;
    this.#goalUs = nowUs;
  }
}
