import { type DesiredOperation } from '../agent-protocol.ts';
import { type PlasmaEvent, type Quota } from '../api.ts';
import {
  type Digest,
  type EndCause,
  type FenceToken,
  type Generation,
  type InstanceId,
  type Labels,
  type NodeEpoch,
  type NodeName,
  type OperationId,
  type Placement,
  type ProjectName,
  type Resources,
  type Revision,
  type RunState,
  type VmId,
  type VmSpec,
  type VmState,
} from '../types.ts';

/** What an agent has told last of one place of a virtual machine. */
export interface Observed {
  readonly epoch: NodeEpoch;
  /** Of the report: what comes with a lower one of the same epoch is older. */
  readonly sequence: number;
  readonly generation: Generation;
  readonly state: VmState;
  readonly instance: InstanceId | undefined;
  readonly cause: EndCause | undefined;
  readonly message: string;
  readonly restarts: number;
  readonly incomingUri: string | undefined;
}

export interface Place extends Placement {
  /** Undefined: nothing was told of it yet. */
  readonly observed: Observed | undefined;
}

/** An older place of a virtual machine that is not known to be clean. */
export interface RemainingPlace extends Place {
  /** A process of it may be there, so it counts. */
  readonly alive: boolean;
  /** What was told of it under a lower generation says nothing of what has become of it since. */
  readonly sinceGeneration: Generation;
}

export interface VmMigration {
  readonly to: Place;
  /**
   * `preparing`: the target makes ready to receive. `sending`: the source sends. `handing-over`: the target owns it; `to` is
   * the virtual machine's placement as well, and the source is among what remains.
   */
  readonly phase: 'preparing' | 'sending' | 'handing-over';
  /** Of the commit that began it: what was told under a lower one belongs to something earlier. */
  readonly sinceGeneration: Generation;
  /** Where it comes from. */
  readonly from: Placement;
  readonly operation: OperationId | undefined;
}

/** It is to be stopped where it is, and to run elsewhere afterwards. */
export interface VmEviction {
  /** Undefined: wherever there is room. */
  readonly to: NodeName | undefined;
  readonly sinceGeneration: Generation;
  readonly operation: OperationId | undefined;
}

export interface VmRow {
  readonly id: VmId;
  readonly spec: VmSpec;
  readonly generation: Generation;
  readonly wanted: RunState | 'deleted';
  /** Of a stop. */
  readonly force: boolean;
  /** The highest that was ever given to it. */
  readonly fenceToken: FenceToken;
  /** What it takes of its node: `disk` once it was confirmed to be stopped. */
  readonly counts: 'all' | 'disk';
  readonly placement: Place | undefined;
  readonly migration: VmMigration | undefined;
  readonly eviction: VmEviction | undefined;
  /** A migration was given up, and its source has not said yet that it goes on. */
  readonly abandonedGeneration: Generation | undefined;
  readonly remains: readonly RemainingPlace[];
  /** At most `vmOperationsMax`, in order. */
  readonly operations: readonly DesiredOperation[];
  readonly snapshots: readonly string[];
  /** Of the last change of what is wanted. */
  readonly revision: Revision;
  /** Why it is nowhere; empty: it is somewhere, or nobody wants it to run. */
  readonly pendingReason: string;
}

export const vmOperationsMax = 16;
export const vmSnapshotsMax = 64;

export interface NodeRow {
  readonly name: NodeName;
  readonly epoch: NodeEpoch;
  /** The epoch whose inventory was judged. */
  readonly inventoriedEpoch: NodeEpoch;
  readonly agentBootId: string;
  readonly machineBootId: string;
  readonly capacity: Resources;
  readonly labels: Labels;
  readonly accelerators: readonly string[];
  readonly address: string;
  readonly cordoned: boolean;
  readonly draining: boolean;
  /**
   * The epoch is closed. `expired`: its lease has ended, and what must stop has stopped. `fenced`: the machine is off.
   * `forgotten`: the machine will never come back.
   */
  readonly lost: 'expired' | 'fenced' | 'forgotten' | undefined;
  /** Found there and unknown to the store, at the last inventory. */
  readonly orphans: number;
}

