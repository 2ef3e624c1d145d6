import { type NodeId } from '../base/ids.ts';
import { createCommand, type MetadataCommand } from './metadata/commands.ts';
import { type MetadataOutcome } from './metadata/outcomes.ts';

/** Requests that wait for a block of ids; beyond it they are refused. */
const waitingMax = 10_000;

/**
 * Producer ids that nobody ever had (KIP-98, KIP-730): the metadata gives each broker blocks of them. What is left of a block
 * when the broker ends is never used.
 */
export class ProducerIds {
  readonly #propose: (command: MetadataCommand, then: (outcome: MetadataOutcome) => void) => void;
  readonly #brokerOf: () => { readonly broker: NodeId; readonly brokerEpoch: number };
  #next = 0;
  /** Behind the last one of the block. */
  #end = 0;
  #waiting: ((producerId: number | undefined) => void)[] = [];

  constructor(
    propose: (command: MetadataCommand, then: (outcome: MetadataOutcome) => void) => void,
    brokerOf: () => { readonly broker: NodeId; readonly brokerEpoch: number },
  ) {
    this.#propose = propose;
    this.#brokerOf = brokerOf;
  }

  /** Calls back once, perhaps at once; with undefined where none can be had now. */
  draw(then: (producerId: number | undefined) => void): void {
    if (this.#next < this.#end) {
      this.#next += 1;
      then(this.#next - 1);
      return;
    }
    if (this.#waiting.length >= waitingMax) {
      then(undefined);
      return;
    }
    this.#waiting.push(then);
    if (this.#waiting.length > 1) return;
    this.#propose(createCommand('allocateProducerIds', this.#brokerOf()), (outcome) => {
      this.#allocated(outcome);
    });
  }

  #allocated(outcome: MetadataOutcome): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (outcome.kind !== 'done' || outcome.result.command !== 'allocateProducerIds') {
      for (const then of waiting) then(undefined);
      return;
    }
    const { firstProducerId, count } = outcome.result;
    this.#next = firstProducerId;
    this.#end = firstProducerId + count;
    for (const then of waiting) this.draw(then);
  }
}
