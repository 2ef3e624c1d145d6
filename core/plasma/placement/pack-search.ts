import { type NodeFilter } from './node-filter.ts';
import { type NodeTable, type Slot } from './node-table.ts';
import { fills } from './policy.ts';

/**
 * The node that `pack` takes, without looking at every node: the same one that comes of asking the policy about each. Only where
 * no rule merely weighs, and nothing is reserved for whom is placed.
 */
export function packedNode(nodes: NodeTable, filter: NodeFilter): Slot | undefined {
  const willDo = (slot: Slot): boolean =>
    filter.kind[slot] === 1 && !filter.excludes(slot) && filter.mayBeAmong(slot);
  return (
    filledNode(nodes, filter, willDo) ??
    nodes.usedBlocks.first(filter.roomMin, willDo) ??
    emptyNode(nodes, filter, willDo)
  );
}

/** The first by name of those in use that it fills. */
function filledNode(
  nodes: NodeTable,
  { demand, roomMin }: NodeFilter,
  willDo: (slot: Slot) => boolean,
): Slot | undefined {
  const scarcest = nodes.scarcest();
  const { room, limit, placements } = nodes;
  const ranks = nodes.usedBlocks.ranks();
  let best: Slot | undefined;
  let bestRank = Infinity;
  for (const slots of nodes.roomBuckets[scarcest].about(demand[scarcest]))
    for (let at = 0; at < slots.length; at += 1) {
      const slot = slots[at] as Slot;
      const rank = ranks[slot] as number;
      if (rank >= bestRank || placements[slot] === 0) continue;
      const left = (room[scarcest][slot] as number) - demand[scarcest];
      if (left < 0 || !fills(left, limit[scarcest][slot] as number)) continue;
      if (
        (room.cpuMilli[slot] as number) < roomMin.cpuMilli ||
        (room.memoryBytes[slot] as number) < roomMin.memoryBytes ||
        (room.diskBytes[slot] as number) < roomMin.diskBytes ||
        !willDo(slot)
      )
        continue;
      best = slot;
      bestRank = rank;
    }
  return best;
}

function emptyNode(
  nodes: NodeTable,
  { roomMin }: NodeFilter,
  willDo: (slot: Slot) => boolean,
): Slot | undefined {
  const { room, placements } = nodes;
  for (const slot of nodes.order())
    if (
      placements[slot] === 0 &&
      (room.cpuMilli[slot] as number) >= roomMin.cpuMilli &&
      (room.memoryBytes[slot] as number) >= roomMin.memoryBytes &&
      (room.diskBytes[slot] as number) >= roomMin.diskBytes &&
      willDo(slot)
    )
      return slot;
  return undefined;
}
