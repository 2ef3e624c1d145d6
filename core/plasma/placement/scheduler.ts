import { type NodeName, type Placement, type Resources, type VmId } from '../types.ts';
import { type Overcommit, type PlacementNode, type Reservation } from './placement-node.ts';
import {
  type Evacuation,
  type PlacementOutcome,
  type PreemptionOutcome,
  type RuleBroken,
  type UnfitReason,
} from './placement-outcome.ts';
import { type PlacementVm } from './placement-vm.ts';
import { type PlacementPolicy } from './policy.ts';

export interface SchedulerSettings {
  readonly policy: PlacementPolicy;
  readonly overcommit: Overcommit;
}

/** Undefined: wherever it may. */
export interface PlacementBounds {
  /** On no other node than this one. */
  readonly only?: NodeName;
  /** Not on these: where it is already, for one that is to move. */
  readonly except?: readonly NodeName[];
}

/**
 * Who is where, and who may go where: filters nodes, scores what remains. It decides nothing that others must know of: `place`
 * changes nothing, and what its owner has decided enters by `allocate` and `release`.
 *
 * Answers depend only on what it holds, never on the order in which it came: ties go to the node whose name comes first.
 *
 * `allocate` states facts and is never refused, since a node's capacity may shrink and its labels may change below what is
 * there. Whoever decides asks `place` or `unfit` first.
 */
export class Scheduler {
  constructor(settings: SchedulerSettings) {
    throw new Error(`not there yet ${settings.policy}`);
  }

  /** Adds a node or changes what is known of it; what is allocated there stays. */
  setNode(_node: PlacementNode): void {
    throw new Error('not there yet');
  }

  /** Nothing may be allocated or reserved there. */
  removeNode(_name: NodeName): void {
    throw new Error('not there yet');
  }

  hasNode(_name: NodeName): boolean {
    throw new Error('not there yet');
  }

  /** Allocated there, without what is only reserved. */
  allocatedOn(_name: NodeName): Resources {
    throw new Error('not there yet');
  }

  /** What is there, by id; one that is there under several tokens once. */
  vmsOn(_name: NodeName): readonly VmId[] {
    throw new Error('not there yet');
  }

  /**
   * It runs there, or may. Counts once for each of its placements, of which it may have several: while it migrates, and while
   * an older place is not known to be clean. The node must be known, the placement (node and token) new.
   */
  allocate(_vm: PlacementVm, _placement: Placement): void {
    throw new Error('not there yet');
  }

  /** It is surely not there any more. The placement must be one that was allocated. */
  release(_vm: VmId, _placement: Placement): void {
    throw new Error('not there yet');
  }

  /** What is asked for it has changed, in all of its places. Nothing happens to one that is nowhere. */
  update(_vm: PlacementVm): void {
    throw new Error('not there yet');
  }

  reserve(_reservation: Reservation): void {
    throw new Error('not there yet');
  }

  /** Nothing happens if there is none of this id. */
  unreserve(_id: string): void {
    throw new Error('not there yet');
  }

  /** Where it should run. Its own places, if it has any, count as taken and forbid it nothing. */
  place(_vm: PlacementVm, _bounds: PlacementBounds = {}): PlacementOutcome {
    throw new Error('not there yet');
  }

  /** Why it may not be on this node, which must be known; undefined: it may. */
  unfit(_vm: PlacementVm, _node: NodeName): UnfitReason | undefined {
    throw new Error('not there yet');
  }

  /**
   * May it have this demand where it is? For disks that grow: the resource that is missing on a node of its, undefined if none
   * is. What it has there now is counted once.
   */
  missingFor(_vm: VmId, _demand: Resources): UnfitReason | undefined {
    throw new Error('not there yet');
  }

  /**
   * Who has to go so that it fits, where it fits nowhere now: virtual machines of a lower priority on one node; the node where
   * the most important of them is the least important, then where they are fewest. `mayGo` keeps some out of it.
   */
  preempt(
    _vm: PlacementVm,
    _bounds: PlacementBounds = {},
    _mayGo?: (vm: VmId) => boolean,
  ): PreemptionOutcome {
    throw new Error('not there yet');
  }

  /**
   * Where those of a node may go, most important first, then largest; those that others want to be near before the others. They
   * go on counting on the node, too. `only` names those that are to go; undefined: all.
   */
  evacuate(_node: NodeName, _only?: readonly VmId[]): Evacuation {
    throw new Error('not there yet');
  }

  /** Required anti-affinity that does not hold between those that are allocated, in the order of their ids. */
  brokenRules(): readonly RuleBroken[] {
    throw new Error('not there yet');
  }
}
