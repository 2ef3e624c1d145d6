import { noBytes } from '../base/bytes.ts';
import { type Links, type StateForm } from '../base/capture.ts';
import { type Term } from '../raft/types.ts';

/** A client's request on its way through the log. */
export interface PendingProposal {
  readonly requestId: number;
  readonly seq: number;
  readonly bytes: Uint8Array;
  /** For a compaction: answer only once what it released is freed here. */
  readonly physical: boolean;
  readonly deadlineUs: number;
  /**
   * The term in which it was handed to Raft; 0: not yet, so that it is surely not done. In this term and no other may it
   * enter the log.
   */
  proposedTerm: Term;
}

/** Stands for a proposal where there is none. */
export const blankProposal: PendingProposal = {
  requestId: 0,
  seq: 0,
  bytes: noBytes,
  physical: false,
  deadlineUs: 0,
  proposedTerm: 0,
};

export function passProposal(form: StateForm, proposal: PendingProposal): PendingProposal {
  return {
    requestId: form.number('requestId', proposal.requestId),
    seq: form.number('seq', proposal.seq),
    bytes: form.bytes('bytes', proposal.bytes),
    physical: form.flag('physical', proposal.physical),
    deadlineUs: form.number('deadlineUs', proposal.deadlineUs),
    proposedTerm: form.number('proposedTerm', proposal.proposedTerm),
  };
}

/** Requests that wait to be applied, by request and by the number in their origin. Bounded by its owner. */
export class Proposals {
  /** In order of arrival, which is that of the deadlines. */
  readonly #bySeq = new Map<number, PendingProposal>();
  readonly #seqByRequest = new Map<number, number>();

  get size(): number {
    return this.#bySeq.size;
  }

  add(proposal: PendingProposal): void {
    this.#bySeq.set(proposal.seq, proposal);
    this.#seqByRequest.set(proposal.requestId, proposal.seq);
  }

  /** Takes out whom the applied command answers; undefined when nobody waits any more. */
  take(seq: number): PendingProposal | undefined {
    const proposal = this.#bySeq.get(seq);
    if (proposal !== undefined) this.#remove(proposal);
    return proposal;
  }

  get(seq: number): PendingProposal | undefined {
    return this.#bySeq.get(seq);
  }

  cancel(requestId: number): void {
    const seq = this.#seqByRequest.get(requestId);
    if (seq !== undefined) this.take(seq);
  }

  /** Those that no leader has been asked for yet, oldest first. */
  waiting(): readonly PendingProposal[] {
    const waiting: PendingProposal[] = [];
    for (const proposal of this.#bySeq.values()) if (proposal.proposedTerm === 0) waiting.push(proposal);
    return waiting;
  }

  /**
   * Those that were handed over before `term`, oldest first. Once an entry of `term` has been applied, none of them can be in
   * the log: what was not applied before that entry lies behind it, where terms are no lower.
   */
  overtakenBy(term: Term): readonly PendingProposal[] {
    const overtaken: PendingProposal[] = [];
    for (const proposal of this.#bySeq.values()) {
      if (proposal.proposedTerm > 0 && proposal.proposedTerm < term) overtaken.push(proposal);
    }
    return overtaken;
  }

  /** Takes out those that may be among entries up to one of `term`. */
  takePossiblyUpTo(term: Term): readonly PendingProposal[] {
    const taken: PendingProposal[] = [];
    for (const proposal of this.#bySeq.values()) {
      if (proposal.proposedTerm > 0 && proposal.proposedTerm <= term) taken.push(proposal);
    }
    for (const proposal of taken) this.#remove(proposal);
    return taken;
  }

  /** Takes out those that have waited too long. */
  expired(nowUs: number): readonly PendingProposal[] {
    const expired: PendingProposal[] = [];
    for (const proposal of this.#bySeq.values()) {
      if (proposal.deadlineUs > nowUs) break;
      expired.push(proposal);
    }
    for (const proposal of expired) this.#remove(proposal);
    return expired;
  }

  /** Deadline of the oldest; costs a walk over what has left since the last call, so not for every step. */
  earliestDeadlineUs(): number {
    for (const proposal of this.#bySeq.values()) return proposal.deadlineUs;
    return Infinity;
  }

  passState(form: StateForm, proposals: Links<PendingProposal>): void {
    const waiting = form.list('waiting', this.#bySeq.values(), blankProposal, proposals.each);
    if (!form.restores) return;
    this.#bySeq.clear();
    this.#seqByRequest.clear();
    for (const proposal of waiting) this.add(proposal);
  }

  #remove(proposal: PendingProposal): void {
    this.#bySeq.delete(proposal.seq);
    this.#seqByRequest.delete(proposal.requestId);
  }
}
