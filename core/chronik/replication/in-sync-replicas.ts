import { assert } from '../../base/assert.ts';
import { type NodeId } from '../../base/ids.ts';
import { type PartitionEpoch } from '../types.ts';
import { type AlterPartitionOutcome } from './assignment.ts';

/**
 * The in-sync set of a partition as its leader knows it: what the metadata says, and what the leader has proposed. Until it knows
 * what became of a proposal, both count: the cluster may already elect a leader from the one or the other.
 */
export class InSyncReplicas {
  /** As the metadata has it. */
  committed: readonly NodeId[];
  /** Of the newest change that the leader has seen. A proposal names it, and is applied only where it still holds. */
  partitionEpoch: PartitionEpoch;
  /** Replicas that proposals under this partition epoch would bring in, as long as one of them may still be applied. */
  #mayJoin: readonly NodeId[] = [];
  /** A proposal is under way. One at a time. */
  #isProposed = false;
  /** A proposal under this partition epoch got lost: it may be applied at any time. */
  #isUnknown = false;
  /** No proposal before. */
  retryUs = -Infinity;

  constructor(committed: readonly NodeId[], partitionEpoch: PartitionEpoch) {
    this.committed = committed;
    this.partitionEpoch = partitionEpoch;
  }

  get isProposed(): boolean {
    return this.#isProposed;
  }

  /** Whoever must have a record before it counts as committed. */
  get maximal(): readonly NodeId[] {
    return this.#mayJoin.length === 0 ? this.committed : [...this.committed, ...this.#mayJoin];
  }

  proposed(isr: readonly NodeId[]): void {
    assert(!this.#isProposed, 'one change of the in-sync set is under way at a time');
    this.#isProposed = true;
    const joining = isr.filter((id) => !this.committed.includes(id) && !this.#mayJoin.includes(id));
    this.#mayJoin = [...this.#mayJoin, ...joining];
  }

  /** What became of the proposal, where it was not applied. Stale where the set has changed since. */
  answered(partitionEpoch: PartitionEpoch, outcome: AlterPartitionOutcome, retryUs: number): void {
    if (partitionEpoch !== this.partitionEpoch || !this.#isProposed) return;
    this.#isProposed = false;
    this.retryUs = retryUs;
    if (outcome === 'unknown') this.#isUnknown = true;
    // One that is lost may have named anybody of these.
    if (!this.#isUnknown) this.#mayJoin = [];
  }

  /** The metadata has changed the set, or the partition otherwise: nothing that was proposed before can be applied any more. */
  changed(committed: readonly NodeId[], partitionEpoch: PartitionEpoch): void {
    assert(partitionEpoch >= this.partitionEpoch, 'a partition epoch only rises');
    this.committed = committed;
    if (partitionEpoch === this.partitionEpoch) return;
    this.partitionEpoch = partitionEpoch;
    this.#mayJoin = [];
    this.#isProposed = false;
    this.#isUnknown = false;
    this.retryUs = -Infinity;
  }
}
