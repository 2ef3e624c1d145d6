import { type NodeFilter } from './node-filter.ts';
import { type NodeTable, type Slot } from './node-table.ts';
import { type UnfitCounts, type UnfitReason, unfitReasons } from './placement-outcome.ts';
import { type NodeScore } from './policy.ts';

/**
 * The node that will do and is best: by the rules that only weigh, then by the policy, then by name.
 *
 * One pass over all nodes in the order of their names. What costs the least is asked first, and whether a node is forbidden
 * only of one that would be better than the best so far.
 */
export function bestNode(nodes: NodeTable, filter: NodeFilter, score: NodeScore): Slot | undefined {
  const { hasWishes, only, kind } = filter;
  const { cpuMilli: cpuMin, memoryBytes: memoryMin, diskBytes: diskMin } = filter.roomMin;
  const { cpuMilli: cpu, memoryBytes: memory, diskBytes: disk } = nodes.room;
  const { reserved } = nodes;
  const order = only === undefined ? nodes.order() : only === -1 ? noSlots : Int32Array.of(only);
  let best: Slot | undefined;
  let bestWishes = -Infinity;
  let bestScore = -Infinity;
  for (let at = 0; at < order.length; at += 1) {
    const slot = order[at] as Slot;
    if (kind[slot] === 0) continue;
    if (
      (cpu[slot] as number) < cpuMin ||
      (memory[slot] as number) < memoryMin ||
      (disk[slot] as number) < diskMin
    ) {
      // Some of what is reserved there may be for it.
      if (reserved[slot] === 0 || filter.missing(slot) !== undefined) continue;
    }
    const wishes = hasWishes ? filter.wishesMet(slot) : 0;
    if (wishes < bestWishes) continue;
    const scored = score.of(slot);
    if (wishes === bestWishes && scored <= bestScore) continue;
    if (filter.excludes(slot) || !filter.mayBeAmong(slot)) continue;
    best = slot;
    bestWishes = wishes;
    bestScore = scored;
    if (!hasWishes && scored >= score.best) break;
  }
  return best;
}

const noSlots = new Int32Array(0);

/** Why none will do: asked only when that is so, since it looks at everything. */
export function countUnfit(nodes: NodeTable, filter: NodeFilter): UnfitCounts {
  const counts = new Map<UnfitReason, number>();
  for (const slot of nodes.order()) {
    const reason = filter.unfit(slot);
    if (reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return unfitReasons.flatMap((reason) => {
    const count = counts.get(reason);
    return count === undefined ? [] : [{ reason, nodes: count }];
  });
}
