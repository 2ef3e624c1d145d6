import { type MirroredBatch } from './log-mirror.ts';

/**
 * The one log that all replicas of a partition share below their high watermarks, batch by batch as the first replica has
 * shown it. Only of batches whose leader's epoch an unclean election has not overtaken.
 */
export class CommittedLog {
  /** By base offset. */
  readonly #batches = new Map<number, MirroredBatch>();
  #end = 0;

  /** Behind the last batch that any replica has shown. */
  get end(): number {
    return this.#end;
  }

  /**
   * A replica shows this batch below its high watermark.
   *
   * @returns the batch that another has shown for the same offsets; undefined where it is the same, or the first
   */
  show(
    batch: MirroredBatch,
  ): { readonly kind: 'first' | 'same' } | { readonly kind: 'other'; readonly shown: MirroredBatch } {
    const shown = this.#batches.get(batch.baseOffset);
    if (shown !== undefined) {
      return isSameBatch(shown, batch) ? { kind: 'same' } : { kind: 'other', shown };
    }
    this.#batches.set(batch.baseOffset, batch);
    this.#end = Math.max(this.#end, batch.lastOffset + 1);
    return { kind: 'first' };
  }

  at(baseOffset: number): MirroredBatch | undefined {
    return this.#batches.get(baseOffset);
  }

  /** What was shown before counts no more. */
  forget(): void {
    this.#batches.clear();
    this.#end = 0;
  }
}

export function isSameBatch(left: MirroredBatch, right: MirroredBatch): boolean {
  return (
    left.baseOffset === right.baseOffset &&
    left.lastOffset === right.lastOffset &&
    left.leaderEpoch === right.leaderEpoch &&
    left.crc === right.crc
  );
}
