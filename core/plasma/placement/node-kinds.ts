import { type NodeTable } from './node-table.ts';
import { labelOf, type PlacementNode } from './placement-node.ts';
import { type PlacementVm } from './placement-vm.ts';

/** So many kinds are remembered: flavours of virtual machines are few, what users write into selectors is not. */
const kindsMax = 64;

/**
 * Which nodes are open and have the accelerator and the labels that are asked for. Many virtual machines ask for the same, and
 * nodes seldom change, so the answer is kept until one does.
 */
export class NodeKinds {
  readonly #nodes: NodeTable;
  readonly #suiting = new Map<string, Uint8Array>();
  #version = -1;

  constructor(nodes: NodeTable) {
    this.#nodes = nodes;
  }

  /** 1 for each slot whose node is open and of the kind. */
  suiting(vm: PlacementVm): Uint8Array {
    if (this.#version !== this.#nodes.version) {
      this.#suiting.clear();
      this.#version = this.#nodes.version;
    }
    const key = kindKey(vm);
    const known = this.#suiting.get(key);
    if (known !== undefined) return known;
    if (this.#suiting.size >= kindsMax) this.#suiting.clear();
    const found = this.#find(vm);
    this.#suiting.set(key, found);
    return found;
  }

  #find(vm: PlacementVm): Uint8Array {
    const suiting = new Uint8Array(this.#nodes.open.length);
    const selector = Object.entries(vm.nodeSelector);
    for (const slot of this.#nodes.order()) {
      if (this.#nodes.open[slot] === 0) continue;
      const node = this.#nodes.nodeAt(slot);
      if (hasAccelerator(node, vm) && selector.every(([label, value]) => labelOf(node, label) === value))
        suiting[slot] = 1;
    }
    return suiting;
  }
}

export function hasAccelerator(node: PlacementNode, { accelerator }: PlacementVm): boolean {
  return accelerator === undefined || node.accelerators.includes(accelerator);
}

/** Names and values hold no control characters. */
function kindKey({ accelerator, nodeSelector }: PlacementVm): string {
  const pairs = Object.entries(nodeSelector);
  if (pairs.length === 0) return accelerator ?? '';
  pairs.sort(([a], [b]) => (a < b ? -1 : 1));
  return [accelerator ?? '', ...pairs.flat()].join('\u0001');
}
