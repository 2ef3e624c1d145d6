import {
  type Digest,
  type DiskSpec,
  type EndCause,
  type FenceToken,
  type Generation,
  type InstanceId,
  type Labels,
  type NodeEpoch,
  type NodeName,
  type OperationId,
  type ProjectName,
  type Resources,
  type Revision,
  type VmId,
  type VmSpec,
  type VmState,
} from './types.ts';

/** Who asks: the URI name of his certificate, `photon://user/alice`, `photon://plasma/node-1`. */
export interface Caller {
  readonly identity: string;
}

/**
 * What users ask of the control plane (`photon.plasma.v1.VmService`, `NodeService`, `ImageService`). Each one that changes
 * something has an operation id: asked again under the same id it has the same answer, whoever leads by then, and nothing
 * happens twice; asked for something else under it, it is refused.
 */
export type PlasmaRequest = PlasmaMutation | PlasmaQuery;

interface Mutation {
  /** Unique in the project, at most 128 characters. */
  readonly operationId: OperationId;
  readonly project: ProjectName;
}

export type PlasmaMutation =
  | (Mutation & { readonly kind: 'vmCreate'; readonly spec: VmSpec; readonly start: boolean })
  | (Mutation & { readonly kind: 'vmStart' | 'vmPause' | 'vmResume'; readonly vm: string })
  /** `force`: at once, without asking the guest. */
  | (Mutation & { readonly kind: 'vmStop'; readonly vm: string; readonly force: boolean })
  | (Mutation & { readonly kind: 'vmDelete'; readonly vm: string })
  /** To `node`, or where the scheduler says. `live`: while it runs. */
  | (Mutation & {
      readonly kind: 'vmMigrate';
      readonly vm: string;
      readonly node: NodeName | undefined;
      readonly live: boolean;
    })
  | (Mutation & {
      readonly kind: 'vmSnapshot' | 'vmRestore' | 'vmDeleteSnapshot';
      readonly vm: string;
      readonly snapshot: string;
    })
  | (Mutation & { readonly kind: 'vmAttachDisk'; readonly vm: string; readonly disk: DiskSpec })
  /** Of a shared disk, while it stands still. What is on it stays, and another virtual machine may have it. */
  | (Mutation & { readonly kind: 'vmDetachDisk'; readonly vm: string; readonly disk: string })
  | (Mutation & {
      readonly kind: 'vmResizeDisk';
      readonly vm: string;
      readonly disk: string;
      readonly sizeBytes: number;
    })
  | (Mutation & { readonly kind: 'nodeCordon' | 'nodeUncordon'; readonly node: NodeName })
  /** Cordons it and moves away what runs there: live where it can be, else stopped first. */
  | (Mutation & { readonly kind: 'nodeDrain'; readonly node: NodeName })
  /**
   * The caller has seen that the machine is off: what ran there may run elsewhere at once. The epoch is that of the life which he
   * has seen the end of: asked late, it does nothing to the next one.
   */
  | (Mutation & { readonly kind: 'nodeFence'; readonly node: NodeName; readonly epoch: NodeEpoch })
  /** It will never come back: nothing is waited for any more that only it could say. */
  | (Mutation & { readonly kind: 'nodeForget'; readonly node: NodeName })
  | (Mutation & {
      readonly kind: 'imageAdd';
      readonly name: string;
      readonly digest: Digest;
      readonly format: 'raw' | 'qcow2';
      readonly fileBytes: number;
      readonly virtualBytes: number;
    })
  | (Mutation & { readonly kind: 'imageRemove'; readonly name: string })
  | (Mutation & { readonly kind: 'sharedDiskCreate'; readonly disk: string; readonly sizeBytes: number })
  | (Mutation & { readonly kind: 'sharedDiskDelete'; readonly disk: string })
  | (Mutation & { readonly kind: 'quotaSet'; readonly quota: Quota });

/** Undefined: not bounded. */
export interface Quota {
  readonly vmsMax: number | undefined;
  readonly cpusMax: number | undefined;
  readonly memoryBytesMax: number | undefined;
  readonly diskBytesMax: number | undefined;
  /** Of the files of its images. */
  readonly imageBytesMax: number | undefined;
}

export type PlasmaQuery =
  | { readonly kind: 'vmGet'; readonly project: ProjectName; readonly vm: string }
  | { readonly kind: 'vmList'; readonly project: ProjectName; readonly matches: Labels }
  | { readonly kind: 'nodeList' }
  | { readonly kind: 'imageList'; readonly project: ProjectName }
  | { readonly kind: 'sharedDiskList'; readonly project: ProjectName }
  | { readonly kind: 'quotaGet'; readonly project: ProjectName }
  | { readonly kind: 'operationGet'; readonly project: ProjectName; readonly operationId: OperationId }
  /** What happened, oldest first, behind `fromRevision`; at most `limit`, or, where a single commit has more, all of that. */
  | {
      readonly kind: 'events';
      readonly project: ProjectName;
      readonly fromRevision: Revision;
      readonly limit: number;
      /** Waits so long for the first, where there is none yet. */
      readonly waitUs: number;
    };

