import {
  type KeyValue,
  type RangeResponse,
  type ResponseHeader,
  type TxnResponse,
} from '../core/chainfire/api/kv.ts';
import { type ClientOutcome } from '../core/chainfire/client/protocol.ts';

/** What a client has seen so far: the base of its compare-and-swaps and of the revisions that it asks for. */
export class KeyKnowledge {
  readonly #seen = new Map<string, KeyValue>();
  #revision: number;

  /** @param seenRevision of another cluster that this one was made from */
  constructor(seenRevision = 0) {
    this.#revision = seenRevision;
  }

  /** The newest revision that an answer named; 0 before the first. */
  get revision(): number {
    return this.#revision;
  }

  get(key: string): KeyValue | undefined {
    return this.#seen.get(key);
  }

  learn(outcome: ClientOutcome): void {
    if (outcome.kind !== 'answered') return;
    const answer = outcome.response;
    this.#learnHeader(answer.response.header);
    if (answer.kind === 'range') this.#learnRange(answer.response);
    else if (answer.kind === 'txn') this.#learnTxn(answer.response);
  }

  #learnHeader(header: ResponseHeader | undefined): void {
    if (header !== undefined) this.#revision = Math.max(this.#revision, header.revision);
  }

  #learnTxn(txn: TxnResponse): void {
    for (const response of txn.responses) {
      if (response.responseRange !== undefined) this.#learnRange(response.responseRange);
      if (response.responseTxn !== undefined) this.#learnTxn(response.responseTxn);
    }
  }

  #learnRange(range: RangeResponse): void {
    for (const kv of range.kvs) {
      const known = this.#seen.get(kv.key);
      if (known === undefined || known.modRevision < kv.modRevision) this.#seen.set(kv.key, kv);
    }
  }
}
