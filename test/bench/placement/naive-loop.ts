import { type PlacementNode } from '../../../core/plasma/placement/placement-node.ts';
import { type PlacementVm } from '../../../core/plasma/placement/placement-vm.ts';

interface LoopNode {
  readonly node: PlacementNode;
  readonly vms: Map<string, PlacementVm>;
  cpuMilli: number;
  memoryBytes: number;
  diskBytes: number;
}

/**
 * The yardstick: the loop that is written first. A node is an object with a map of what is on it; each request tries all of them
 * for room, labels, and the rules that are about single nodes (racks and zones it leaves out), and takes the one with the least
 * left.
 */
export class NaiveLoop {
  readonly #nodes: readonly LoopNode[];

  constructor(nodes: readonly PlacementNode[]) {
    this.#nodes = nodes.map((node) => ({ node, vms: new Map(), ...node.capacity }));
  }

  place(vm: PlacementVm): void {
    let best: LoopNode | undefined;
    let least = Infinity;
    for (const each of this.#nodes) {
      if (!fits(each, vm)) continue;
      const { capacity } = each.node;
      const left = each.cpuMilli / capacity.cpuMilli + each.memoryBytes / capacity.memoryBytes;
      if (left >= least || forbidden(each, vm)) continue;
      best = each;
      least = left;
    }
    if (best === undefined) return;
    best.vms.set(vm.id, vm);
    best.cpuMilli -= vm.demand.cpuMilli;
    best.memoryBytes -= vm.demand.memoryBytes;
    best.diskBytes -= vm.demand.diskBytes;
  }
}

function fits({ node, cpuMilli, memoryBytes, diskBytes }: LoopNode, { demand, ...vm }: PlacementVm): boolean {
  if (!node.up || node.cordoned || cpuMilli < demand.cpuMilli || memoryBytes < demand.memoryBytes)
    return false;
  if (diskBytes < demand.diskBytes || !node.accelerators.includes(vm.accelerator ?? '')) return false;
  return Object.entries(vm.nodeSelector).every(([label, value]) => node.labels[label] === value);
}

function forbidden({ vms }: LoopNode, vm: PlacementVm): boolean {
  for (const other of vms.values()) {
    if (other.project !== vm.project) continue;
    for (const [one, another] of [
      [vm, other],
      [other, vm],
    ] as const)
      for (const rule of one.affinity)
        if (rule.required && rule.topology === 'node' && another.labels['app'] === rule.matches['app'])
          return true;
  }
  return false;
}
