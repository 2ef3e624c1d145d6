import { Violation } from '../../types.ts';
import { type ChronikChecker } from '../checker.ts';
import { isSameBatch } from '../committed-log.ts';
import { type ChronikState, type KnownPartition } from '../state.ts';

/**
 * In the end, with everything healed, all replicas of a partition hold the same batches from the latest of their beginnings on,
 * and every record that was acknowledged is among what was ever committed.
 *
 * Not verified: logs that are compacted; what is below a replica's log start.
 */
export class ReplicasConverge implements ChronikChecker {
  readonly name = 'replicas-converge';

  onEnd(state: ChronikState): void {
    for (const known of state.partitions()) this.#require(state, known);
  }

  #require(state: ChronikState, known: KnownPartition): void {
    const where = `${known.topic.name}-${known.partition}`;
    const replicas = known.state.replicas.map((node) => state.replica(node, known.id));
    const start = Math.max(0, ...replicas.map((replica) => replica?.logStartOffset ?? 0));
    let first:
      { readonly node: number; readonly batches: NonNullable<ReturnType<typeof batchesOf>> } | undefined;
    for (const replica of replicas) {
      if (replica === undefined) continue;
      const batches = batchesOf(state, replica.node, replica.directory, start);
      if (batches === undefined) return;
      if (first === undefined) {
        first = { node: replica.node, batches };
        continue;
      }
      const { batches: others } = first;
      const at = batches.findIndex((batch, position) => {
        const other = others[position];
        return other === undefined || !isSameBatch(batch, other);
      });
      if (at < 0 && batches.length === others.length) continue;
      const offset =
        batches[at < 0 ? others.length : at]?.baseOffset ?? others[batches.length]?.baseOffset ?? -1;
      throw new Violation(
        this.name,
        `n${replica.node} and n${first.node} differ in ${where} from offset ${offset} on`,
      );
    }
  }
}

function batchesOf(
  state: ChronikState,
  node: ChronikState['cluster']['nodes'][number],
  directory: string,
  start: number,
) {
  return state.mirror(node).between(directory, start, Infinity);
}
