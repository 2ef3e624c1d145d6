import { unreachable } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type FaultOf } from './scene.ts';

type Shape = FaultOf<'partialPartition'>['shape'];

/** Every pair that does not see each other in this shape, in both directions. */
export function unlinked(shape: Shape, order: readonly NodeId[]): readonly (readonly [NodeId, NodeId])[] {
  const pairs: (readonly [NodeId, NodeId])[] = [];
  order.forEach((from, left) => {
    order.forEach((to, right) => {
      if (left !== right && !linked(shape, { left, right, count: order.length })) pairs.push([from, to]);
    });
  });
  return pairs;
}

/** Whether the members at these places of the order see each other. */
function linked(
  shape: Shape,
  { left, right, count }: { readonly left: number; readonly right: number; readonly count: number },
): boolean {
  const apart = Math.abs(left - right);
  switch (shape) {
    case 'ring':
      return apart === 1 || apart === count - 1;
    case 'chain':
      return apart === 1;
    case 'star':
      return left === 0 || right === 0;
    case 'bridge':
      return left === 0 || right === 0 || left % 2 === right % 2;
    default:
      return unreachable(shape);
  }
}
