import { type NodeName, type VmId } from '../types.ts';

/** Why a node will not do, in the order in which it is asked: a node counts under the first that holds. */
export const unfitReasons = [
  'not up',
  'cordoned',
  'excluded',
  'accelerator',
  'node selector',
  /** The virtual machine's own required rule. */
  'affinity',
  'anti-affinity',
  /** The required rule of another that is there. */
  'anti-affinity of others',
  'cpu',
  'memory',
  'disk',
] as const;
export type UnfitReason = (typeof unfitReasons)[number];

/** Nodes by why they will not do, in the order of `unfitReasons`; reasons that hold for none are left out. */
export type UnfitCounts = readonly { readonly reason: UnfitReason; readonly nodes: number }[];

export type PlacementOutcome =
  | { readonly kind: 'placed'; readonly node: NodeName }
  | { readonly kind: 'noNode'; readonly unfit: UnfitCounts };

export type PreemptionOutcome =
  /** With these gone it fits on `node`. Least important first. All are on that node, and of a lower priority. */
  | { readonly kind: 'displace'; readonly node: NodeName; readonly victims: readonly VmId[] }
  | { readonly kind: 'noNode' };

/** Where those of a node may go. */
export interface Evacuation {
  /** To be begun in this order: each counts the room that those before it take. */
  readonly moves: readonly { readonly vm: VmId; readonly to: NodeName }[];
  readonly stuck: readonly { readonly vm: VmId; readonly unfit: UnfitCounts }[];
}

/** A required rule that does not hold as things are: `vm` has the rule, `other` breaks it, both where they are now. */
export interface RuleBroken {
  readonly vm: VmId;
  readonly other: VmId;
  readonly topology: string;
}

/** For people: "no node has room: 3 not up, 12 cpu, 4 anti-affinity". */
export function unfitInWords(unfit: UnfitCounts): string {
  if (unfit.length === 0) return 'there are no nodes';
  return `no node will do: ${unfit.map(({ reason, nodes }) => `${nodes} ${reason}`).join(', ')}`;
}
