import { assert } from '../base/assert.ts';
import { type StateForm } from '../base/capture.ts';
import { Ring } from '../base/ring.ts';

/** Batches under way at which applying stops; the ring has room for what one more turn of applying can add. */
const batchesMax = 16_384;
const batchesCapacity = 131_072;

interface Batch {
  readonly storeSeq: number;
  readonly bytes: number;
  readonly index: number;
}

/** What was written to the store and is not known to be on disk: its size, and up to where the log is still needed. */
export class Backlog {
  readonly #bytesMax: number;
  readonly #batches = new Ring<Batch>(batchesCapacity);
  #bytes = 0;
  #storedIndex: number;

  /** @param storedIndex applied index of the store as it was opened */
  constructor(bytesMax: number, storedIndex: number) {
    this.#bytesMax = bytesMax;
    this.#storedIndex = storedIndex;
  }

  /** At the bound nothing more is applied; heartbeats and votes go on. */
  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax || this.#batches.length >= batchesMax;
  }

  /** Highest index whose effects are on disk. */
  get storedIndex(): number {
    return this.#storedIndex;
  }

  /** @param index the applied index that the batch carries */
  written(storeSeq: number, bytes: number, index: number): void {
    this.#batches.push({ storeSeq, bytes, index });
    this.#bytes += bytes;
  }

  stored(storeSeq: number): void {
    for (let batch = this.#batches.at(0); batch !== undefined; batch = this.#batches.at(0)) {
      if (batch.storeSeq > storeSeq) break;
      this.#batches.shift();
      this.#bytes -= batch.bytes;
      assert(batch.index >= this.#storedIndex, 'batches carry rising indexes');
      this.#storedIndex = batch.index;
    }
  }

  /** Where it is restored, the store goes on with the numbers of batches. */
  passState(form: StateForm): void {
    form.fields('batches', (fields) => {
      this.#batches.passState(
        fields,
        { storeSeq: 0, bytes: 0, index: 0 },
        (row, { storeSeq, bytes, index }) => ({
          storeSeq: row.number('storeSeq', storeSeq),
          bytes: row.number('bytes', bytes),
          index: row.number('index', index),
        }),
      );
    });
    this.#bytes = form.number('bytes', this.#bytes);
    this.#storedIndex = form.number('storedIndex', this.#storedIndex);
  }

  /** The whole content was replaced, durably. */
  replaced(index: number): void {
    this.#batches.clear();
    this.#bytes = 0;
    this.#storedIndex = index;
  }
}
