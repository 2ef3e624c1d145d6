import { assert } from '../base/assert.ts';
import { type MetadataCommand } from './metadata/commands.ts';
import { type MetadataOutcome } from './metadata/outcomes.ts';

/**
 * Commands of this broker on their way through the metadata's log, and who waits for each. Bounded by the metadata, which
 * refuses those beyond its bound and answers every one by its time-out.
 */
export class Commands {
  readonly #propose: (command: MetadataCommand, token: number) => void;
  readonly #waiting = new Map<number, (outcome: MetadataOutcome) => void>();
  #lastToken = 0;

  /** @param propose hands a command to the metadata; its outcome comes in a later step */
  constructor(propose: (command: MetadataCommand, token: number) => void) {
    this.#propose = propose;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** @param then called once */
  propose(command: MetadataCommand, then: (outcome: MetadataOutcome) => void): void {
    this.#lastToken += 1;
    this.#waiting.set(this.#lastToken, then);
    this.#propose(command, this.#lastToken);
  }

  outcome(token: number, outcome: MetadataOutcome): void {
    const then = this.#waiting.get(token);
    assert(then !== undefined, 'a command has one outcome');
    this.#waiting.delete(token);
    then(outcome);
  }
}