export interface ImageRow {
  readonly project: ProjectName;
  readonly name: string;
  readonly digest: Digest;
  readonly format: 'raw' | 'qcow2';
  readonly fileBytes: number;
  readonly virtualBytes: number;
}

export interface DiskRow {
  readonly project: ProjectName;
  readonly name: string;
  /** Its name in the project on the storage node: a disk that is made under the name of another is another one there. */
  readonly onStorage: string;
  readonly sizeBytes: number;
  /** The highest that a virtual machine which is gone has written under: whoever uses it next begins above. */
  readonly fenceToken: FenceToken;
}

/** Proof that a shared disk was deleted, until the storage node has said that nothing of it is left. */
export interface DeletedDiskRow {
  readonly project: ProjectName;
  readonly name: string;
  readonly onStorage: string;
  readonly sizeBytes: number;
  /** Above all that it was written under. */
  readonly fenceToken: FenceToken;
  /** What ends with it. */
  readonly operation: OperationId;
}

export interface QuotaRow {
  readonly project: ProjectName;
  readonly quota: Quota;
}

export interface OperationRow {
  readonly project: ProjectName;
  readonly id: OperationId;
  /** Of the request. */
  readonly digest: string;
  readonly revision: Revision;
  readonly vm: VmId | undefined;
  /** Done when the agent has carried this generation out; undefined: `state` says it. */
  readonly generation: Generation | undefined;
  readonly state: 'running' | 'done' | 'failed';
  readonly message: string;
}

/** Proof that a virtual machine was deleted, for nodes that may still have something of it. */
export interface DeletedRow {
  readonly id: VmId;
  readonly spec: VmSpec;
  readonly generation: Generation;
  /** The highest that was ever given to it. */
  readonly fenceToken: FenceToken;
  readonly remains: readonly RemainingPlace[];
}

/** Numbers the commits. `term` and `attempt` tell who has made it, where nobody has heard the answer. */
export interface CommitRow {
  readonly revision: Revision;
  readonly term: number;
  readonly attempt: number;
}

export interface LeaderRow {
  readonly server: number;
  /** Random: told apart from a key that somebody else, or an earlier life, has put. */
  readonly candidacy: string;
}

/** What the control plane keeps in memory, by table and key. */
export interface Tables {
  /** By id. */
  readonly vms: VmRow;
  /** By name. */
  readonly nodes: NodeRow;
  /** By project and name, `project/name`. */
  readonly images: ImageRow;
  readonly disks: DiskRow;
  /** By project and name on the storage node. */
  readonly deletedDisks: DeletedDiskRow;
  /** By project. */
  readonly quotas: QuotaRow;
  /** By project and id. */
  readonly operations: OperationRow;
  /** By the virtual machine's id. */
  readonly deleted: DeletedRow;
}
export type TableName = keyof Tables;
export const tableNames = [
  'vms',
  'nodes',
  'images',
  'disks',
  'deletedDisks',
  'quotas',
  'operations',
  'deleted',
] as const satisfies readonly TableName[];

/** What was recorded of one project, or of none, in one commit, in order. */
export type AuditRow = readonly PlasmaEvent[];

/** Below the prefix. */
export const leaderKey = 'leader';
export const commitKey = 'commit';
export const auditFolder = 'audit/';

export function auditKey(revision: Revision, position: number): string {
  return `${auditFolder}${String(revision).padStart(20, '0')}.${String(position).padStart(3, '0')}`;
}

export function ownKey(project: ProjectName, name: string): string {
  return `${project}/${name}`;
}

/** All places of a virtual machine, where it is to run first. */
export function placesOf(row: VmRow): readonly Place[] {
  return [...ownPlacesOf(row), ...row.remains];
}

/** Those that take something of their node. */
export function countedPlacesOf(row: VmRow): readonly Place[] {
  return [...ownPlacesOf(row), ...row.remains.filter((place) => place.alive)];
}

function ownPlacesOf({ placement, migration }: VmRow): Place[] {
  const places: Place[] = [];
  if (placement !== undefined) places.push(placement);
  if (migration !== undefined && migration.phase !== 'handing-over') places.push(migration.to);
  return places;
}

export function hasLocalDisks(spec: VmSpec): boolean {
  return spec.disks.some((disk) => disk.kind === 'local');
}
