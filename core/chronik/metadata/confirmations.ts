import { type LogIndex } from '../../raft/types.ts';

/** A question to the controller that is under way. */
interface Round {
  /** What was asked for up to this number is confirmed with it. */
  readonly number: number;
  readonly context: number;
  /** The answer: what had been decided by then; undefined: it has not come. */
  index: LogIndex | undefined;
}

/**
 * Tells that this broker has applied everything that had been decided when it was asked to find that out: a linearizable read of
 * Raft (dissertation §6.4), which writes nothing. A broker that is cut off gets no answer; who asks has a time-out of his own.
 *
 * One question is under way at a time, and whatever is asked for meanwhile goes into the next one: so there is nothing to bound.
 * A question or an answer may be lost: then it is asked anew.
 */
export class Confirmations {
  readonly #request: (context: number) => void;
  readonly #repeatUs: number;
  /** Newest number that was given out. Invariant: confirmed ≤ asked. */
  #asked = 0;
  #confirmed = 0;
  #round: Round | undefined;
  #lastContext = 0;
  /** No question before. */
  #nextUs = -Infinity;

  /** @param given.request may be answered before it returns */
  constructor(given: { readonly request: (context: number) => void; readonly repeatUs: number }) {
    this.#request = given.request;
    this.#repeatUs = given.repeatUs;
  }

  /** @returns a number: what was decided before this call is applied once `settle` has returned it, or a higher one */
  ask(): number {
    const begun = this.#round?.number ?? this.#confirmed;
    if (this.#asked === begun) this.#asked += 1;
    return this.#asked;
  }

  ready(context: number, index: LogIndex): void {
    if (this.#round?.context === context) this.#round.index = index;
  }

  /** Nobody leads, or whoever does has too much under way. */
  refused(context: number): void {
    if (this.#round?.context === context) this.#round = undefined;
  }

  /** @returns the number up to which all is confirmed now, where that is more than before */
  settle(nowUs: number, appliedIndex: LogIndex): number | undefined {
    if (this.dueUs <= nowUs) this.#begin(nowUs);
    const round = this.#round;
    if (round?.index === undefined || round.index > appliedIndex) return undefined;
    this.#round = undefined;
    this.#nextUs = -Infinity;
    this.#confirmed = round.number;
    return round.number;
  }

  /** When a question is to be put. One that was answered waits for entries, not for a time. */
  get dueUs(): number {
    return this.#asked === this.#confirmed || this.#round?.index !== undefined ? Infinity : this.#nextUs;
  }

  #begin(nowUs: number): void {
    this.#lastContext += 1;
    this.#nextUs = nowUs + this.#repeatUs;
    this.#round = { number: this.#asked, context: this.#lastContext, index: undefined };
    this.#request(this.#lastContext);
  }
}
