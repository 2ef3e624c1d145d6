import { type RaftRefusal } from './types.ts';

/** Of the proposals that were given to Raft those that it did not take. */
export interface RefusedProposals {
  readonly proposals: ReadonlySet<Uint8Array>;
  readonly code: RaftRefusal;
}

/**
 * Proposals that are just being given to Raft. What Raft refuses while it is given to it, whoever proposed learns at once;
 * what the leader refuses that they were passed on to comes later, and by itself.
 */
export class HandOver {
  #handed: ReadonlySet<Uint8Array> | undefined;
  #refused: RefusedProposals | undefined;

  get isUnderWay(): boolean {
    return this.#handed !== undefined;
  }

  /** @returns those that were not taken, and why */
  give(proposals: readonly Uint8Array[], drive: () => void): RefusedProposals | undefined {
    this.#handed = new Set(proposals);
    this.#refused = undefined;
    drive();
    this.#handed = undefined;
    return this.#refused;
  }

  /** @returns whether these are of the proposals that are being given */
  refused(proposals: readonly Uint8Array[], code: RaftRefusal): boolean {
    const [first] = proposals;
    if (first === undefined || this.#handed?.has(first) !== true) return false;
    this.#refused = { proposals: new Set(proposals), code };
    return true;
  }
}
