import { type Labels, type NodeName, type ProjectName, type Resources, type VmId } from '../types.ts';

/** How much more of a resource may be given away than there is, in thousandths: 1,000 is exactly what there is. */
export interface Overcommit {
  readonly cpuPerMille: number;
  readonly memoryPerMille: number;
  readonly diskPerMille: number;
}

export const noOvercommit: Overcommit = { cpuPerMille: 1_000, memoryPerMille: 1_000, diskPerMille: 1_000 };

/** What placing on a node depends on. */
export interface PlacementNode {
  readonly name: NodeName;
  readonly capacity: Resources;
  readonly labels: Labels;
  readonly accelerators: readonly string[];
  /** It holds a lease: nothing is placed on a silent or lost one. */
  readonly up: boolean;
  /** What is there stays, nothing comes. */
  readonly cordoned: boolean;
}

/**
 * A part of a node's capacity that is kept for one project or one virtual machine. What its beneficiaries use of the node is
 * charged to the reservation first, so a node is charged for the larger of what they use and what is kept for them.
 */
export interface Reservation {
  /** Unique among all reservations. */
  readonly id: string;
  readonly node: NodeName;
  readonly kept: Resources;
  readonly beneficiary:
    | { readonly kind: 'project'; readonly project: ProjectName }
    /** While those that were displaced for it have not gone yet. */
    | { readonly kind: 'vm'; readonly vm: VmId };
}

/** `node` is the node itself, whatever label of that name it may have. */
export function labelOf(node: PlacementNode, label: string): string | undefined {
  if (label === 'node') return node.name;
  return Object.hasOwn(node.labels, label) ? node.labels[label] : undefined;
}
