import { type NodeId } from '../../../core/base/ids.ts';
import { fieldsOf } from '../../../sim/fault-shapes.ts';
import { type Fault } from '../../../sim/fault.ts';

/** The members that a fault is about; one that names none is about all of them. */
export function faultTargets(fault: Fault, nodes: readonly NodeId[]): readonly NodeId[] {
  const fields = fault as unknown as Readonly<Record<string, unknown>>;
  const named = new Set<unknown>();
  for (const [name, shape] of fieldsOf(fault.kind)) {
    const value = fields[name];
    if (shape.kind === 'node') named.add(value);
    else if (shape.kind === 'nodes' || shape.kind === 'twoNodes')
      for (const item of (value as readonly unknown[] | undefined) ?? []) named.add(item);
  }
  const found = nodes.filter((node) => named.has(node));
  return found.length === 0 ? nodes : found;
}
