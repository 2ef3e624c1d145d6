import { type NodeId } from '../../../core/base/ids.ts';
import { type Fault } from '../../../sim/types.ts';

const targetFields = ['node', 'nodes', 'side', 'otherSide', 'from', 'to', 'between'] as const;

/** The members that a fault is about; one that names none is about all of them. */
export function faultTargets(fault: Fault, nodes: readonly NodeId[]): readonly NodeId[] {
  const fields = fault as unknown as Readonly<Record<string, unknown>>;
  const named = new Set<unknown>();
  for (const name of targetFields) {
    const value = fields[name];
    if (Array.isArray(value)) for (const item of value) named.add(item);
    else if (value !== undefined) named.add(value);
  }
  const found = nodes.filter((node) => named.has(node));
  return found.length === 0 ? nodes : found;
}
