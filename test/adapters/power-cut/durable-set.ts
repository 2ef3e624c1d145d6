import { type RunnerEffect, type RunnerEvent } from '../../../adapters/runner/protocol.ts';
import { type Machine } from '../../../core/base/machine.ts';
import { type LogDamage, RecordLog } from '../../../core/storage/record-log.ts';
import { type SegmentRepair } from '../../../core/storage/segment-files.ts';

type Event = RunnerEvent<number, never, never>;
type Effect = RunnerEffect<number, never, never>;

/** The smallest machine that promises durability: it adds numbers to a set and says so once they are on disk. */
export class DurableSet implements Machine<Event, Effect> {
  readonly #log: RecordLog;
  readonly deadlineUs = Infinity;
  /** In the order in which they were added. */
  readonly recovered: readonly number[];
  readonly damage: LogDamage | undefined;
  /** Invariant: sync numbers are batch numbers of this life, from 1. */
  readonly #firstBatchSeq: number;

  static recover(segments: SegmentRepair, segmentBytesMax: number): DurableSet {
    const { log, batches, damage } = RecordLog.recover(segments, { prefix: 'set/', segmentBytesMax });
    const numbers = batches.map(({ payload }) =>
      new DataView(payload.buffer, payload.byteOffset).getUint32(0),
    );
    return new DurableSet(log, numbers, damage);
  }

  private constructor(log: RecordLog, recovered: readonly number[], damage: LogDamage | undefined) {
    this.#log = log;
    this.recovered = recovered;
    this.damage = damage;
    this.#firstBatchSeq = log.lastBatchSeq;
  }

  step(event: Event): readonly Effect[] {
    if (event.kind === 'synced') this.#log.synced(this.#firstBatchSeq + event.syncSeq);
    return event.kind === 'requested' ? this.#onRequested(event.requestId, event.request) : [];
  }

  /** Payloads of many lengths, so that frames end anywhere in a sector. */
  #onRequested(requestId: number, number: number): readonly Effect[] {
    const payload = new Uint8Array(4 + ((number * 37) % 1_200));
    new DataView(payload.buffer).setUint32(0, number);
    const { location, append } = this.#log.append(payload);
    const syncSeq = location.batchSeq - this.#firstBatchSeq;
    return [
      { kind: 'persist', syncSeq, appends: [append] },
      { kind: 'reply', requestId, response: number, afterSyncSeq: syncSeq },
    ];
  }
}
