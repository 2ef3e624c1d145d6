import { noBytes } from '../base/bytes.ts';
import { passMap, type StateForm } from '../base/capture.ts';

/** Batches of proposals that a follower remembers, to say which were refused; their bytes are `inflightBytesMax` at most. */
const batchesMax = 1_024;

/** A batch of proposals that the leader was handed. */
interface ForwardedBatch {
  readonly forwardSeq: number;
  readonly proposals: readonly Uint8Array[];
  readonly bytes: number;
  readonly sentUs: number;
}

/**
 * What a follower has handed to its leader of late. A leader that has no room says so, and these say what it has no room
 * for; a batch that is forgotten too early, or whose refusal is lost, is a request without an outcome, as after any loss.
 */
export class ForwardedBatches {
  readonly #bytesMax: number;
  /** Oldest first. */
  readonly #batches = new Map<number, ForwardedBatch>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get size(): number {
    return this.#batches.size;
  }

  add(batch: Omit<ForwardedBatch, 'bytes'>): void {
    let bytes = 0;
    for (const proposal of batch.proposals) bytes += proposal.length;
    this.#batches.set(batch.forwardSeq, { ...batch, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#batches.values()) {
      if (this.#batches.size <= batchesMax && this.#bytes <= this.#bytesMax) return;
      this.take(oldest.forwardSeq);
    }
  }

  take(forwardSeq: number): ForwardedBatch | undefined {
    const batch = this.#batches.get(forwardSeq);
    if (batch === undefined) return undefined;
    this.#batches.delete(forwardSeq);
    this.#bytes -= batch.bytes;
    return batch;
  }

  /** Forgets what was sent before `timeUs`: an answer has come long ago, or never comes. */
  forgetBefore(timeUs: number): void {
    for (const oldest of this.#batches.values()) {
      if (oldest.sentUs >= timeUs) return;
      this.take(oldest.forwardSeq);
    }
  }

  clear(): void {
    this.#batches.clear();
    this.#bytes = 0;
  }

  /** Whoever proposed knows its proposals by the very arrays. */
  passState(form: StateForm): void {
    passMap(form, 'batches', this.#batches, {
      blank: [0, { forwardSeq: 0, proposals: [], bytes: 0, sentUs: 0 }],
      pass: (row, [, batch]) => {
        const passed = {
          forwardSeq: row.number('forwardSeq', batch.forwardSeq),
          proposals: row.list('proposals', batch.proposals, noBytes, passProposal),
          bytes: row.number('bytes', batch.bytes),
          sentUs: row.number('sentUs', batch.sentUs),
        };
        return [passed.forwardSeq, passed];
      },
    });
    this.#bytes = form.number('bytes', this.#bytes);
  }
}

function passProposal(form: StateForm, proposal: Uint8Array): Uint8Array {
  return form.bytes('bytes', proposal);
}