/** All names in a request that name a virtual machine take its id or its name. */
export type PlasmaResponse =
  /** A mutation was committed, at this revision; what was changed, as it is wanted now. */
  | {
      readonly kind: 'committed';
      readonly operationId: OperationId;
      readonly revision: Revision;
      readonly vm: VmId | undefined;
    }
  | { readonly kind: 'vms'; readonly revision: Revision; readonly vms: readonly VmShown[] }
  | { readonly kind: 'nodes'; readonly revision: Revision; readonly nodes: readonly NodeShown[] }
  | { readonly kind: 'images'; readonly images: readonly ImageShown[] }
  | { readonly kind: 'sharedDisks'; readonly disks: readonly SharedDiskShown[] }
  | { readonly kind: 'quota'; readonly quota: Quota; readonly used: QuotaUsed }
  | {
      readonly kind: 'operation';
      readonly revision: Revision;
      readonly vm: VmId | undefined;
      readonly state: 'running' | 'done' | 'failed';
      readonly message: string;
    }
  | { readonly kind: 'events'; readonly events: readonly PlasmaEvent[] }
  | PlasmaRefusal;

export const plasmaRefusalCodes = [
  'INVALID',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  /** The operation id was used for something else. */
  'OPERATION_REUSED',
  'QUOTA_EXCEEDED',
  /** The state of the thing does not allow it. */
  'FAILED_PRECONDITION',
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
  /** Ask `leader`, where it is known. Nothing was done. */
  'NOT_LEADER',
  /** Whether it was done is not known: ask again under the same operation id. */
  'UNAVAILABLE',
  'TOO_MANY_REQUESTS',
] as const;
export type PlasmaRefusalCode = (typeof plasmaRefusalCodes)[number];

export interface PlasmaRefusal {
  readonly kind: 'refused';
  readonly code: PlasmaRefusalCode;
  readonly message: string;
  readonly leader: number | undefined;
  /** Where the leader is asked, by the server that refused: for callers who were told of other servers, or in another order. */
  readonly leaderAddress?: string | undefined;
}

export interface VmShown {
  readonly id: VmId;
  readonly spec: VmSpec;
  readonly generation: Generation;
  readonly wanted: 'running' | 'paused' | 'stopped' | 'deleted';
  readonly node: NodeName | undefined;
  readonly fenceToken: FenceToken | undefined;
  /** Where it goes, while it is migrated. */
  readonly migratingTo: NodeName | undefined;
  /** As its node has reported; `pending`: no node has room; `unknown`: its node is not heard. */
  readonly state: VmState | 'pending' | 'unknown';
  readonly instance: InstanceId | undefined;
  readonly cause: EndCause | undefined;
  readonly message: string;
  readonly restarts: number;
  /** Names of the states that are kept of it, oldest first. */
  readonly snapshots: readonly string[];
  /** Of the last change of what is wanted. */
  readonly revision: Revision;
}

export interface NodeShown {
  readonly name: NodeName;
  readonly epoch: NodeEpoch;
  /** `up`: holds a lease. `silent`: its lease may have run out. `lost`: it has, surely; what must stop was given away. */
  readonly state: 'up' | 'silent' | 'lost';
  readonly cordoned: boolean;
  readonly draining: boolean;
  readonly labels: Labels;
  readonly accelerators: readonly string[];
  readonly capacity: Resources;
  /** Placed there, and what may still run there. */
  readonly allocated: Resources;
  readonly vms: number;
  readonly orphans: number;
  readonly address: string;
}

export interface ImageShown {
  readonly name: string;
  readonly digest: Digest;
  readonly format: 'raw' | 'qcow2';
  readonly fileBytes: number;
  readonly virtualBytes: number;
  readonly usedBy: number;
}

export interface SharedDiskShown {
  readonly name: string;
  readonly sizeBytes: number;
  readonly usedBy: VmId | undefined;
  /** `deleting`: it is no more, but its data may be there still, and count. Another may have its name by now. */
  readonly state: 'there' | 'deleting';
}

export interface QuotaUsed {
  readonly vms: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly imageBytes: number;
}

/** An audit record, durable before the answer to what it records: who, what, and what came of it. */
export interface PlasmaEvent {
  readonly revision: Revision;
  /** Wall time of the leader that committed it, ms since 1970. */
  readonly atMs: number;
  /** The caller's identity; of the control plane's own decisions the server's. */
  readonly by: string;
  /** The kind of the request, or of the decision: `placed`, `nodeLost`, `moved`, … */
  readonly what: string;
  readonly project: ProjectName | undefined;
  readonly vm: VmId | undefined;
  readonly node: NodeName | undefined;
  readonly message: string;
}
