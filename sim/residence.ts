import { type NodeId } from '../core/base/ids.ts';
import { type SimulatedSegments } from './disk/segments.ts';
import { type SimulatedStore } from './disk/store.ts';

/** What a machine keeps things on. */
export interface Disks {
  readonly segments: SimulatedSegments;
  readonly store: SimulatedStore;
}

/** Who lives at an address, and on which disks: a member may go, its disks may go, and another may move in on others. */
export class Residence {
  /** The member's id; 0 while nobody lives here. */
  member: NodeId;
  /** What this member has written to its log has reached the disk, at least once. */
  hasSynced = false;
  #disks: Disks;
  /** In stores that are gone. */
  #installedBefore = 0;

  constructor(member: NodeId, disks: Disks) {
    this.member = member;
    this.#disks = disks;
  }

  get segments(): SimulatedSegments {
    return this.#disks.segments;
  }

  get store(): SimulatedStore {
    return this.#disks.store;
  }

  /** Snapshots that members here have installed. */
  get snapshotsInstalled(): number {
    return this.#installedBefore + this.store.installed;
  }

  /** Other disks are in the place of those that were here. */
  replace(disks: Disks): void {
    this.#installedBefore += this.store.installed;
    this.#disks = disks;
  }
}
