import { type NodeId } from '../../../core/base/ids.ts';
import { Violation } from '../../types.ts';
import { type BrokerStep, type ChronikChecker, type ToldRecords } from '../checker.ts';
import { type ChronikState } from '../state.ts';

/**
 * Every running member of a partition's in-sync set, as the newest metadata has it, has a log that does not end below what the
 * world was told of. Looked at whenever the set, one of its members' logs or what was told changes.
 *
 * Not verified: what is in the log (see replicas-agree), and members that are down or have not yet opened their replica.
 */
export class IsrHoldsTruth implements ChronikChecker {
  readonly name = 'isr-holds-truth';

  onStep({ replicas, metadata, state, process }: BrokerStep): void {
    for (const { id, after } of metadata) if (after !== undefined) this.#requireEach(state, id);
    for (const { id } of replicas) this.#require(state, id, process.node);
  }

  onTold({ state, id }: ToldRecords): void {
    this.#requireEach(state, id);
  }

  #requireEach(state: ChronikState, id: string): void {
    for (const node of state.partition(id)?.state.isr ?? []) this.#require(state, id, node);
  }

  #require(state: ChronikState, id: string, node: NodeId): void {
    const known = state.partition(id);
    if (known?.state.isr.includes(node) !== true || !state.isRunning(node)) return;
    const replica = state.replica(node, id);
    const { end } = state.truth.of(id);
    if (replica === undefined || replica.logEndOffset >= end) return;
    const where = `${known.topic.name}-${known.partition}`;
    throw new Violation(
      this.name,
      `n${node} is in sync with ${where} (epoch ${known.state.leaderEpoch}), and its log ends at ${replica.logEndOffset}, where the world was told of everything below ${end}`,
    );
  }
}
