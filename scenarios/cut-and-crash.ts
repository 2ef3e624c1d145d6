import { nodeId, type NodeId } from '../core/base/ids.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';

/**
 * In every round one member, each in its turn, is cut off from the others for 5 s, and one of those loses its process for 2 s just
 * after: whoever was away comes back to a cluster that is without another.
 *
 * @param given.roundUs above 9 s, so that a round ends before the next begins; the first begins after one
 */
export function cutAndCrash(given: {
  readonly nodes: readonly NodeId[];
  readonly rounds: number;
  readonly roundUs: number;
}): readonly Fault[] {
  const { nodes, rounds, roundUs } = given;
  return Array.from({ length: rounds }, (_, round): Fault[] => {
    const node = nodes[round % nodes.length] ?? nodeId(1);
    const others = nodes.filter((other) => other !== node);
    const atUs = (round + 1) * roundUs;
    return [
      { kind: 'partition', atUs, forUs: 5 * usPerSecond, side: [node], otherSide: others },
      { kind: 'crash', atUs: atUs + 7 * usPerSecond, node: others[0] ?? node, downUs: 2 * usPerSecond },
    ];
  }).flat();
}
