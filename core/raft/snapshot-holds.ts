import { passMap, type StateForm } from '../base/capture.ts';
import { type NodeId } from '../base/ids.ts';

interface Hold {
  /** The snapshot reflects the log up to here; what lies behind is what the peer needs next. */
  readonly index: number;
  readonly sinceUs: number;
  untilUs: number;
}

/**
 * What of the log must stay while snapshots are on their way, and a little longer.
 *
 * Were the log cut meanwhile as at any time, a follower would have staged a snapshot only to find that the log begins
 * behind it, and need the next one: as long as more is written during a snapshot than the log keeps, it would never catch
 * up. So the log is held from the snapshot on until the peer has it, and for as long again as it took, in which the peer
 * fetches what was written meanwhile. Bounded by that: a stream that breaks ends its hold.
 */
export class SnapshotHolds {
  /** A peer has to open what it staged, however small. */
  readonly #graceMinUs: number;
  readonly #holds = new Map<NodeId, Hold>();

  constructor(graceMinUs: number) {
    this.#graceMinUs = graceMinUs;
  }

  begun(to: NodeId, index: number, nowUs: number): void {
    this.#holds.set(to, { index, sinceUs: nowUs, untilUs: Infinity });
  }

  sent(to: NodeId, nowUs: number): void {
    const hold = this.#holds.get(to);
    if (hold !== undefined) hold.untilUs = nowUs + Math.max(this.#graceMinUs, nowUs - hold.sinceUs);
  }

  failed(to: NodeId): void {
    this.#holds.delete(to);
  }

  passState(form: StateForm): void {
    passMap(form, 'holds', this.#holds, {
      blank: [1 as NodeId, { index: 0, sinceUs: 0, untilUs: 0 }],
      pass: (row, [to, hold]) => [
        row.number('to', to),
        {
          index: row.number('index', hold.index),
          sinceUs: row.number('sinceUs', hold.sinceUs),
          untilUs: row.number('untilUs', hold.untilUs),
        },
      ],
    });
  }

  /** The log may be cut at or below this index, as far as snapshots go. */
  cutMax(nowUs: number): number {
    let cutMax = Infinity;
    for (const [to, { index, untilUs }] of this.#holds) {
      if (untilUs <= nowUs) this.#holds.delete(to);
      else cutMax = Math.min(cutMax, index);
    }
    return cutMax;
  }
}
