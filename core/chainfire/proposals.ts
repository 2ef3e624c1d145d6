/** A client's request on its way through the log. */
export interface PendingProposal {
  readonly requestId: number;
  readonly seq: number;
  readonly bytes: Uint8Array;
  /** For a compaction: answer only once what it released is freed here. */
  readonly physical: boolean;
  readonly deadlineUs: number;
  /** Handed to Raft: from here on nobody can say that it will not happen. */
  proposed: boolean;
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

  cancel(requestId: number): void {
    const seq = this.#seqByRequest.get(requestId);
    if (seq !== undefined) this.take(seq);
  }

  /** Those that no leader has been asked for yet, oldest first. */
  waiting(): readonly PendingProposal[] {
    const waiting: PendingProposal[] = [];
    for (const proposal of this.#bySeq.values()) if (!proposal.proposed) waiting.push(proposal);
    return waiting;
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

  #remove(proposal: PendingProposal): void {
    this.#bySeq.delete(proposal.seq);
    this.#seqByRequest.delete(proposal.requestId);
  }
}
