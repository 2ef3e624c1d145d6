import { assert } from '../../base/assert.ts';
import { type LeaderEpoch, noEpoch, type Offset } from '../types.ts';
import { type EpochEnd } from './outcomes.ts';

export interface EpochStart {
  readonly epoch: LeaderEpoch;
  readonly startOffset: Offset;
}

/**
 * Where each leader's batches begin in a log: what replicas find their last common offset by (KIP-101, KIP-279).
 * Invariant: epochs and start offsets rise strictly.
 */
export class LeaderEpochs {
  #starts: EpochStart[] = [];

  /** −1: none is known. */
  get last(): LeaderEpoch {
    return this.#starts.at(-1)?.epoch ?? noEpoch;
  }

  get starts(): readonly EpochStart[] {
    return this.#starts;
  }

  /** A batch of this epoch lies at the log's end, or a leader of it begins there. Later batches of the epoch change nothing. */
  begin(epoch: LeaderEpoch, startOffset: Offset): void {
    if (this.#starts.at(-1)?.epoch === epoch) return;
    // A leader that appended nothing left no mark in the log.
    this.cutTo(startOffset);
    const last = this.#starts.at(-1);
    if (last?.epoch === epoch) return;
    assert(last === undefined || epoch > last.epoch, 'epochs never fall along a log');
    this.#starts.push({ epoch, startOffset });
  }

  /** Undefined: every epoch of the log is above this one, or none is as high. */
  endOf(epoch: LeaderEpoch, logEndOffset: Offset): EpochEnd | undefined {
    const starts = this.#starts;
    if (epoch < 0 || epoch > this.last) return undefined;
    let at = starts.length - 1;
    while (at >= 0 && (starts[at] as EpochStart).epoch > epoch) at -= 1;
    const floor = starts[at];
    if (floor === undefined) return undefined;
    return { epoch: floor.epoch, endOffset: starts[at + 1]?.startOffset ?? logEndOffset };
  }

  /** The log now ends there. */
  cutTo(endOffset: Offset): void {
    while ((this.#starts.at(-1)?.startOffset ?? -1) >= endOffset) this.#starts.pop();
  }

  /** The log now begins there: the epoch that it begins in stays. */
  forgetBelow(startOffset: Offset): void {
    let floor = -1;
    while ((this.#starts[floor + 1]?.startOffset ?? Infinity) <= startOffset) floor += 1;
    const first = this.#starts[floor];
    if (first === undefined) return;
    this.#starts.splice(0, floor + 1, { epoch: first.epoch, startOffset });
  }

  clear(): void {
    this.#starts = [];
  }
}
