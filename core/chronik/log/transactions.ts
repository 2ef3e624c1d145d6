import { assert } from '../../base/assert.ts';
import { type Offset } from '../types.ts';
import { type AbortedTransaction } from './outcomes.ts';

/** A transaction that has ended: from its first record to its marker. */
export interface EndedTransaction {
  readonly producerId: number;
  readonly firstOffset: Offset;
  readonly markerOffset: Offset;
}

/**
 * The transactions that a log knows (KIP-98): what is open, what has ended but may not be replicated yet, and what was
 * aborted, for whoever reads only what was committed.
 */
export class Transactions {
  /** Producer to first offset, in the order of the offsets. */
  #open = new Map<number, Offset>();
  /**
   * Ended, whatever their outcome, with a marker that was not known to be below the high watermark; by their markers.
   * Bounded by the transactions that end between two looks at the high watermark.
   */
  #unsettled: EndedTransaction[] = [];
  /** By their markers. */
  #aborted: EndedTransaction[] = [];

  get firstOpenOffset(): Offset | undefined {
    for (const firstOffset of this.#open.values()) return firstOffset;
    return undefined;
  }

  get open(): ReadonlyMap<number, Offset> {
    return this.#open;
  }

  get unsettled(): readonly EndedTransaction[] {
    return this.#unsettled;
  }

  get aborted(): readonly EndedTransaction[] {
    return this.#aborted;
  }

  firstOffsetOf(producerId: number): Offset | undefined {
    return this.#open.get(producerId);
  }

  /** A record of a transaction; the first one opens it. */
  record(producerId: number, offset: Offset): void {
    if (!this.#open.has(producerId)) this.#open.set(producerId, offset);
  }

  /** A marker: it may find nothing open. */
  end(producerId: number, outcome: 'commit' | 'abort', markerOffset: Offset): void {
    const firstOffset = this.#open.get(producerId);
    if (firstOffset === undefined) return;
    this.#open.delete(producerId);
    const ended = { producerId, firstOffset, markerOffset };
    this.#unsettled.push(ended);
    if (outcome === 'abort') this.#aborted.push(ended);
  }

  /** What lies below the high watermark never changes any more. */
  settle(highWatermark: Offset): void {
    if ((this.#unsettled[0]?.markerOffset ?? Infinity) >= highWatermark) return;
    this.#unsettled = this.#unsettled.filter(({ markerOffset }) => markerOffset >= highWatermark);
  }

  lastStableOffset(highWatermark: Offset): Offset {
    this.settle(highWatermark);
    let stable = Math.min(highWatermark, this.firstOpenOffset ?? highWatermark);
    for (const { firstOffset } of this.#unsettled) stable = Math.min(stable, firstOffset);
    return stable;
  }

  /** Aborted transactions with records in the range, by their first offsets. */
  abortedIn(fromOffset: Offset, toOffset: Offset): readonly AbortedTransaction[] {
    const aborted = this.#aborted;
    let low = 0;
    for (let high = aborted.length; low < high;) {
      const middle = (low + high) >>> 1;
      if ((aborted[middle] as EndedTransaction).markerOffset < fromOffset) low = middle + 1;
      else high = middle;
    }
    const found: AbortedTransaction[] = [];
    for (let at = low; at < aborted.length; at += 1) {
      const { producerId, firstOffset } = aborted[at] as EndedTransaction;
      if (firstOffset < toOffset) found.push({ producerId, firstOffset });
    }
    return found.sort(
      (left, right) => left.firstOffset - right.firstOffset || left.producerId - right.producerId,
    );
  }

  /** The log now begins there. */
  forgetBelow(startOffset: Offset): void {
    if ((this.#aborted[0]?.markerOffset ?? Infinity) >= startOffset) return;
    this.#aborted = this.#aborted.filter(({ markerOffset }) => markerOffset >= startOffset);
  }

  /**
   * Of the markers in a part of the log these are left. Who reads `read_committed` hides a producer's records from an aborted
   * transaction's beginning up to its marker: without one it would hide them for ever.
   */
  keepMarkers(
    range: { readonly fromOffset: Offset; readonly toOffset: Offset },
    left: ReadonlySet<Offset>,
  ): void {
    this.#aborted = this.#aborted.filter(
      ({ markerOffset }) =>
        markerOffset < range.fromOffset || markerOffset >= range.toOffset || left.has(markerOffset),
    );
  }

  /**
   * As it was when the log ended at `endOffset`: what was open and unsettled then is given, what was aborted is known.
   */
  restore(
    endOffset: Offset,
    open: readonly (readonly [producerId: number, firstOffset: Offset])[],
    unsettled: readonly EndedTransaction[],
  ): void {
    this.#open = new Map([...open].sort((left, right) => left[1] - right[1]));
    this.#unsettled = [...unsettled];
    this.#aborted = this.#aborted.filter(({ markerOffset }) => markerOffset < endOffset);
  }

  /** Read from a checkpoint. */
  addAborted(aborted: readonly EndedTransaction[]): void {
    for (const each of aborted) {
      assert(
        (this.#aborted.at(-1)?.markerOffset ?? -1) < each.markerOffset,
        'markers lie one behind another',
      );
      this.#aborted.push(each);
    }
  }

  clear(): void {
    this.#open = new Map();
    this.#unsettled = [];
    this.#aborted = [];
  }
}
