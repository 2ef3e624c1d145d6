import { assert } from '../../core/base/assert.ts';

/** The place of an answer in its connection's line. */
export interface AnswerPlace {
  /** Undefined until it is known; empty where the protocol has no answer. */
  chunks: readonly Uint8Array[] | undefined;
  /** What is kept of the request meanwhile. */
  readonly requestBytes: number;
}

/** Answers leave in the order of the requests, whenever each is ready. Bounded by its owner, who stops reading. */
export class Answers {
  #places: AnswerPlace[] = [];
  #requestBytes = 0;
  readonly #write: (chunks: readonly Uint8Array[]) => void;

  /** @param write called with whatever may leave together */
  constructor(write: (chunks: readonly Uint8Array[]) => void) {
    this.#write = write;
  }

  /** Requests that wait for their answer, or whose answer waits for others. */
  get length(): number {
    return this.#places.length;
  }

  /** Of the requests that those are for. */
  get requestBytes(): number {
    return this.#requestBytes;
  }

  open(requestBytes: number): AnswerPlace {
    const place: AnswerPlace = { chunks: undefined, requestBytes };
    this.#places.push(place);
    this.#requestBytes += requestBytes;
    return place;
  }

  settle(place: AnswerPlace, chunks: readonly Uint8Array[]): void {
    assert(place.chunks === undefined, 'a request is answered once');
    place.chunks = chunks;
    if (place !== this.#places[0]) return;
    const ready: Uint8Array[] = [];
    let count = 0;
    for (const { chunks: answer, requestBytes } of this.#places) {
      if (answer === undefined) break;
      count += 1;
      this.#requestBytes -= requestBytes;
      for (const chunk of answer) ready.push(chunk);
    }
    this.#places.splice(0, count);
    if (ready.length > 0) this.#write(ready);
  }

  clear(): void {
    this.#places = [];
    this.#requestBytes = 0;
  }
}
